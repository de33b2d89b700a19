/**
 * The state of a training run as tensors: read from an engine, written to it, and copied to the model's host values.
 */
import type { HostTensor, Variable } from '../graph/variable.ts'
import { loadState } from '../nn/state.ts'
import type { AveragedVariables } from '../optim/average.ts'
import { type Checkpoint, CheckpointError, tensorsOf } from './checkpoint.ts'
import type { PartedSteps } from './distribution.ts'
import type { TrainerOptions } from './trainerOptions.ts'

/** The variables that change in the engine while a model is trained. */
export class TrainingState {
  readonly #options: Pick<TrainerOptions, 'engine' | 'model' | 'optimizer' | 'freeze'>
  readonly #averages: AveragedVariables | undefined
  readonly #parted: PartedSteps | undefined

  constructor(
    options: Pick<TrainerOptions, 'engine' | 'model' | 'optimizer' | 'freeze'>,
    averages: AveragedVariables | undefined,
    parted: PartedSteps | undefined,
  ) {
    this.#options = options
    this.#averages = averages
    this.#parted = parted
  }

  /** Copies of all weights, buffers, averages and the optimizer's state, by part and path, all taken at one moment. */
  async snapshot(): Promise<Map<string, HostTensor>> {
    const { engine, model } = this.#options
    // Requested together, so that no step comes between two reads.
    const reads = [['model', model.variables()] as const, ...this.#others()].flatMap(([part, variables]) =>
      Array.from(
        variables,
        async ([path, variable]): Promise<[string, HostTensor]> => [
          `${part}.${path}`,
          { shape: variable.shape, values: await engine.read(variable) },
        ],
      ),
    )
    return new Map([...(await Promise.all(reads)), ...((await this.#parted?.snapshot()) ?? [])])
  }

  /**
   * Writes a snapshot to the engine, and the model's part to its host values.
   * @throws CheckpointError or StateError when it is of another model or optimizer; the engine is then unchanged.
   */
  async restore(snapshot: Pick<Checkpoint, 'tensors'>): Promise<void> {
    const { model, optimizer, engine, freeze } = this.#options
    const wanted: [Variable, ArrayLike<number>][] = []
    loadState(model, tensorsOf(snapshot, 'model'))
    for (const variable of model.variables().values()) wanted.push([variable, variable.value])
    for (const [part, variables] of this.#others()) {
      const stored = tensorsOf(snapshot, part)
      for (const [name, variable] of variables) {
        const tensor = stored.get(name)
        // Parameters that are unfrozen in this epoch have no state yet.
        if (!tensor && freeze?.some(({ until }) => until !== undefined)) continue
        if (!tensor)
          throw new CheckpointError(
            `the checkpoint has no ${part} state '${name}'; was it made with ${optimizer.name}?`,
          )
        wanted.push([variable, tensor.values])
      }
    }
    this.#parted?.restore(snapshot.tensors)
    await Promise.all(wanted.map(([variable, values]) => engine.write(variable, values)))
  }

  /** Copies the engine's values of the model, averaged if there are averages, to its host values. */
  async synchronize(): Promise<void> {
    const { model, engine } = this.#options
    const averages = this.#averages?.state()
    const variables = [...model.variables()]
    const values = await Promise.all(variables.map(([path, variable]) => engine.read(averages?.get(path) ?? variable)))
    for (const [k, [, variable]] of variables.entries()) variable.setValue(values[k])
  }

  /** The variables that are stored besides the model, by part of a checkpoint. */
  #others(): [part: string, variables: ReadonlyMap<string, Variable>][] {
    const others: [string, ReadonlyMap<string, Variable>][] = [['optimizer', this.#options.optimizer.state()]]
    if (this.#averages) others.push(['average', this.#averages.state()])
    return others
  }
}
