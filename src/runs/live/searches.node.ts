/** Searches in a folder of runs: what `study.json` of each says, and which values of the searched fields a trial has. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '../../rules/record.ts'
import type { Axis } from '../../study/space.ts'
import { readOwnJson } from './ownJson.node.ts'
import type { SearchSummary, TrialSummary, TrialValue } from './protocol.ts'

/** Where a study has its trials. */
const trialsFolder = 'trials'
/** Fields that are shown; more would be no drawing. */
const mostAxes = 16

/** The searches of a folder; each file is read again when it has changed. */
export class Searches {
  readonly #known = new Map<string, { readonly changed: number; readonly search: SearchSummary | undefined }>()

  /** Those that were found. */
  get all(): SearchSummary[] {
    return [...this.#known.values()].flatMap(({ search }) => search ?? [])
  }

  /**
   * Reads the studies of some folders, and forgets all others.
   * @param folders path of each without links, by its path in the folder of runs; '' is that folder
   * @param title name of that folder
   * @returns whether a search is new, gone or another than before
   */
  async read(folders: ReadonlyMap<string, string>, title: string): Promise<boolean> {
    const before = JSON.stringify(this.all)
    for (const name of this.#known.keys()) if (!folders.has(name)) this.#known.delete(name)
    for (const [name, path] of folders) {
      const file = join(path, 'study.json')
      const changed = await lstat(file).then(
        about => about.mtimeMs,
        () => 0,
      )
      if (changed === 0) this.#known.delete(name)
      else if (this.#known.get(name)?.changed !== changed) {
        this.#known.set(name, { changed, search: searchOf(name || title, await readOwnJson(file)) })
      }
    }
    return JSON.stringify(this.all) !== before
  }

  /** The search whose trial a run is, by the name of the run. */
  of(run: string): SearchSummary | undefined {
    const parts = run.split('/')
    if (parts.at(-2) !== trialsFolder) return undefined
    return this.#known.get(parts.slice(0, -2).join('/'))?.search
  }
}

/** The values of a trial by its recipe. */
export function trialOf({ name, axes }: SearchSummary, recipe: unknown): TrialSummary {
  return { search: name, values: axes.map(({ field }) => valueAt(recipe, field.split('.'))) }
}

function valueAt(recipe: unknown, path: readonly string[]): TrialValue {
  const found = path.reduce<unknown>(
    (value, key) =>
      (isRecord(value) || Array.isArray(value)) && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    recipe,
  )
  // A part by its name: `model=lenet5` becomes { name: 'lenet5' }.
  const value = isRecord(found) && typeof found.name === 'string' ? found.name : found
  if (value === undefined || value === null) return null
  return isPlain(value) ? value : JSON.stringify(value)
}

const isPlain = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value)

/** A search from its file, which may be of any version; undefined for what is none. */
function searchOf(name: string, study: Readonly<Record<string, unknown>> | undefined): SearchSummary | undefined {
  if (study?.kind !== 'search' || !isRecord(study.space)) return undefined
  const axes = Object.entries(study.space).flatMap(([field, given]) => {
    const axis = axisOf(given)
    return axis ? [{ field, axis }] : []
  })
  if (axes.length === 0) return undefined
  return {
    name,
    strategy: typeof study.strategy === 'string' ? study.strategy : '',
    metric: study.metric === 'loss' ? 'loss' : 'accuracy',
    axes: axes.slice(0, mostAxes),
  }
}

function axisOf(given: unknown): Axis | undefined {
  if (!isRecord(given)) return undefined
  const { kind, low, high, values } = given
  if (kind === 'choice') {
    if (!Array.isArray(values) || values.length === 0) return undefined
    return { kind, values: values.map(value => (isPlain(value) ? value : JSON.stringify(value))) }
  }
  if (kind !== 'log' && kind !== 'uniform' && kind !== 'int') return undefined
  if (typeof low !== 'number' || typeof high !== 'number' || !(low < high)) return undefined
  return kind === 'log' && low <= 0 ? undefined : { kind, low, high }
}
