/** What Build knows: the layers that are edited or the network that is looked at, and what follows from them. It touches no document. */
import { batch, computed, type Signal, signal } from '@preact/signals'
import { type NetworkGraph, networkGraph } from '../../../../src/inspect/index.ts'
import { findModel, type ModelName } from '../../../../src/models/index.ts'
import type { Module } from '../../../../src/nn/index.ts'
import { openModules } from '../../../../src/plot/networkModules.ts'
import { packNetwork } from '../../network/code.ts'
import { type Argument, freeName, type KindName, kindOf, type Layer, numberOf } from '../../network/kinds.ts'
import { layersOf } from '../../network/layersOf.ts'
import { makeNetwork } from '../../network/make.ts'
import { type Misfit, type Shape, walk, withValue } from '../../network/misfits.ts'
import { type DataName, firstRecipe, isPointSet, type Recipe, recipeFor } from '../../state/recipe.ts'
import { type DataFacts, factsOf } from '../../worker/facts.ts'
import { createModel } from '../../worker/networks.ts'
import type { FileNetwork } from './files.ts'

/** A network as it is shown. */
export interface Shown {
  readonly name: string
  readonly graph: NetworkGraph
}

/** What is looked at and not edited. */
export type Looked =
  | { readonly kind: 'model'; readonly name: ModelName }
  | { readonly kind: 'file'; readonly file: FileNetwork }

/** Networks that were edited before. */
type Past = Signal<readonly (readonly Layer[])[]>

/** Most states that can be gone back to. */
const mostPast = 200

/** Numbers that a new layer has where it needs some: those of small networks. */
const firstValues: Readonly<Record<string, number>> = {
  kernel: 3,
  out: 16,
  size: 1,
  ones: 16,
  threes: 16,
  fives: 8,
  width: 16,
  squeeze: 8,
  expand: 16,
  expansion: 6,
  reduction: 4,
  stride: 1,
}

/** Pictures of one's own, if the page has some: what they are. */
export type OwnFacts = () => DataFacts | undefined

/** The screen's state. */
export class Build {
  readonly layers = signal<readonly Layer[]>([])
  readonly data = signal<DataName>('mnist')
  /** What the network would be trained on: a graphics processor, or by default WebAssembly. */
  readonly backend = signal<Recipe['backend']>(undefined)
  /** Set while something is looked at that is not edited. */
  readonly looked = signal<Looked | undefined>(undefined)
  /** Name of what is being opened. */
  readonly opening = signal<string | undefined>(undefined)
  /** Path of the chosen layer or module. */
  readonly chosen = signal<string | undefined>(undefined)
  /** Modules that were opened or closed by hand, by path. */
  readonly #byHand = signal<ReadonlyMap<string, boolean>>(new Map())
  readonly #past = signal<readonly (readonly Layer[])[]>([])
  readonly #future = signal<readonly (readonly Layer[])[]>([])
  readonly #own: OwnFacts

  constructor(recipe: Recipe, own: OwnFacts = () => undefined) {
    this.#own = own
    this.take(recipe)
  }

  readonly canUndo = computed(() => this.#past.value.length > 0)
  readonly canRedo = computed(() => this.#future.value.length > 0)

  /** What the pictures are. */
  readonly facts = computed((): DataFacts => {
    const data = this.data.value
    return (data === 'own' ? this.#own() : undefined) ?? factsOf(data === 'own' ? 'mnist' : data)
  })
  /** `[C, H, W]` of a picture. */
  readonly input = computed((): readonly [number, number, number] => {
    const [height, width, channels] = this.facts.value.shape
    return [channels, height, width]
  })

  /** What fits, and what does not. */
  readonly walk = computed(() => walk(this.layers.value, this.input.value, this.facts.value.classes.length))

  /** The layers that can be traced: those before the first that does not fit; and what the library says of them. */
  readonly #traced = computed((): { readonly shown?: Shown; readonly failure?: Misfit } => {
    const layers = this.layers.value
    const wrong = this.walk.value.misfits.find(({ isWrong }) => isWrong)
    const fitting = layers.slice(0, wrong ? wrong.at : layers.length)
    try {
      return { shown: shownOf('your network', makeNetwork(fitting), this.input.value) }
    } catch (error) {
      const { message } = error as Error
      const at = Math.max(
        0,
        fitting.findIndex(({ name }) => message.startsWith(`${name}:`)),
      )
      return { failure: { at, message, isWrong: true } }
    }
  })

  /** All that is wrong or remarkable. */
  readonly misfits = computed((): readonly Misfit[] => {
    const { failure } = this.#traced.value
    return failure ? [...this.walk.value.misfits, failure] : this.walk.value.misfits
  })
  readonly isRight = computed(() => this.misfits.value.every(({ isWrong }) => !isWrong))

  /** What is shown: the network that is looked at, or as much of the edited one as fits. */
  readonly shown = computed((): Shown | undefined => {
    const looked = this.looked.value
    if (looked?.kind === 'file') {
      const { name, graph } = looked.file.facts
      return graph && { name, graph }
    }
    if (!looked) return this.#traced.value.shown
    const { create, inputShape } = findModel(looked.name)
    return shownOf(looked.name, create(), inputShape)
  })

  /** The modules that are open. */
  readonly open = computed((): ReadonlySet<number> => {
    const { graph } = this.shown.value ?? {}
    if (!graph) return new Set()
    const open = openModules(graph)
    for (const { id, path, kind } of graph.nodes) {
      const wish = kind === 'module' ? this.#byHand.value.get(path) : undefined
      if (wish === true) open.add(id)
      else if (wish === false) open.delete(id)
    }
    return open
  })

  /** Looks at something in place of what is edited; undefined for what is edited. */
  look(looked: Looked | undefined): void {
    const before = this.looked.peek()
    if (before?.kind === 'file') before.file.close()
    batch(() => {
      this.looked.value = looked
      this.chosen.value = undefined
      this.#byHand.value = new Map()
    })
  }

  /** Opens or closes a module. */
  toggle(id: number): void {
    const { path } = this.shown.value!.graph.nodes[id]!
    this.#byHand.value = new Map(this.#byHand.value).set(path, !this.open.value.has(id))
  }

  /** Opens all modules, or none. */
  openAll(isOpen: boolean): void {
    const modules = this.shown.value!.graph.nodes.filter(({ kind }) => kind === 'module')
    this.#byHand.value = new Map(modules.map(({ path }) => [path, isOpen]))
  }

  /**
   * Edits the network of a recipe. Networks of points are not built by hand, and one with blocks that have no kind is looked at.
   * @throws CodeError for layers that cannot be read
   */
  take(given: Recipe): void {
    const recipe = isPointSet(given.data) ? firstRecipe : given
    const own = recipe.data === 'own' ? this.#own() : undefined
    const data = recipe.data === 'own' && !own ? 'cifar10' : recipe.data
    const known = { ...recipe, data }
    const layers =
      layersOf(createModel(known, own).network) ?? layersOf(createModel({ ...known, model: 'lenet5' }, own).network)!
    batch(() => {
      this.data.value = data
      this.backend.value = given.backend
      this.edit(layers)
      if (recipe.model === 'resnet20') this.looked.value = { kind: 'model', name: 'resnet20-cifar' }
    })
  }

  /** Edits other layers; what was before can be gone back to. */
  edit(layers: readonly Layer[]): void {
    batch(() => {
      if (this.looked.value) this.look(undefined)
      if (layers === this.layers.value) return
      if (this.layers.value.length > 0) this.#past.value = [...this.#past.value, this.layers.value].slice(-mostPast)
      this.#future.value = []
      this.layers.value = layers
    })
  }

  undo(): void {
    this.#step(this.#past, this.#future)
  }

  redo(): void {
    this.#step(this.#future, this.#past)
  }

  #step(from: Past, to: Past): void {
    const layers = from.value.at(-1)
    if (!layers) return
    batch(() => {
      from.value = from.value.slice(0, -1)
      to.value = [...to.value, this.layers.value]
      this.layers.value = layers
    })
  }

