/** JSON files of runs and studies. Fovea wrote them, but a disk or an editor may have damaged or changed them. */
import { readFile } from 'node:fs/promises'
import { isRecord } from '../rules/record.ts'
import { fieldsAmong, type Rule } from '../rules/rules.ts'

/** An object with any fields. */
const anyFields: Rule<Readonly<Record<string, unknown>>> = fieldsAmong({})

/**
 * The fields of a JSON file; undefined when there is no file.
 * @param rule what they must be; any object by default
 * @param remedy what to do about a damaged file
 * @throws Error naming the file, for what is not JSON or breaks the rule.
 */
export async function readFields<T = Readonly<Record<string, unknown>>>(
  path: string,
  rule = anyFields as Rule<T>,
  remedy?: string,
): Promise<T | undefined> {
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
  if (!isRecord(value)) fail('it holds no object')
  return rule.read(value, '', ({ message }) => fail(message))
}
