/**
 * A training that can be steered between any two steps and taken up at any stored moment. Rate, momentum and weight decay are
 * inputs of the compiled step, so that changing them costs nothing; every batch size and optimizer has a program of its own.
 * With a `precise` engine the weights after n steps are a function of recipe and interventions alone, to the bit.
 */
import { Kept } from '../../../src/async/kept.ts'
import type { Executable } from '../../../src/backends/engine.ts'
import { joinBytes } from '../../../src/formats/joinBytes.ts'
import { sha256 } from '../../../src/formats/sha256.ts'
import { add, type Engine, input, mul, type Variable } from '../../../src/index.ts'
import { crossEntropy, type Module } from '../../../src/nn/index.ts'
import { adam, type Optimizer, rmsprop, sgd } from '../../../src/optim/index.ts'
import { trainingProgram } from '../../../src/train/programs.ts'
import type { ImageEdits } from '../state/edits.ts'
import {
  type Controls,
  controlsAt,
  editsAt,
  type Intervention,
  type OptimizerName,
  type Recipe,
} from '../state/recipe.ts'
import { type DataFacts, factsOf } from './facts.ts'
import { ImageStream, type ShardSource } from './imageStream.ts'
import { createModel } from './networks.ts'
import type { Snapshot } from './snapshots.ts'

/** What a step gives: of its batch, before the update. */
export interface StepResult {
  readonly loss: number
  readonly accuracy: number
  /** The places of its images in the stream, and 1 for each that was answered right; overwritten by the next step. */
  readonly places: Int32Array
  readonly right: Uint8Array
}

/** A batch, as the step takes it. */
interface BatchMemory {
  readonly images: Uint8Array
  readonly labels: Int32Array
  readonly places: Int32Array<ArrayBuffer>
  readonly right: Uint8Array
}

/** The numbers of every optimizer but rate, momentum and decay are its defaults; these three are inputs of the step. */
const makers: Readonly<Record<OptimizerName, () => Optimizer>> = {
  sgd: () => sgd({ lr: 1, momentum: 0.9 }),
  adam: () => adam({ lr: 1 }),
  rmsprop: () => rmsprop({ lr: 1, momentum: 0.9 }),
}

interface KnownOptimizer {
  readonly optimizer: Optimizer
  /** What its variables are before its first step. */
  readonly beginning: Map<Variable, Float32Array>
}

/** A training at a moment. */
export class LabRun {
  readonly recipe: Recipe
  readonly facts: DataFacts
  readonly model: Module
  readonly engine: Engine
  readonly #stream: ImageStream
  readonly #optimizers = new Map<OptimizerName, KnownOptimizer>()
  readonly #programs = new Kept<string, Executable>()
  #memory: BatchMemory | undefined
  #optimizer: OptimizerName
  #step = 0
  #seen = 0

  /**
   * @param engine a `precise` one, where weights are to be the same bits everywhere
   * @param facts of the data set; those of one's own pictures must be given
   * @param still a trained network and the steps that it had, which takes none here
   */
  constructor(
    recipe: Recipe,
    source: ShardSource,
    engine: Engine,
    facts: DataFacts = factsOf(recipe.data),
    still?: { readonly model: Module; readonly step: number },
  ) {
    this.recipe = recipe
    this.facts = facts
    this.engine = engine
    this.model = still?.model ?? createModel(recipe, facts)
    this.#step = still?.step ?? 0
    this.#stream = new ImageStream(source, recipe.seed)
    this.#optimizer = recipe.optimizer
  }

  /** Steps taken. */
  get step(): number {
    return this.#step
  }

  /** Images of the stream that they have passed. */
  get seen(): number {
    return this.#seen
  }

  /** The training images. */
  get source(): ShardSource {
    return this.#stream.source
  }

  /** Compiles the first step, which would otherwise be waited for when it is taken. */
  async prepare(): Promise<void> {
    // What fails here fails again when the step is taken, where it is told.
    await this.#program(controlsAt(this.recipe, [], 0)).catch(() => undefined)
  }

  /** Takes a step. Of the interventions those at this moment and before it count. */
  async advance(interventions: readonly Intervention[]): Promise<StepResult> {
    const controls = controlsAt(this.recipe, interventions, this.#step)
    const { rate, momentum, decay, batch } = controls
    const program = await this.#program(controls)
    await this.#use(controls.optimizer)
    for (const { at, name, value } of interventions) {
      if (at === this.#step && name === 'restart') await this.#restart(value)
    }
    const { images, labels, places, right } = this.#batchMemory(batch)
    const edits = this.#checked(editsAt(interventions, this.#step))
    const seen = await this.#stream.fill(this.#seen, images, labels, places, edits)
    const { loss, accuracy, predicted } = await program.run({ images, labels, learningRate: rate, momentum, decay })
    for (let k = 0; k < batch; k++) right[k] = predicted[k] === labels[k] ? 1 : 0
    this.#step++
    this.#seen = seen
    return { loss: loss[0]!, accuracy: accuracy[0]!, places, right }
  }

  /** @throws RangeError for a label of no class. */
  #checked(edits: ImageEdits): ImageEdits {
    const { length } = this.facts.classes
    for (const [image, edit] of edits) {
      if (edit !== 'out' && edit >= length)
        throw new RangeError(`images: training image ${image} cannot have label ${edit}: there are ${length} classes`)
    }
    return edits
  }

  /** All that the training is now. */
  async snapshot(): Promise<Snapshot> {
    const tensors = new Map<string, Float32Array>()
    const reads = this.#variables(this.#optimizer).map(async ([name, variable]) => {
      tensors.set(name, (await this.engine.read(variable)) as Float32Array)
    })
    await Promise.all(reads)
    return { step: this.#step, seen: this.#seen, optimizer: this.#optimizer, tensors }
  }