  /** Sets a number of a layer. */
  set(at: number, { key }: Argument, value: number): void {
    if (numberOf(this.layers.value[at]!, key) !== value) this.edit(withValue(this.layers.value, at, key, value))
  }

  /** Gives a layer another name. @returns what is wrong with it, undefined if it was taken */
  rename(at: number, name: string): string | undefined {
    const layers = this.layers.value
    if (layers[at]!.name === name) return undefined
    if (!/^[A-Za-z_]\w*$/.test(name)) return 'a name has letters, digits and _, and begins with no digit'
    if (layers.some(layer => layer.name === name)) return `there is another ${name}`
    this.edit(layers.map((layer, k) => (k === at ? { ...layer, name } : layer)))
    return undefined
  }

  /** Puts a layer at a place, with numbers that fit what is given there. */
  insert(at: number, kind: KindName): void {
    const layers = this.layers.value
    const read: Shape = (at === 0 ? this.input.value : this.walk.value.shapes[at - 1]) ?? this.input.value
    const { prefix, arguments: all } = kindOf(kind)
    const values = Object.fromEntries(
      all.flatMap(({ key, usual }): [string, number][] => {
        if (key === 'in') return [[key, kind === 'linear' ? read.reduce((a, b) => a * b, 1) : read[0]!]]
        if (key === 'padding' && kind === 'conv2d') return [[key, 1]]
        if (key === 'kernel' && kind !== 'conv2d') return [[key, 2]]
        // A block keeps the number of channels, so that nothing after it has to change.
        if (key === 'out' && kindOf(kind).isClass) return [[key, read[0]!]]
        return usual === undefined ? [[key, firstValues[key]!]] : []
      }),
    )
    const layer: Layer = { name: freeName(prefix, layers), kind, values }
    this.edit([...layers.slice(0, at), layer, ...layers.slice(at)])
    this.chosen.value = layer.name
  }

  remove(at: number): void {
    const layers = this.layers.value.filter((_, k) => k !== at)
    this.edit(layers)
    this.chosen.value = layers[Math.min(at, layers.length - 1)]?.name
  }

  /** Moves a layer to another place. */
  move(from: number, to: number): void {
    const layers = [...this.layers.value]
    if (to < 0 || to >= layers.length || to === from) return
    const [layer] = layers.splice(from, 1)
    layers.splice(to, 0, layer!)
    this.edit(layers)
  }

  /** The recipe that trains the edited network. @param fingerprint of pictures of one's own */
  recipe(fingerprint?: string): Recipe {
    const data = this.data.value
    const backend = this.backend.value
    return {
      ...recipeFor('custom', data),
      layers: packNetwork(this.layers.value),
      ...(data === 'own' && fingerprint !== undefined && { pictures: fingerprint }),
      ...(backend && { backend }),
    }
  }
}

/** The graph of a network, whose layers know their names. @throws ShapeError naming the layer that does not take such pictures */
export function shownOf(name: string, model: Module, input: readonly [number, number, number]): Shown {
  model.assignPaths()
  return { name, graph: networkGraph(model, input) }
}
