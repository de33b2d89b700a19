/** Layers as code: the `sequential({ … })` of a TypeScript file, and the same without spaces, which a link holds. */
import { type Argument, type KindName, kindOf, type Layer } from './kinds.ts'

/** One layer as it is written: `conv2d(1, 6, 5, { padding: 2 })`. Numbers that are as usual are left out. */
function formatLayer({ kind, values }: Layer): string {
  const { arguments: all, isClass } = kindOf(kind)
  const text = ({ key, isFlag }: Argument): string => (isFlag ? String(values[key] === 1) : String(values[key]))
  const isGiven = ({ key, usual }: Argument): boolean => values[key] !== undefined && values[key] !== usual
  const placed = all.filter(({ named }) => !named)
  // A number by its place needs all those before it.
  const count = placed.findLastIndex(argument => argument.usual === undefined || isGiven(argument)) + 1
  const first = placed.slice(0, count).map(argument => (isGiven(argument) ? text(argument) : String(argument.usual)))
  const named = all.filter(argument => argument.named && isGiven(argument))
  const braces =
    named.length > 0 ? [`{ ${named.map(argument => `${argument.key}: ${text(argument)}`).join(', ')} }`] : []
  return `${isClass ? 'new ' : ''}${kind}(${[...first, ...braces].join(', ')})`
}

/** The network as an expression, a layer a line. */
export function formatNetwork(layers: readonly Layer[], indent = ''): string {
  if (layers.length === 0) return 'sequential({})'
  const lines = layers.map(layer => `${indent}  ${layer.name}: ${formatLayer(layer)},\n`)
  return `sequential({\n${lines.join('')}${indent}})`
}

/** The layers as a link holds them: `conv1:conv2d(1,6,5,{padding:2}),relu1:relu()`. */
export const packNetwork = (layers: readonly Layer[]): string =>
  layers.map(layer => `${layer.name}:${formatLayer(layer).replace('new ', '').replaceAll(' ', '')}`).join(',')

/** How a network is trained, in the words of a recipe. */
export interface RecipeWords {
  readonly data: string
  readonly rate: number
  readonly momentum: number
  readonly decay: number
  readonly batch: number
  readonly optimizer: 'sgd' | 'adam' | 'rmsprop'
  readonly epochs: number
  readonly seed: number
}

/** A whole file for `fovea train`. */
export function formatRecipe(layers: readonly Layer[], words: RecipeWords): string {
  const { data, rate, momentum, decay, batch, optimizer, epochs, seed } = words
  const imports = new Map<string, Set<string>>([['fovea/nn', new Set(['sequential'])]])
  for (const { kind } of layers) {
    const { from } = kindOf(kind)
    imports.set(from, (imports.get(from) ?? new Set()).add(kind))
  }
  const lines = [...imports]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([from, names]) => `import { ${[...names].sort(byLetters).join(', ')} } from '${from}'`)
  const first = optimizer === 'adam' ? 'beta1' : 'momentum'
  return `// ${layers.length} layers, built in the Lab. fovea train recipe.ts
${lines.join('\n')}
import { defineRecipe } from 'fovea/recipe'

export default defineRecipe({
  model: () =>
    ${formatNetwork(layers, '    ')},
  data: ${data},
  optimizer: { name: '${optimizer}', lr: ${rate}, ${first}: ${momentum}, weightDecay: ${decay} },
  batchSize: ${batch},
  epochs: ${epochs},
  seed: ${seed},
})
`
}

const byLetters = (a: string, b: string): number => a.localeCompare(b, 'en')

/** Whether a word is the name of a kind. */
export const isKind = (word: string, kinds: object): word is KindName => Object.hasOwn(kinds, word)
