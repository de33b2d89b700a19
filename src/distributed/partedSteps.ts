/**
 * Steps in parts: a program for the gradient of a part, the sum over all parts, and a program that updates the weights
 * with it. The sum carries all that must be equal everywhere: gradients, running statistics, loss, accuracy, and whether
 * a process wants to stop.
 */
import { Kept } from '../async/kept.ts'
import type { Executable, Region } from '../backends/engine.ts'
import { regionOf } from '../backends/region.ts'
import { mul } from '../graph/ops/elementwise.ts'
import { input } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type HostTensor, Variable } from '../graph/variable.ts'
import type { Program } from '../plan/program.ts'
import type { PartedResult, PartedStep, PartedSteps, PartPlace, StepTools } from '../train/distribution.ts'
import { stepUpdates, tracedStep } from '../train/programs.ts'
import { inputsFor } from '../train/samples.ts'
import { type PartsExchange, SumsOverParts } from '../train/sumsOverParts.ts'
import { BucketSums, treeExchange } from './bucketSums.ts'
import type { Communicator } from './communicator.ts'
import type { PartErrors } from './oneBitSums.ts'
import { type ComputePart, Division, type PartSums, type SummedRegion } from './partSums.ts'
import { stagesOf } from './stages.ts'

/** Whether this process wants all to stop; taken back once they do. */
export interface StopWish {
  stop: boolean
}

/** A way to exchange the gradients of a run. */
export interface Exchange {
  /** How the parts of a phase are summed. */
  sums(summed: SummedRegion): PartSums
  /** What is kept from step to step, if anything is. */
  readonly errors?: PartErrors
}

/** What every part adds to besides gradients, each a number. */
const tallies = ['loss', 'accuracy', 'stop'] as const

/** An exchange in the middle of a step. */
interface Middle {
  readonly region: Region
  readonly sums: PartSums
}

/** A phase of a run in which the same parameters are trained. */
interface Phase {
  /** What is summed over the parts before the gradient is there, and how. */
  readonly exchanges: readonly PartsExchange[]
  readonly middle: readonly Middle[]
  /** Where a part's gradient goes, by path, and its new running statistics, by what they are the statistics of. */
  readonly gradients: ReadonlyMap<string, Variable>
  readonly statistics: ReadonlyMap<Variable, Variable>
  readonly tallies: Readonly<Record<(typeof tallies)[number], Variable>>
  /** New values of counters, which do not depend on the images. */
  readonly counters: ReadonlyMap<Variable, Tensor>
  readonly region: Region
  readonly places: Readonly<Record<(typeof tallies)[number], number>>
  readonly sums: PartSums
}

/** How a run in parts is done. */
export interface PartsPlan {
  readonly communicator: Communicator
  readonly exchange: Exchange
  readonly wish: StopWish
  /** Whether batch norm normalizes over all parts. */
  readonly syncBatchNorm: boolean
}

/** The steps of a run, in parts. */
export class RunInParts implements PartedSteps {
  readonly #tools: StepTools
  readonly #division: Division
  readonly #exchange: Exchange
  readonly #wish: StopWish
  readonly #syncBatchNorm: boolean
  readonly #phases = new Map<string, Phase>()
  readonly #programs = new Map<string, readonly Program[]>()
  readonly #updates = new Kept<string, Executable>()

  constructor(tools: StepTools, { communicator, exchange, wish, syncBatchNorm }: PartsPlan) {
    this.#tools = tools
    this.#division = new Division(communicator, tools.parts)
    this.#exchange = exchange
    this.#wish = wish
    this.#syncBatchNorm = syncBatchNorm
  }

  gradientProgram(batch: number, epoch: number, { stage, lane }: PartPlace): Program {
    const key = `${batch} ${lane} ${this.#keyOf(epoch)}`
    const programs = this.#programs.get(key) ?? this.#gradientPrograms(batch, epoch)
    this.#programs.set(key, programs)
    return programs[stage]!
  }

  places(epoch: number): readonly PartPlace[] {
    const stages = this.#phase(epoch).middle.length + 1
    const { from, to } = this.#division.own
    return Array.from({ length: this.#syncBatchNorm ? to - from : 1 }, (_, lane) =>
      Array.from({ length: stages }, (_, stage) => ({ stage, lane })),
    ).flat()
  }

  #gradientPrograms(batch: number, epoch: number): Program[] {
    const { exchanges, gradients, statistics, tallies } = this.#phase(epoch)
    const overParts = this.#syncBatchNorm ? new SumsOverParts(exchanges) : undefined
    const traced = this.#trace(batch, epoch, overParts)
    const share = overParts?.share ?? input('share', [])
    const updates = new Map<Variable, Tensor>()
    for (const [path, variable] of gradients) {
      const slope = traced.gradients.get(path)!
      updates.set(variable, overParts ? slope : mul(slope, share))
    }
    for (const [buffer, variable] of statistics) updates.set(variable, mul(traced.statistics.get(buffer)!, share))
    updates.set(tallies.loss, mul(traced.outputs.loss, share))
    updates.set(tallies.accuracy, mul(traced.outputs.accuracy, share))
    updates.set(tallies.stop, mul(input('stop', []), share))
    return stagesOf(traced.exchanges, updates)
  }

