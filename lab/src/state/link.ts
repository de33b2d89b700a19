/**
 * The Lab's state as the fragment of its address, `#v=1&screen=train&seed=0&step=812&…`, and back. What is as on a first visit is
 * left out. A fragment never reaches a server.
 */
import { formatEdits, type ImageEdits, mostEdits, parseEdits } from './edits.ts'
import {
  batchSizes,
  type Controls,
  dataNames,
  fits,
  type Intervention,
  type NetworkName,
  networks,
  optimizers,
  type Recipe,
  ranges,
  recipeFor,
} from './recipe.ts'

/** The screens there are. */
export const screens = ['train', 'look', 'convolve', 'judge', 'build', 'runs', 'teach'] as const
export type Screen = (typeof screens)[number]

/** Screens on which the network of the page is not seen: its training rests meanwhile. */
export const restingScreens: ReadonlySet<Screen> = new Set<Screen>(['build', 'runs', 'teach'])

/** A place in the network. */
export interface Place {
  readonly layer: string
  readonly unit?: number
  readonly row?: number
  readonly column?: number
}

/** What a link says. */
export interface Link {
  readonly recipe: Recipe
  readonly interventions: readonly Intervention[]
  /** The moment to show; none for a training that begins. */
  readonly step?: number
  readonly screen: Screen
  /** Number of a test image. */
  readonly probe?: number
  readonly place?: Place
  /** Changes of training images that nothing was trained with yet. */
  readonly edits?: ImageEdits
}

/** Version of links: a later one may mean other weights by the same words. */
export const linkVersion = 1

/** Thrown for a link that cannot be followed; says what to do. */
export class LinkError extends Error {
  override readonly name = 'LinkError'
}

const firstModel: NetworkName = 'lenet5'
const firstData = (model: NetworkName): Recipe['data'] => networks[model].data[0]

/** The fragment of a state, with its `#`. */
export function formatLink({ recipe, interventions, step, screen, probe, place, edits }: Link): string {
  const parts = new URLSearchParams({ v: String(linkVersion), screen })
  const usual: Recipe = { ...recipeFor(recipe.model, recipe.data), model: firstModel, data: firstData(recipe.model) }
  for (const [name, value] of Object.entries(recipe)) {
    if (value !== usual[name as keyof Recipe]) parts.set(name, String(value))
  }
  if (step !== undefined) parts.set('step', String(step))
  if (probe !== undefined) parts.set('probe', String(probe))
  if (place) parts.set('place', formatPlace(place))
  if (edits) parts.set('edits', formatEdits(edits))
  if (interventions.length > 0) {
    parts.set('do', interventions.map(({ at, name, value }) => `${at}:${name}:${value}`).join(','))
  }
  // Colons and commas may stand in a fragment as they are, and are easier to read so.
  return `#${parts.toString().replaceAll('%3A', ':').replaceAll('%2C', ',')}`
}

/**
 * Reads a fragment.
 * @throws LinkError when it is of another version, or a part of it is not what it can be.
 */
