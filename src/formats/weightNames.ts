/**
 * Finds the weights of a model among the tensors of a file: under the model's names, or under names that wrappers and
 * checkpoints extended with a prefix or with parts in between.
 *
 * 1. Names that match the model's are used unchanged.
 * 2. Otherwise the prefix before them is found from the model's names: `state_dict.model.`, `module.`, `net.` or any
 *    other. It must have at least half of the model's names under it; the prefix with the most names is taken.
 * 3. Only where that finds more, parts of names that wrappers put between the model's own are left out as well
 *    (`stem._orig_mod.0.weight`).
 * 4. Where several sets fit equally, averaged weights are preferred (`state_dict_ema`, `model_ema`, `average`), because
 *    a run is scored by them. Any other tie is an error, and the caller must choose.
 */
import { type FileTensor, WeightsError, type WeightsFile } from './weightsFile.ts'

/** Options of {@link chooseWeights}. */
export interface ChooseWeightsOptions {
  /**
   * The prefix of the model's names in the file, detected by default: `'teacher.'`. As in the file, or the end of it
   * (`'model.'` for `state_dict.model.`). `''` takes the names as they are.
   */
  readonly prefix?: string
  /** Take the averaged weights where a file has both, true by default; otherwise those of the last step. */
  readonly average?: boolean
}

/** The weights of a model in a file. */
export interface ChosenWeights {
  /** By the model's names; the file may have more or fewer than the model. */
  readonly tensors: ReadonlyMap<string, FileTensor>
  /** The changes made to find them, as sentences; empty when the file has the model's own names. */
  readonly notes: readonly string[]
}

/**
 * The weights of a model in a file, by the model's names.
 * @param wanted the model's variables by name
 * @throws WeightsError when the file has no tensors, none with the prefix, or several sets that fit.
 * @example
 * // { epoch: 90, state_dict: { 'module.conv1.weight': … }, optimizer: … }
 * chooseWeights(file, model.variables()).notes // ["took 'state_dict.module.' off the names of 62 tensors, and left out 124 others"]
 */
export function chooseWeights(
  file: WeightsFile,
  wanted: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  { prefix, average = true }: ChooseWeightsOptions = {},
): ChosenWeights {
  if (file.tensors.size === 0) throw new WeightsError(file.name, nothing(file))
  const asTheyAre: Candidate = { prefix: '', names: file.tensors, notes: [], ...countOf(file.tensors, wanted) }
  if (prefix === '' || (prefix === undefined && asTheyAre.found === wanted.size)) return chosenOf(asTheyAre, file)
  const named = ofRun(file.tensors, wanted, average)
  const candidates = [candidatesIn(named, wanted), candidatesIn(withoutWrappers(named), wanted)]
  if (prefix !== undefined) return chosenOf(withPrefix(prefix, candidates.flat(), file), file)
  const [plain, shortened] = candidates.map(all => bestOf(all.filter(({ found }) => 2 * found >= wanted.size)))
  const best = foundBy(shortened) > foundBy(plain) ? shortened : plain
  return chosenOf(best?.length ? pick(best, average, file) : asTheyAre, file)
}

type Wanted = ReadonlyMap<string, { readonly shape: readonly number[] }>

/** Tensors of a file under new names. */
interface Named {
  readonly names: ReadonlyMap<string, FileTensor>
  /** The changes of the names. */
  readonly notes: readonly string[]
}

/** Measure of how well a set of tensors fits a model. */
interface Count {
  /** Names of the model that it has. */
  readonly found: number
  /** Those of the model's shape. */
  readonly fitting: number
}

/** A candidate prefix. */
interface Candidate extends Named, Count {
  readonly prefix: string
}

const isFitting = (tensor: FileTensor, { shape }: { readonly shape: readonly number[] }) =>
  String(tensor.shape) === String(shape)

