/**
 * Averages of the weights along a run, which often score better than the final weights: an exponential moving average
 * (EMA; Polyak and Juditsky 1992), or stochastic weight averaging (SWA; Izmailov et al. 2018), the plain mean of the
 * weights after some epochs. Both are a ← (1 − r) a + r w after each step, with a rate r that depends only on the step.
 */
import { add, mul, sub } from '../graph/ops/elementwise.ts'
import type { Scalar, Tensor } from '../graph/tensor.ts'
import { Variable } from '../graph/variable.ts'
import { checkOption, checkShare, checkWhole } from './options.ts'

/** Length of a run. */
export interface RunLength {
  readonly totalSteps: number
  readonly stepsPerEpoch: number
}

/** A kind of average. */
export interface WeightAverage {
  readonly name: string
  /**
   * r in a step, counted from 0: the share of the weights after that step in the average; 1 makes the average equal to
   * them.
   */
  rate(step: number, run: RunLength): number
  /**
   * Batches for re-estimating running statistics with the averaged weights before each evaluation, once averaging has
   * begun; 0 when the statistics are averaged like the weights.
   */
  readonly statisticsBatches: number
}

/** Options of {@link ema}. */
export interface EmaOptions {
  /** d, the fraction of the average kept from step to step, 0.999 by default. */
  readonly decay?: number
  /**
   * Start with a shorter memory, min(d, (1 + t) / (10 + t)) in step t, so that short runs forget their start. False by
   * default.
   */
  readonly warmup?: boolean
}

/** Options of {@link swa}. */
export interface SwaOptions {
  /** Share of the run after which averaging begins, 0.75 by default. Until then the average equals the weights. */
  readonly start?: number
  /** Epochs between two sets of averaged weights, 1 by default. */
  readonly every?: number
  /**
   * Training batches for re-estimating the running statistics of batch norm with the averaged weights, before each
   * evaluation; 100 by default, enough to forget the old ones. (PyTorch's `update_bn`.) Free in a model without batch
   * norm.
   */
  readonly statisticsBatches?: number
}

/**
 * Exponential moving average: a ← d a + (1 − d) w, starting with the weights after the first step. Same as PyTorch's
 * `AveragedModel` with `get_ema_avg_fn(d)`.
 * @throws RangeError when the decay is not at least 0 and less than 1.
 * @example new Trainer({ model, train, engine, optimizer, epochs: 20, average: ema({ decay: 0.999 }) })
 */
export function ema({ decay = 0.999, warmup = false }: EmaOptions = {}): WeightAverage {
  checkOption('ema', 'decay', decay, 1)
  return {
    name: 'ema',
    statisticsBatches: 0,
    rate(step) {
      if (step === 0) return 1
      return 1 - (warmup ? Math.min(decay, (1 + step) / (10 + step)) : decay)
    },
  }
}

/**
 * Stochastic weight averaging: the mean of the weights after each epoch in the last part of the run, where the learning
 * rate should be constant or cyclic. Same as PyTorch's `AveragedModel`.
 * @throws RangeError when `start` is not between 0 and 1, or another option is not a whole number.
 * @example new Trainer({ model, train, engine, optimizer, epochs: 20, schedule: lambda(cooled), average: swa({ start: 0.75 }) })
 */
export function swa({ start = 0.75, every = 1, statisticsBatches = 100 }: SwaOptions = {}): WeightAverage {
  checkShare('swa', 'start', start)
  checkWhole('swa', 'every', every, 1)
  checkWhole('swa', 'statisticsBatches', statisticsBatches, 0)
  return {
    name: 'swa',
    statisticsBatches,
    rate(step, { totalSteps, stepsPerEpoch }) {
      const period = every * stepsPerEpoch
      const first = Math.max(1, Math.round(start * totalSteps))
      const since = step + 1 - first
      if (since <= 0) return 1
      return since % period === 0 ? 1 / (since / period + 1) : 0
    },
  }
}

/** The averages of a model's variables: parameters and the running statistics that belong to them. */
export class AveragedVariables {
  readonly #averages = new Map<Variable, Variable>()
  readonly #names = new Map<Variable, string>()

  /** @param variables the model's, by path */
  constructor(variables: ReadonlyMap<string, Variable>) {
    for (const [path, variable] of variables) this.#names.set(variable, path)
  }

  /**
   * Graph of one step: the new averages of all model variables that the step changes, except counters (integers), which
   * are not averaged.
   * @param updates new values of variables after the step, including variables outside the model
   * @param rate r
   */
  update(updates: ReadonlyMap<Variable, Tensor>, rate: Scalar): Map<Variable, Tensor> {
    const decay = sub(1, rate)
    const result = new Map<Variable, Tensor>()
    for (const [variable, next] of updates) {
      const name = this.#names.get(variable)
      if (name === undefined || variable.dtype !== 'f32') continue
      const average =
        this.#averages.get(variable) ?? new Variable(variable.shape, { name, value: variable.value.slice() })
      this.#averages.set(variable, average)
      result.set(average, add(mul(average.tensor, decay), mul(next, rate)))
    }
    return result
  }

  /** The averages by the paths of the variables; complete after the first `update`. */
  state(): Map<string, Variable> {
    return new Map([...this.#averages].map(([variable, average]) => [this.#names.get(variable)!, average]))
  }

  /** The average of a variable, if there is one. */
  of(variable: Variable): Variable | undefined {
    return this.#averages.get(variable)
  }

  /** For computing with the averages: the tensor to read instead of each variable's. */
  substitutes(): Map<Tensor, Tensor> {
    return new Map([...this.#averages].map(([variable, average]) => [variable.tensor, average.tensor]))
  }
}
