/** A command that starts the process of a trial, given as a prefix: `srun --exact -n1 -c4`. */
import { InvalidArgumentError } from 'commander'

/** A launcher. */
export interface Launcher {
  /** As it was given. */
  readonly text: string
  /** The command and its arguments, at least one. */
  readonly words: readonly string[]
}

/**
 * A launcher from its text, which is divided as a shell does: at spaces, except in quotes or after a backslash. Nothing
 * is replaced: no variables, no patterns.
 * @throws InvalidArgumentError saying what is wrong with it.
 * @example parseLauncher("ssh node7 'cd /shared && exec'").words // ['ssh', 'node7', 'cd /shared && exec']
 */
export function parseLauncher(text: string): Launcher {
  // A word is made of pieces: 'as it is', "with \" in it", \x, and bare characters.
  const piece = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/sy
  const words: string[] = []
  for (let at = 0; at < text.length; ) {
    const space = /\s+/y
    space.lastIndex = at
    if (space.test(text)) {
      at = space.lastIndex
      continue
    }
    let word = ''
    for (let start = -1; start !== at && at < text.length; ) {
      start = at
      piece.lastIndex = at
      const found = piece.exec(text)
      if (!found) break
      const [, plain, quoted, escaped, bare] = found
      word += plain ?? quoted?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? bare ?? ''
      at = piece.lastIndex
    }
    if (at < text.length && !/\s/.test(text[at]!)) {
      throw new InvalidArgumentError(`a quote or backslash has nothing that ends it: ${text.slice(at)}`)
    }
    words.push(word)
  }
  if (words.length === 0 || words[0] === '') {
    throw new InvalidArgumentError('expected a command, such as "srun --exact -n1 -c4".')
  }
  return { text, words }
}
