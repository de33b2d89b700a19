import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import {
  CommandError,
  describeError,
  exitCodeOf,
  exitCodes,
  oneLine,
  UsageError,
} from '../../src/cli/terminal/errors.ts'
import { SourceError } from '../../src/recipe/errors.ts'

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
  expect(describeError('thrown text', false)).toBe(
    'fovea: code of the recipe threw "thrown text", which is not an Error',
  )
})

it('shows the place in a file below the message', () => {
  const error = new SourceError('a.mjs:1:3: no such\nthing', '> 1 | f()\n    |   ^')
  expect(describeError(error, false)).toBe('fovea: a.mjs:1:3: no such; thing\n> 1 | f()\n    |   ^')
})

it('after a signal, the exit code is 128 and the number of the signal, as shells have it', () => {
  for (const [name, code] of Object.entries(exitCodes)) {
    if (name.startsWith('SIG')) expect(code).toBe(128 + constants.signals[name as NodeJS.Signals])
  }
})

it('tells kinds of failure apart by the exit code', () => {
  const thrown = [new Error('x'), new CommandError('x'), new UsageError('x'), new SourceError('x', ''), 'x']
  expect(thrown.map(exitCodeOf)).toEqual([1, 1, 2, 2, 2])
})
