/** The Lab's worker, in Node: when it takes steps, and when it rests, looks and counts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { firstRecipe, type Recipe } from '../../lab/src/state/recipe.ts'
import type { Answer } from '../../lab/src/worker/protocol.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { Session } from '../../lab/src/worker/session.ts'
import { Watch } from '../../lab/src/worker/watch.ts'
import { createEngine, type Engine } from '../../src/index.ts'
import { digitShards } from './digits.ts'

let engine: Engine
beforeAll(() => {
  engine = createEngine({ threads: 1, precise: true })
})
afterAll(() => engine.close())

const recipe: Recipe = { ...firstRecipe, images: 300, batch: 16 }

/** A session, what it has said, and the steps before which it has rested. */
async function begin(): Promise<{ session: Session; said: Answer[]; rests: number[] }> {
  const source = await digitShards(recipe.images, 300)
  const run = new LabRun(recipe, source, engine)
  const [said, rests]: [Answer[], number[]] = [[], []]
  const session = new Session(run, new Watch(engine, run.model, run.facts.shape), await source.shard(0), {
    say: answer => said.push(answer),
    isGoingElsewhere: () => false,
    isUndisturbed: async () => true,
    isCrowded: true,
    rest: () => rests.push(run.step),
  })
  await session.begin()
  return { session, said, rests }
}

test('a training rests before every step, so that the page can draw', async () => {
  const { session, rests } = await begin()
  await session.obey({ type: 'play', until: 4 })
  while (session.isPlaying) await session.work()
  expect(rests).toEqual([0, 1, 2, 3])
})

test('while a look is drawn nothing else is made to be drawn', async () => {
  const { session, said } = await begin()
  const kinds = (): string[] => said.map(({ type }) => type).filter(type => type === 'look' || type === 'statistics')
  await session.obey({ type: 'play', until: 1000 })
  for (let k = 0; k < 3; k++) await session.work()
  expect(kinds()).toEqual(['look'])
  await session.obey({ type: 'taken', drawn: 1000 })
  for (let k = 0; k < 3; k++) await session.work()
  expect(kinds()).toEqual(['look', 'statistics'])
})

test('a training that has opened waits for what is wanted of it, and does nothing that would not be seen', async () => {
  const { session, said } = await begin()
  expect(session.isIdle).toBe(true)
  await session.obey({ type: 'show', mode: 'weights' })
  expect(session.isIdle).toBe(false)
  while (!session.isIdle) {
    await session.work()
    await session.obey({ type: 'taken', drawn: 1 })
  }
  expect(said.map(({ type }) => type)).toEqual(['look', 'statistics'])
})