  /** Goes to a stored moment of this training. */
  async restore({ step, seen, optimizer, tensors }: Snapshot): Promise<void> {
    this.#optimizer = optimizer as OptimizerName
    await Promise.all(
      this.#variables(this.#optimizer).map(([name, variable]) => {
        // A moment before the optimizer's first step knows nothing of its variables.
        const values = tensors.get(name) ?? this.#optimizers.get(this.#optimizer)?.beginning.get(variable)
        return this.engine.write(variable, values!)
      }),
    )
    this.#step = step
    this.#seen = seen
  }

  /** The weights, by path. */
  async weights(): Promise<Map<string, Float32Array>> {
    const names = [...this.model.parameters()]
    const values = await Promise.all(names.map(([, parameter]) => this.engine.read(parameter)))
    return new Map(names.map(([path], k) => [path, values[k] as Float32Array]))
  }

  /** Sets the weights, by path; what the optimizer remembers stays. */
  async setWeights(weights: ReadonlyMap<string, Float32Array>): Promise<void> {
    const parameters = this.model.parameters()
    await Promise.all([...weights].map(([path, values]) => this.engine.write(parameters.get(path)!, values)))
  }

  /** SHA-256 of all weights in the order of the layers. */
  async hash(): Promise<string> {
    return hashOf(await this.weights())
  }

  #variables(optimizer: OptimizerName): [name: string, variable: Variable][] {
    const states = this.#optimizers.get(optimizer)?.optimizer.state() ?? new Map<string, Variable>()
    return [
      ...[...this.model.variables()].map(([path, variable]): [string, Variable] => [`model.${path}`, variable]),
      ...[...states].map(([path, variable]): [string, Variable] => [`${optimizer}.${path}`, variable]),
    ]
  }

  #program({ batch, optimizer: name }: Controls): Promise<Executable> {
    const key = `${name} ${batch}`
    return this.#programs.of(key, () => {
      const optimizer = this.#optimizers.get(name)?.optimizer ?? makers[name]()
      const traced = trainingProgram(this.model, this.facts.shape, batch, crossEntropy(), decaying(optimizer), {
        scheduledMomentum: true,
        answers: true,
      })
      if (!this.#optimizers.has(name)) {
        const beginning = [...optimizer.state().values()].map((variable): [Variable, Float32Array] => [
          variable,
          Float32Array.from(variable.value),
        ])
        this.#optimizers.set(name, { optimizer, beginning: new Map(beginning) })
      }
      return this.engine.compile(traced)
    })
  }

  /** Another optimizer than before begins without a memory. */
  async #use(name: OptimizerName): Promise<void> {
    if (name === this.#optimizer) return
    this.#optimizer = name
    const { beginning } = this.#optimizers.get(name)!
    await Promise.all([...beginning].map(([variable, values]) => this.engine.write(variable, values)))
  }

  /** Gives a unit new weights of its layer's kind; `unit` is `fc1.116`. */
  async #restart(unit: string): Promise<void> {
    const [, layer = '', index = ''] = /^(.*)\.(\d+)$/.exec(unit) ?? []
    const parameter = this.model.parameters().get(`${layer}.weight`)
    if (!parameter || Number(index) >= parameter.shape[0]!) return
    const size = parameter.shape.slice(1).reduce((a, b) => a * b, 1)
    const fresh = new Float32Array(parameter.shape[0]! * size)
    parameter.initializer.fill(fresh, parameter.shape, this.recipe.seed, `${layer}.weight after ${this.#step} steps`)
    const own = fresh.subarray(Number(index) * size, (Number(index) + 1) * size)
    for (const [name, variable] of this.#variables(this.#optimizer)) {
      const isWeight = name.endsWith(`.${layer}.weight`)
      if (!isWeight && !name.endsWith(`.${layer}.bias`)) continue
      const values = await this.engine.read(variable)
      const row = isWeight ? size : 1
      const at = Number(index) * row
      if (name === `model.${layer}.weight`) values.set(own, at)
      else values.fill(0, at, at + row)
      await this.engine.write(variable, values)
    }
  }

  #batchMemory(batch: number): BatchMemory {
    if (this.#memory?.labels.length !== batch) {
      const { imageBytes } = this.#stream.source
      this.#memory = {
        images: new Uint8Array(batch * imageBytes),
        labels: new Int32Array(batch),
        places: new Int32Array(batch),
        right: new Uint8Array(batch),
      }
    }
    return this.#memory
  }
}

/** SHA-256 of weights in the order in which they are given. */
export async function hashOf(weights: ReadonlyMap<string, Float32Array>): Promise<string> {
  const parts = [...weights.values()].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  )
  return sha256(joinBytes(parts))
}

/** An optimizer with weight decay as an input of the step: λ w joins the gradient, as in PyTorch's SGD. */
function decaying(optimizer: Optimizer): Optimizer {
  return {
    ...optimizer,
    update(parameters, gradients, rate, momentum) {
      const decay = input('decay', [])
      const decayed = new Map(
        [...gradients].map(([path, gradient]) => [path, add(gradient, mul(parameters.get(path)!.tensor, decay))]),
      )
      return optimizer.update(parameters, decayed, rate, momentum)
    },
  }
}