function countOf(names: ReadonlyMap<string, FileTensor>, wanted: Wanted): Count {
  const found = [...names].filter(([name]) => wanted.has(name))
  return { found: found.length, fitting: found.filter(([name, tensor]) => isFitting(tensor, wanted.get(name)!)).length }
}

/** Prefixes of the model's names in the file. An optimizer's tensors may have the same names. */
function candidatesIn(named: Named, wanted: Wanted): Candidate[] {
  const counts = new Map<string, { found: number; fitting: number }>()
  for (const [path, tensor] of named.names) {
    if (path.startsWith('optim')) continue
    for (const start of partsOf(path)) {
      const variable = wanted.get(path.slice(start))
      if (!variable) continue
      const prefix = path.slice(0, start)
      const count = counts.get(prefix) ?? { found: 0, fitting: 0 }
      count.found++
      if (isFitting(tensor, variable)) count.fitting++
      counts.set(prefix, count)
    }
  }
  return [...counts].map(([prefix, count]) => ({ ...named, ...count, prefix }))
}

/** Positions at which the parts of a path begin. */
const partsOf = (path: string) => [0, ...Array.from(path.matchAll(/\./g), ({ index }) => index + 1)]

/** Parts that wrappers of modules put into names: `DataParallel`, `torch.compile`, activation checkpointing, FSDP. */
const wrappers = ['module', '_orig_mod', '_checkpoint_wrapped_module', '_fsdp_wrapped_module']

/** The tensors without the parts of wrappers in their names; none where two would have the same name. */
function withoutWrappers({ names, notes }: Named): Named {
  const hidden = new Set<string>()
  const shorter = new Map<string, FileTensor>()
  for (const [path, tensor] of names) {
    const parts = path.split('.')
    for (const part of parts) if (wrappers.includes(part)) hidden.add(part)
    shorter.set(parts.filter(part => !wrappers.includes(part)).join('.'), tensor)
  }
  return {
    names: shorter.size === names.size ? shorter : new Map(),
    notes: [...notes, `left ${[...hidden].map(quote).join(', ')} out of the names`],
  }
}

/**
 * Of a checkpoint of a run of Fovea, whose tensors are called `model.…`, `average.…` and `optimizer.…`, the model's:
 * the averaged ones instead of those that they are averages of, and without the preprocessing, where the model has
 * none.
 */
function ofRun(tensors: WeightsFile['tensors'], wanted: Wanted, average: boolean): Named {
  if (![...tensors.keys()].every(path => /^(model|average|optimizer)\./.test(path)))
    return { names: tensors, notes: [] }
  const names = new Map(tensors)
  let averaged = 0
  for (const [path, tensor] of tensors) {
    const name = path.slice(path.indexOf('.') + 1)
    if (path.startsWith('average.')) {
      if (average && names.has(`model.${name}`)) names.set(`model.${name}`, tensor)
      averaged++
    }
    if (!path.startsWith('model.') || (name.startsWith('normalize.') && !wanted.has(name))) names.delete(path)
  }
  const taken = average
    ? `took the averages of ${averaged} tensors ("average.")`
    : `left out the averages of ${averaged} tensors`
  return { names, notes: averaged > 0 ? [taken] : [] }
}

/** The candidate that a prefix means: exactly as in the file, or as the end of a prefix in the file. */
function withPrefix(prefix: string, candidates: readonly Candidate[], file: WeightsFile): Candidate {
  const [same] = bestOf(candidates.filter(candidate => candidate.prefix === prefix))
  if (same) return same
  const paths = [...file.tensors.keys()]
  if (paths.some(path => path.startsWith(prefix)))
    return { prefix, names: file.tensors, notes: [], found: 0, fitting: 0 }
  const ending = bestOf(candidates.filter(candidate => candidate.prefix.endsWith(`.${prefix}`)))
  if (new Set(ending.map(candidate => candidate.prefix)).size > 1) throw several(file, ending)
  if (ending[0]) return ending[0]
  const first = paths.slice(0, 3).map(quote).join(', ')
  throw new WeightsError(
    file.name,
    `no tensor's name begins with ${quote(prefix)}; there are ${first}${paths.length > 3 ? ', …' : ''}`,
  )
}