export function parseLink(fragment: string): Link {
  const parts = new URLSearchParams(fragment.replace(/^#/, ''))
  const version = parts.get('v')
  if (version !== null && version !== String(linkVersion)) {
    throw new LinkError(
      `This link is of version ${version} of the Lab's links; this Lab reads version ${linkVersion}. Open it with the Lab it was copied from, or start anew.`,
    )
  }
  const step = parts.has('step') ? wholeNumber('step', parts.get('step')!, 0) : undefined
  const probe = parts.has('probe') ? wholeNumber('probe', parts.get('probe')!, 0) : undefined
  const place = parts.has('place') ? parsePlace(parts.get('place')!) : undefined
  const edits = parts.has('edits') ? imageEdits('edits', parts.get('edits')!) : undefined
  return {
    recipe: parseRecipe(parts),
    interventions: (parts.get('do') ?? '').split(',').filter(Boolean).map(parseIntervention),
    screen: oneOf('screen', parts.get('screen') ?? 'train', screens),
    ...(step !== undefined && { step }),
    ...(probe !== undefined && { probe }),
    ...(place && { place }),
    ...(edits && { edits }),
  }
}

function parseRecipe(parts: URLSearchParams): Recipe {
  const names = Object.keys(networks) as NetworkName[]
  const model = oneOf('model', parts.get('model') ?? firstModel, names)
  const data = oneOf('data', parts.get('data') ?? firstData(model), Object.keys(dataNames) as Recipe['data'][])
  if (!fits(model, data)) throw wrong('data', data, `${networks[model].data.join(', ')} for model=${model}`)
  const usual = recipeFor(model, data)
  const read = (name: Exclude<keyof Recipe, 'pictures' | 'layers' | 'backend'>): string =>
    parts.get(name) ?? String(usual[name])
  const pictures = parts.get('pictures')
  if (pictures !== null && !/^[0-9a-f]{16}$/.test(pictures)) throw wrong('pictures', pictures, '16 hexadecimal digits')
  const layers = model === 'custom' ? (parts.get('layers') ?? '') : undefined
  // Whoever trains or shows the network reads its layers.
  if (layers === '') throw wrong('layers', layers, 'the layers of the network')
  const backend = oneOf('backend', parts.get('backend') ?? 'wasm', ['wasm', 'webgpu'])
  return {
    model,
    data,
    images: wholeNumber('images', read('images'), 1),
    seed: wholeNumber('seed', read('seed'), 0),
    rate: control('rate', read('rate')),
    momentum: control('momentum', read('momentum')),
    decay: control('decay', read('decay')),
    batch: control('batch', read('batch')),
    optimizer: control('optimizer', read('optimizer')),
    ...(pictures !== null && { pictures }),
    ...(layers !== undefined && { layers }),
    ...(backend === 'webgpu' && { backend }),
  }
}

function parseIntervention(text: string): Intervention {
  const [at = '', name = '', value = ''] = text.split(':')
  const step = wholeNumber('do', at, 0)
  if (name === 'restart') {
    if (!/^[\w.]+\.\d+$/.test(value)) throw wrong('do', text, 'layer.unit')
    return { at: step, name, value }
  }
  if (name === 'images') return { at: step, name, value: formatEdits(imageEdits('do', value)) }
  const known = oneOf('do', name, ['rate', 'momentum', 'decay', 'batch', 'optimizer'] as const)
  return { at: step, name: known, value: control(known, value) } as Intervention
}

/** The value of a control, checked. */
function control<K extends keyof Controls>(name: K, text: string): Controls[K] {
  if (name === 'optimizer') return oneOf(name, text, optimizers) as Controls[K]
  if (name === 'batch') return Number(oneOf(name, text, batchSizes.map(String))) as Controls[K]
  const { least, most } = ranges[name as keyof typeof ranges]
  const value = Number(text)
  // A rate of 0 is out of the slider's reach, but a training that stands still is worth a link.
  if (text === '' || !(value >= Math.min(least, 0) && value <= most)) throw wrong(name, text, `a number up to ${most}`)
  return value as Controls[K]
}

const formatPlace = ({ layer, unit, row, column }: Place): string =>
  [layer, unit, row, column].filter(part => part !== undefined).join(':')

function parsePlace(text: string): Place {
  const [layer = '', ...numbers] = text.split(':')
  if (layer === '' || numbers.length > 3) throw wrong('place', text, 'layer:map:row:column')
  const [unit, row, column] = numbers.map(number => wholeNumber('place', number, 0))
  return {
    layer,
    ...(unit !== undefined && { unit }),
    ...(row !== undefined && { row }),
    ...(column !== undefined && { column }),
  }
}

function imageEdits(name: string, text: string): ImageEdits {
  const edits = parseEdits(text)
  if (!edits) throw wrong(name, text, `image.label or image.x, at most ${mostEdits} of them`)
  return edits
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text)
  if (text === '' || !Number.isSafeInteger(value) || value < least)
    throw wrong(name, text, `a whole number from ${least}`)
  return value
}

function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const found = values.find(value => value === text)
  if (found === undefined) throw wrong(name, text, values.join(', '))
  return found
}

const wrong = (name: string, text: string, expected: string): LinkError =>
  new LinkError(
    `This link has ${name}=${text}; expected ${expected}. It may have been cut off: copy it again, or start anew.`,
  )
