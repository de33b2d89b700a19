/** JSON files of a folder that others write. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { isRecord } from '../../rules/record.ts'

/** Recipes and results are far smaller. */
const largestJson = 2 ** 20

/**
 * The object in a JSON file of a run; undefined when there is none, it is a link, or it is damaged.
 * @param path without links
 */
export async function readOwnJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const about = await stat(path)
    if (!about.isFile() || about.size > largestJson || (await realpath(path)) !== path) return undefined
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}
