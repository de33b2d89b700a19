/** Reads a pipeline of transforms from a file: a module that exports one, or JSON. */
import { readFile } from 'node:fs/promises'
import type { Augmentation, AugmentationSpec } from '../augment/compose.ts'
import { AugmentError } from '../augment/errors.ts'
import { augmentationFrom } from '../augment/table.ts'
import { CommandError } from './errors.ts'
import { importModule, programNames } from './importModule.ts'

/**
 * The pipeline of a file: of a module, its export `augment`, or the `augment` of its default export (a recipe), or the
 * default export itself; of a JSON file, what `Augmentation.spec()` gives, or the `recipe.json` of a run.
 * @throws CommandError naming the file and what is wrong with it.
 */
export async function readAugmentation(file: string): Promise<Augmentation> {
  const value = programNames.test(file) ? await exported(file) : await parsed(file)
  // A module may have loaded another copy of this package: what counts is what it can do.
  if (isAugmentation(value)) return value
  try {
    // A run's recipe.json has its pipeline in a field.
    return augmentationFrom(isRecord(value) && 'augment' in value ? value.augment : value)
  } catch (error) {
    if (!(error instanceof AugmentError)) throw error
    throw new CommandError(`${file}: ${error.message}`)
  }
}

/** The pipeline that an option asks for, as a recipe stores it. @throws CommandError naming the file and what is wrong with it. */
export async function augmentOption(file: string | undefined): Promise<AugmentationSpec | 'none' | undefined> {
  if (file === undefined || file === 'none') return file
  try {
    return (await readAugmentation(file)).spec()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AugmentError') throw error
    throw new CommandError(`${file}: ${error.message}`)
  }
}

async function exported(file: string): Promise<unknown> {
  const { augment, default: main } = await importModule(file)
  const found = augment ?? (isRecord(main) && 'augment' in main ? main.augment : main)
  if (found !== undefined) return found
  throw new CommandError(
    `${file}: exports no pipeline: expected \`export default compose([…])\` or \`export const augment = …\``,
  )
}

async function parsed(file: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CommandError(`${file}: ${code === 'ENOENT' ? 'no such file' : message}`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CommandError(`${file}: neither a module (.ts, .mjs, …) nor JSON: ${(error as Error).message}`)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isAugmentation = (value: unknown): value is Augmentation =>
  isRecord(value) && ['apply', 'mix', 'checkLabels', 'resultShape'].every(name => typeof value[name] === 'function')
