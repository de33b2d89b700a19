/**
 * Feature visualization: a picture, made from noise, that excites a unit, a channel or a class as much as it can (Erhan
 * et al. 2009; Olah, Mordvintsev and Schubert 2017). Gradient ascent by Adam; every step looks at the picture in
 * another view.
 */
import { yieldInTime } from '../../async/yieldToEvents.ts'
import type { Executable } from '../../backends/engine.ts'
import { gradients } from '../../graph/gradient.ts'
import { sum } from '../../graph/ops/reduce.ts'
import { ShapeError, sizeOf } from '../../graph/shape.ts'
import { simplify } from '../../graph/simplify.ts'
import { input } from '../../graph/sources.ts'
import { substituteTensors } from '../../graph/substitute.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Program } from '../../plan/program.ts'
import { RandomSequence } from '../../random/philox.ts'
import { checkWhole } from '../attribution.ts'
import type { CancelSignal } from '../cancel.ts'
import type { Captured, Inspector } from '../inspector.ts'
import { traceNetwork } from '../network.ts'
import { AdamAscent } from './adamAscent.ts'
import { type BatchObjective, batchObjective, type Objective, objectiveOf } from './objective.ts'
import {
  type Parametrization,
  type ParametrizationName,
  parametrizationNames,
  parametrizationOf,
  startNoise,
} from './parametrization.ts'
import { drawView, plainView, samplingOf, type View, viewOf } from './views.ts'

/** Pictures in progress. */
export interface VisualizationStep {
  /** From 1. */
  readonly step: number
  /** How many there are. */
  readonly of: number
  /** Pixels of 0 … 1, `[N, C, H, W]`, before this step moved them. */
  readonly images: Captured
  /** The objective of each in the step's view. */
  readonly scores: Float32Array
}

/** Finished pictures that excite what they were made for. */
export interface Visualization {
  /** Pixels of 0 … 1, `[N, C, H, W]`; `toBytes` makes bytes of them. */
  readonly images: Captured
  /** The objective of each picture itself, not of a view. */
  readonly scores: Float32Array
  /** The same objective for the initial noise. */
  readonly firstScores: Float32Array
}

/** Options of {@link visualize}. */
export interface VisualizeOptions {
  /** Steps of ascent, 256 by default. */
  readonly steps?: number
  /**
   * What a step moves: the `'fourier'` spectrum (the default), which gives broad shapes in natural colors, or the
   * `'pixels'`, which soon hold what networks read and people do not.
   */
  readonly image?: ParametrizationName
  /** Rate of Adam; 0.05 for spectra and 0.01 for pixels by default. */
  readonly lr?: number
  /** Pixels by which a view is moved at most, in each direction; a sixteenth of the smaller side by default. */
  readonly jitter?: number
  /** Largest change of a view's scale, 0.1 by default. */
  readonly scale?: number
  /** Largest angle of a view in degrees, 5 by default. */
  readonly rotation?: number
  /**
   * Of the noise and the views, 0 by default. Each picture of a call begins with the same noise and is seen in the same
   * views.
   */
  readonly seed?: number
  /** The initial numbers, instead of noise: for pixels `[C, H, W]`, for spectra `[C, H, ⌊W / 2⌋ + 1, 2]`. */
  readonly start?: ArrayLike<number>
  /** The views themselves, instead of random ones: one per step. */
  readonly views?: readonly View[]
  /** Called with each step; the next begins when the returned promise is settled. */
  readonly onStep?: (step: VisualizationStep) => void | Promise<void>
  /** Ends the ascent: the call then throws the signal's reason. */
  readonly signal?: CancelSignal
}

/**
 * Pictures `[C, H, W]`, one for each objective, that raise it: the logit of a class, the mean of a channel, one of its
 * units.
 *
 * Where a rectifier gives 0 there is no slope. A picture that has none in the beginning is given more noise at each
 * step until it has some; a unit that noise never excites stays as it is, and its score says so. What the rectifier
 * reads (`conv2`, `relu2:input`) always has a slope.
 * @param of what is raised; a list makes that many pictures at once, all for values of the same layer
 * @throws RangeError for an option out of its range, and for a class, channel or cell that does not exist; PointError
 *   for a layer that does not exist; ShapeError for a network without preprocessing, whose pixel range is unknown; the
 *   reason of `signal`.
 * @example
 * const { images } = await visualize(inspector, { layer: 'layer3', channel: 5 }, { onStep: ({ images }) => draw(images) })
 */
export async function visualize(
  inspector: Inspector,
  of: Objective | readonly Objective[],
  options: VisualizeOptions = {},
): Promise<Visualization> {
  const objectives = Array.isArray(of) ? (of as readonly Objective[]) : [of as Objective]
  const { steps, views, rate, parametrization, size } = settle(inspector, options)
  const objective = batchObjective(inspector, objectives)
  const count = objectives.length
  const executable = await executableFor(inspector, options.image ?? 'fourier', parametrization, count, objective)
  const ascent = new AdamAscent(repeated(startOf(options, parametrization), count), rate)
  const run = async (view: View): Promise<{ images: Captured; scores: Float32Array; gradient: Float32Array }> => {
    const inputs = {
      numbers: Float32Array.from(ascent.values),
      ...samplingOf(view, size),
      ...(objective.seed && { seed: objective.seed }),
    }
    const outputs = await executable.run(inputs)
    const images = { shape: executable.outputs.get('images')!.shape, values: outputs.images as Float32Array }
    return { images, scores: outputs.scores as Float32Array, gradient: outputs.gradient as Float32Array }
  }
  const { scores: firstScores } = await run(plainView)
  const sleepers = new Sleepers(options.start ? 0 : count, ascent.values, options.seed ?? 0)
  for (let step = 1; step <= steps; step++) {
    options.signal?.throwIfAborted()
    const { images, scores, gradient } = await run(views(step))
    await options.onStep?.({ step, of: steps, images, scores })
    ascent.step(gradient)
    sleepers.wake(step, gradient)
    parametrization.confine(ascent.values)
    await yieldInTime()
  }
  options.signal?.throwIfAborted()
  const { images, scores } = await run(plainView)
  return { images, scores, firstScores }
}

