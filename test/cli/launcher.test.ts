/** The words of a launcher. */
import { describe, expect, it } from 'vitest'
import { parseLauncher } from '../../src/cli/study/launcher.ts'

describe('parseLauncher', () => {
  it.each([
    ['env', ['env']],
    ['srun --exact -n1 -c4', ['srun', '--exact', '-n1', '-c4']],
    ['  a\t b\n', ['a', 'b']],
    [`ssh node7 'cd /shared && exec'`, ['ssh', 'node7', 'cd /shared && exec']],
    [`env 'A=it'\\''s' "B=a \\"b\\" \\c"`, ['env', "A=it's", 'B=a "b" \\c']],
    ['a\\ b', ['a b']],
    [`env X='' ''`, ['env', 'X=', '']],
    ['env $HOME *', ['env', '$HOME', '*']],
  ])('%s', (text, words) => {
    expect(parseLauncher(text)).toEqual({ text, words })
  })

  it.each([
    ['', 'expected a command, such as "srun --exact -n1 -c4".'],
    ['  ', 'expected a command'],
    ["''", 'expected a command'],
    ["env 'A=1", "a quote or backslash has nothing that ends it: 'A=1"],
    ['env A\\', 'a quote or backslash has nothing that ends it: \\'],
  ])('%j is refused', (text, message) => {
    expect(() => parseLauncher(text)).toThrow(message)
  })
})
