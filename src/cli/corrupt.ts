/** What commands say of pictures in a folder that cannot be read. */
import { DatasetError } from '../data/errors.ts'
import { warn } from './output.ts'

/** Warns once of each picture that turns out to be broken when its pixels are read. */
export function leftOut(): (reason: Error) => void {
  const said = new Set<string>()
  return ({ message }) => {
    // A decoder may give another reason the next time: a file is known by its path, which the message begins with.
    const [file] = /^.*?\.\w+(?=: )/.exec(message) ?? [message]
    if (said.has(file)) return
    said.add(file)
    warn(`left out: ${message}`)
  }
}

/** Opens a folder; an error names the option by which a command leaves broken pictures out. @throws DatasetError */
export async function asOption<T>(option: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error
    throw new DatasetError(error.message.replace("corrupt: 'skip'", option), { cause: error })
  }
}