/** The candidates with the most names, and among these the ones with the most shapes of the model. */
function bestOf(candidates: readonly Candidate[]): Candidate[] {
  const most = candidates.reduce((best, candidate) => (compare(candidate, best) > 0 ? candidate : best), noCount)
  return candidates.filter(candidate => compare(candidate, most) === 0)
}

const noCount: Count = { found: 0, fitting: 0 }

const compare = (a: Count, b: Count) => a.found - b.found || a.fitting - b.fitting

const foundBy = (candidates: readonly Candidate[] | undefined) => candidates?.[0]?.found ?? 0

/** Names of averages: `state_dict_ema`, `model_ema`, `ema_model`, `swa_model`, `params_ema`. */
const isAveraged = ({ prefix }: Candidate) => /(^|[._])(ema|swa|averaged?)([._]|$)/.test(prefix)

/** Lightning's WeightAveraging: `state_dict` has the averages, and this has the weights of the last step. */
const lastOfLightning = 'current_model_state.'

/** One of several that fit equally. @throws WeightsError when nothing favors one of them */
function pick(candidates: readonly Candidate[], average: boolean, file: WeightsFile): Candidate {
  const asTheyAre = candidates.find(({ prefix }) => prefix === '')
  if (asTheyAre || candidates.length === 1) return asTheyAre ?? candidates[0]!
  const isOfLightning = candidates.some(({ prefix }) => prefix.startsWith(lastOfLightning))
  const isPreferred = (candidate: Candidate) =>
    isOfLightning
      ? candidate.prefix.startsWith(average ? 'state_dict.' : lastOfLightning)
      : isAveraged(candidate) === average
  const [best, ...more] = candidates.filter(isPreferred)
  if (!best || more.length > 0) throw several(file, best ? [best, ...more] : candidates)
  const others = candidates.filter(candidate => candidate !== best).map(({ prefix }) => quote(prefix))
  const what = average ? 'the averaged weights' : 'the weights of the last step'
  return { ...best, notes: [...best.notes, `took ${what}, ${quote(best.prefix)}, and not ${others.join(', ')}`] }
}

const several = (file: WeightsFile, candidates: readonly Candidate[]) => {
  const prefixes = [...new Set(candidates.map(({ prefix }) => prefix))].slice(0, 10).map(quote)
  return new WeightsError(
    file.name,
    `holds several sets of weights that fit: say with prefix which of ${prefixes.join(', ')}`,
  )
}

function chosenOf({ prefix, names, notes }: Candidate, file: WeightsFile): ChosenWeights {
  const tensors = new Map<string, FileTensor>()
  for (const [path, tensor] of names) if (path.startsWith(prefix)) tensors.set(path.slice(prefix.length), tensor)
  if (prefix === '') return { tensors, notes }
  const others = file.tensors.size - tensors.size
  const left = others > 0 ? `, and left out ${others === 1 ? 'one other' : `${others} others`}` : ''
  return { tensors, notes: [...notes, `took ${quote(prefix)} off the names of ${tensors.size} tensors${left}`] }
}

/** Why there is nothing to choose from. */
function nothing({ other }: WeightsFile): string {
  const texts = [...other].slice(0, 5).map(([path, value]) => {
    const what = typeof value === 'object' && value !== null ? value.skipped : typeof value
    return `${quote(path.slice(0, 100))} (${what})`
  })
  const held = texts.length === 0 ? 'empty containers' : `${texts.join(', ')}${other.size > 5 ? ', …' : ''}`
  const isObject = [...other.values()].some(value => typeof value === 'object' && value !== null)
  const cure = isObject ? ': pickled modules and other objects are not read, save model.state_dict() instead' : ''
  return `holds no tensors, only ${held}${cure}`
}

const quote = (text: string) => JSON.stringify(text)
