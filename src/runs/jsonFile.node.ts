/** JSON files that runs and studies keep: what is in them was written by Fovea, unless a disk or an editor had a hand in it. */
import { readFile } from 'node:fs/promises'
import { isRecord } from '../rules/record.ts'

/**
 * The fields of a JSON file; undefined when there is no file.
 * @param needed fields that must be there as objects
 * @param remedy what to do about a damaged file
 * @throws Error naming the file, for what is not JSON, not an object, or lacks a field.
 */
export async function readFields(
  path: string,
  needed: readonly string[] = [],
  remedy?: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const fail = (what: string, cause?: unknown): never => {
    throw new Error(`${path}: cannot be read: ${what}${remedy === undefined ? '' : `; ${remedy}`}`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    fail((error as Error).message, error)
  }
  if (!isRecord(value)) return fail('it holds no object')
  const missing = needed.find(field => !isRecord(value[field]))
  return missing === undefined ? value : fail(`its field '${missing}' is missing, or no object`)
}
