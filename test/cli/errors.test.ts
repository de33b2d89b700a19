import { describe, expect, it } from 'vitest'
import { describeError, exitCodeOf, InterruptError, oneLine, UsageError } from '../../src/cli/errors.ts'

describe('oneLine', () => {
  it.each([
    ['plain', 'plain'],
    [
      'the state does not fit\n  missing (1):\n    a.weight\n    a.bias',
      'the state does not fit; missing (1): a.weight; a.bias',
    ],
    ["unknown option '--x'\n(Did you mean --y?)", "unknown option '--x' (Did you mean --y?)"],
    ['a name with \u001b[31mcontrol\u0007 characters', 'a name with [31mcontrol characters'],
    ['', ''],
  ])('%j → %j', (message, line) => {
    expect(oneLine(message)).toBe(line)
  })
})

it('describes an error in one line, or with its stack', () => {
  expect(describeError(new Error('a.png: no such file'), false)).toBe('fovea: a.png: no such file')
  expect(describeError(new Error('a.png: no such file'), true)).toMatch(/^fovea: Error: a\.png: no such file\n +at /)
  expect(describeError('thrown text', false)).toBe('fovea: thrown text')
})

it('tells kinds of failure apart by the exit code', () => {
  expect([new Error('x'), new UsageError('x'), new InterruptError('x'), 'x'].map(exitCodeOf)).toEqual([1, 2, 130, 1])
})