  async prepare(epoch: number): Promise<void> {
    await this.#update(epoch)
  }

  async take({ epoch, step, sizes, rates, run }: PartedStep): Promise<PartedResult> {
    const { region, places, sums, middle } = this.#phase(epoch)
    let [waited, exchanged] = [0, 0]
    for (const [stage, { region: values, sums: way }] of [...middle, { region, sums }].entries()) {
      const compute: ComputePart = (part, use) =>
        values.changeDuring(async options => {
          const lane = this.#syncBatchNorm ? part - this.#division.own.from : 0
          waited += await run(part, { stop: this.#wish.stop ? 1 : 0 }, options, { stage, lane })
        }, use)
      exchanged += await way.sum({ present: sizes.length, compute, step })
    }
    const [loss, accuracy, stop] = await region.read(values => tallies.map(name => values[places[name]]!))
    const update = await this.#update(epoch)
    await update.run(inputsFor(update, { ...rates }))
    if (stop! > 0) this.#wish.stop = false
    const samples = sizes.reduce((sum, size) => sum + size, 0)
    return {
      loss: loss! * samples,
      correct: Math.round(accuracy! * samples),
      waited,
      exchanged,
      stop: stop! > 0,
    }
  }

  async snapshot(): Promise<Map<string, HostTensor>> {
    return (await this.#exchange.errors?.snapshot(this.#division)) ?? new Map()
  }

  restore(tensors: ReadonlyMap<string, HostTensor>): void {
    this.#exchange.errors?.restore(tensors, this.#tools.thaws)
  }

  #keyOf(epoch: number): string {
    return [...this.#trained(epoch).keys()].join(' ')
  }

  #trained(epoch: number) {
    return this.#tools.optimizerIn(epoch).trained(this.#tools.traced.parameters())
  }

  #trace(batch: number, epoch: number, overParts: SumsOverParts | undefined) {
    const { traced, source, loss, penalty, softLabels } = this.#tools
    return tracedStep(traced, source.shape, batch, loss, this.#trained(epoch), { softLabels, penalty }, overParts)
  }

  #phase(epoch: number): Phase {
    const key = this.#keyOf(epoch)
    const known = this.#phases.get(key)
    if (known) return known
    const { source, engine } = this.#tools
    const traced = this.#trace(source.sizeOf(0), epoch, this.#syncBatchNorm ? new SumsOverParts() : undefined)
    const { exchanges } = traced
    const own = (shape: readonly number[], name: string) => new Variable(shape, { name })
    const gradients = new Map(
      Array.from(traced.gradients, ([path, { shape }]) => [path, own(shape, `gradient.${path}`)]),
    )
    const isMean = ([{ dtype }]: [Variable, Tensor]): boolean => dtype === 'f32'
    const buffers = [...traced.statistics]
    const statistics = new Map(buffers.filter(isMean).map(([of]) => [of, own(of.shape, `next.${of.name}`)]))
    const counted = Object.fromEntries(tallies.map(name => [name, own([], `step.${name}`)])) as Phase['tallies']
    const variables = [...gradients.values(), ...statistics.values(), ...Object.values(counted)]
    const region = regionOf(engine, variables, this.#division.communicator.size)
    const placeOf = (variable: Variable): number => region.offsets[variables.indexOf(variable)]!
    const layers = Array.from(gradients, ([path, variable]) => ({
      path,
      shape: variable.shape,
      offset: placeOf(variable),
    }))
    const phase: Phase = {
      exchanges,
      middle: exchanges.map(({ sums }) => this.#middle(sums)),
      gradients,
      statistics,
      tallies: counted,
      counters: new Map(buffers.filter(buffer => !isMean(buffer))),
      region,
      places: Object.fromEntries(tallies.map(name => [name, placeOf(counted[name])])) as Phase['places'],
      sums: this.#exchange.sums({ division: this.#division, region, layers }),
    }
    this.#phases.set(key, phase)
    return phase
  }

  #middle(variables: readonly Variable[]): Middle {
    const division = this.#division
    const region = regionOf(this.#tools.engine, variables, division.communicator.size)
    return { region, sums: new BucketSums({ division, region, layers: [] }, Number.POSITIVE_INFINITY, treeExchange) }
  }

  #update(epoch: number): Promise<Executable> {
    return this.#updates.of(this.#keyOf(epoch), () => this.#tools.engine.compile(this.#updateProgram(epoch)))
  }

  #updateProgram(epoch: number): Program {
    const { scheduledMomentum, averages } = this.#tools
    const { gradients, statistics, counters } = this.#phase(epoch)
    const tensorsOf = <K>(variables: ReadonlyMap<K, Variable>): Map<K, Tensor> =>
      new Map(Array.from(variables, ([key, variable]) => [key, variable.tensor]))
    const updates = stepUpdates(
      this.#tools.optimizerIn(epoch),
      this.#trained(epoch),
      tensorsOf(gradients),
      new Map([...tensorsOf(statistics), ...counters]),
      { scheduledMomentum, average: averages },
    )
    return { outputs: {}, updates }
  }
}
