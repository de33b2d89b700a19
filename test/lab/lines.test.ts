/** Lines of training: changes in the past make forks, and the first line stays. */
import { describe, expect, test } from 'vitest'
import { Lines } from '../../lab/src/state/lines.ts'
import { controlsAt, firstRecipe, historyKey, type Intervention, withIntervention } from '../../lab/src/state/recipe.ts'

const faster: Intervention = { at: 3, name: 'rate', value: 0.5 }

/** A line of `steps` steps. */
function trained(steps: number): Lines {
  const lines = new Lines()
  lines.begin([])
  lines.record(
    0,
    Array.from({ length: steps }, (_, k) => k),
  )
  return lines
}

describe('lines of training', () => {
  test('a change at the head stays on the line', () => {
    const lines = trained(3)
    lines.change(3, [faster])
    expect(lines.fork).toBeUndefined()
    expect(lines.current.interventions).toEqual([faster])
  })

  test('a change in the past begins a fork with the same past', () => {
    const lines = trained(10)
    lines.change(3, [faster])
    lines.record(3, [100, 101])
    expect(lines.isOnFork).toBe(true)
    expect(lines.current.losses).toEqual([0, 1, 2, 100, 101])
    expect(lines.base.losses).toHaveLength(10)
    expect(lines.base.interventions).toEqual([])
  })

  test('a fork of a fork takes its place, from where it leaves the first line', () => {
    const lines = trained(10)
    lines.change(3, [faster])
    lines.record(3, [100, 101, 102])
    lines.change(5, [faster, { at: 5, name: 'batch', value: 16 }])
    expect(lines.fork).toMatchObject({ from: 3, losses: [0, 1, 2, 100, 101] })
    lines.change(1, [{ at: 1, name: 'batch', value: 16 }])
    expect(lines.fork).toMatchObject({ from: 1, losses: [0] })
  })

  test('both can be looked at again', () => {
    const lines = trained(10)
    lines.change(3, [faster])
    lines.leaveFork()
    expect(lines.head).toBe(10)
    lines.enterFork()
    expect(lines.head).toBe(3)
  })
})

describe('interventions', () => {
  test('count for the step that follows them', () => {
    expect([2, 3, 4].map(step => controlsAt(firstRecipe, [faster], step).rate)).toEqual([firstRecipe.rate, 0.5, 0.5])
  })

  test('of one control at one moment are one, the last', () => {
    const all = withIntervention([faster], { at: 3, name: 'rate', value: 0.1 })
    expect(all).toEqual([{ at: 3, name: 'rate', value: 0.1 }])
  })

  test('restarts of several units at one moment are several', () => {
    const restart = (value: string): Intervention => ({ at: 3, name: 'restart', value })
    expect(withIntervention(withIntervention([], restart('fc1.1')), restart('fc1.2'))).toHaveLength(2)
  })

  test('decide only the weights after them', () => {
    expect(historyKey([faster], 3)).toBe('')
    expect(historyKey([faster], 4)).toBe('3:rate:0.5')
  })
})