/**
 * Steps after which the noise that wakes a picture grows no more: 2⁷ · 0.01 is about the size of what an ascent ends
 * with.
 */
const mostDoublings = 7

/** Pictures that have had no slope yet. */
class Sleepers {
  readonly #asleep: Set<number>
  readonly #values: Float64Array
  readonly #size: number
  readonly #seed: number

  constructor(pictures: number, values: Float64Array, seed: number) {
    this.#asleep = new Set(Array.from({ length: pictures }, (_, n) => n))
    this.#values = values
    this.#size = values.length / pictures
    this.#seed = seed
  }

  /** Adds noise, twice as much at each step, to pictures that have never had a slope. */
  wake(step: number, gradient: Float32Array): void {
    for (const n of this.#asleep) {
      const [first, last] = [n * this.#size, (n + 1) * this.#size]
      if (gradient.subarray(first, last).some(g => g !== 0)) {
        this.#asleep.delete(n)
        continue
      }
      const random = new RandomSequence(this.#seed, 'visualize wake', step)
      const noise = startNoise * 2 ** Math.min(step, mostDoublings)
      for (let i = first; i < last; i++) this.#values[i] += noise * random.normal()
    }
  }
}

interface Settled {
  readonly steps: number
  readonly rate: number
  readonly parametrization: Parametrization
  /** Height and width. */
  readonly size: readonly [number, number]
  /** The view of a step, from 1. */
  views(step: number): View
}

function settle(inspector: Inspector, options: VisualizeOptions): Settled {
  const [height, width, channels] = inspector.shape
  const { steps = options.views?.length ?? 256, image = 'fourier', scale = 0.1, rotation = 5, seed = 0 } = options
  const { jitter = Math.ceil(Math.min(height, width) / 16), views } = options
  checkWhole('visualize', 'steps', steps)
  if (!parametrizationNames.includes(image)) {
    throw new RangeError(`visualize: image (='${image}') must be one of ${parametrizationNames.join(', ')}`)
  }
  const parametrization = parametrizationOf(image, [channels, height, width])
  const { lr = parametrization.lr } = options
  check('lr', lr, lr > 0 && Number.isFinite(lr), '> 0')
  check('jitter', jitter, Number.isInteger(jitter) && jitter >= 0, 'a whole number ≥ 0')
  check('scale', scale, scale >= 0 && scale < 1, '≥ 0 and < 1')
  check('rotation', rotation, rotation >= 0 && Number.isFinite(rotation), '≥ 0')
  if (views && views.length !== steps) throw new RangeError(`visualize: ${views.length} views for ${steps} steps`)
  return {
    steps,
    rate: lr,
    parametrization,
    size: [height, width],
    views: step =>
      views?.[step - 1] ?? drawView(new RandomSequence(seed, 'visualize view', step), { jitter, scale, rotation }),
  }
}

function check(name: string, value: number, holds: boolean, rule: string): void {
  if (!holds) throw new RangeError(`visualize: ${name} (=${value}) must be ${rule}`)
}

function startOf({ start, seed = 0 }: VisualizeOptions, parametrization: Parametrization): Float64Array {
  if (!start) return parametrization.start(new RandomSequence(seed, 'visualize start'))
  const { shape } = parametrization
  if (start.length !== sizeOf(shape)) {
    throw new ShapeError(`visualize: a start of ${start.length} numbers for a picture of [${shape.join(', ')}]`)
  }
  return Float64Array.from(start)
}

function repeated(values: Float64Array, times: number): Float64Array {
  const all = new Float64Array(times * values.length)
  for (let n = 0; n < times; n++) all.set(values, n * values.length)
  return all
}

/** Computes one step; compiled once for pictures of this kind. */
function executableFor(
  inspector: Inspector,
  image: ParametrizationName,
  parametrization: Parametrization,
  count: number,
  objective: BatchObjective,
): Promise<Executable> {
  const key = JSON.stringify(['visualize', image, count, objective.layer, objective.seed !== undefined])
  return inspector.compiled(key, () => {
    const { model, shape, takes } = inspector
    const pass = traceNetwork(model, shape, count, 'pixels', takes)
    return ascentProgram(pass.input, pass.points.get(objective.layer) as Tensor, parametrization, objective)
  })
}

/**
 * The inputs `numbers`, `places`, `weights` and perhaps `seed` → `images`, `scores` of the view, and the `gradient` of
 * the numbers.
 */
function ascentProgram(
  pixels: Tensor,
  value: Tensor,
  parametrization: Parametrization,
  objective: BatchObjective,
): Program {
  const numbers = input('numbers', [pixels.shape[0], ...parametrization.shape], { batched: true })
  const images = parametrization.picture(numbers)
  const [seen] = substituteTensors([value], new Map([[pixels, viewOf(images)]]))
  const [simple, drawn] = simplify([seen, images])
  const scores = objectiveOf(simple, objective)
  const [gradient] = gradients(sum(scores), [numbers])
  return { outputs: { images: drawn, scores, gradient }, updates: new Map() }
}
