/** Finds the weights of a model in a file of PyTorch, and gives them the names that the model uses. */
import { type PyTorchDictionary, type PyTorchFile, PyTorchFileError, type PyTorchTensor } from './pytorchFile.ts'

/** Options of {@link stateDict}. */
export interface StateDictOptions {
  /**
   * What to take off the names; tensors whose path begins otherwise are left out. `''` keeps everything as it is.
   * With `'auto'`, the default:
   * 1. In a checkpoint, the dictionary is chosen that is called `state_dict`, `model_state_dict`, `model`, `net`,
   *    `network`, `module`, `weights` or `params` (the first of these), or the only one that holds tensors.
   * 2. From its names, `module.` (`DataParallel`), `_orig_mod.` (`torch.compile`), `state_dict.`, `model.`, `net.` and
   *    `network.` are taken off as long as all of them begin with it.
   */
  readonly prefix?: 'auto' | (string & {})
}

/**
 * The weights of a file by the model's names, ready for `loadState`.
 * @throws PyTorchFileError when there are none, or when there are several sets and `prefix` does not say which.
 *
 * @example
 * const file = readPyTorch(await readFile('checkpoint.pth')) // { epoch: 90, state_dict: { 'module.conv1.weight': … } }
 * loadState(model, stateDict(file)) // conv1.weight, …
 */
export function stateDict(file: PyTorchFile, { prefix = 'auto' }: StateDictOptions = {}): Map<string, PyTorchTensor> {
  if (file.tensors.size === 0) throw new PyTorchFileError(file.file, `holds no tensors, only ${contents(file)}`)
  if (prefix === 'auto') return stripCommon(flatten(choose(file)))
  const found = [...file.tensors].filter(([path]) => path.startsWith(prefix))
  if (found.length === 0) {
    const first = [...file.tensors.keys()].slice(0, 3).map(path => JSON.stringify(path))
    throw new PyTorchFileError(
      file.file,
      `no tensor's path begins with ${JSON.stringify(prefix)}; there are ${first.join(', ')}, …`,
    )
  }
  return new Map(found.map(([path, tensor]) => [path.slice(prefix.length), tensor]))
}

/** Names of the dictionary that holds the weights, the more telling first. */
const wrappers = ['state_dict', 'model_state_dict', 'model', 'net', 'network', 'module', 'weights', 'params']

/** What wrappers of modules put before every name. */
const prefixes = ['module.', '_orig_mod.', 'state_dict.', 'model.', 'net.', 'network.']

function choose({ file, root }: PyTorchFile): PyTorchDictionary {
  let chosen = root
  while (true) {
    const { tensors, dictionaries } = chosen
    const wrapper = wrappers.find(name => dictionaries.has(name))
    const inner = wrapper === undefined ? undefined : dictionaries.get(wrapper)
    if (inner) chosen = inner
    else if (tensors.size > 0) return chosen
    else if (dictionaries.size === 1) chosen = [...dictionaries.values()][0]!
    else {
      const names = [...dictionaries.keys()].slice(0, 10).map(name => JSON.stringify(name))
      throw new PyTorchFileError(file, `holds several sets of tensors: say with prefix which of ${names.join(', ')}`)
    }
  }
}

function flatten(dictionary: PyTorchDictionary, path = '', into = new Map<string, PyTorchTensor>()) {
  for (const [name, tensor] of dictionary.tensors) into.set(path + name, tensor)
  for (const [name, inner] of dictionary.dictionaries) flatten(inner, `${path}${name}.`, into)
  return into
}

/** Takes off what wrappers of modules put before every name. */
export function stripCommon<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  const names = [...tensors.keys()]
  let start = 0
  while (names.length > 0) {
    const prefix = prefixes.find(text =>
      names.every(name => name.startsWith(text, start) && name.length > start + text.length),
    )
    if (prefix === undefined) break
    start += prefix.length
  }
  return new Map([...tensors].map(([name, tensor]) => [name.slice(start), tensor]))
}

function contents({ other }: PyTorchFile): string {
  const texts = [...other].slice(0, 5).map(([path, value]) => {
    const what = typeof value === 'object' && value !== null ? value.skipped : typeof value
    return `${JSON.stringify(path.slice(0, 100))} (${what})`
  })
  return texts.length === 0 ? 'empty containers' : `${texts.join(', ')}${other.size > 5 ? ', …' : ''}`
}
