/**
 * DeepDream (Mordvintsev, Olah and Tyka, "Inceptionism", 2015): a photograph, changed so that a layer says more of what
 * it already says. It goes from a small copy of the picture to full size (octaves). Each copy climbs for some steps;
 * what the steps added is enlarged and laid over the next.
 */
import { yieldInTime } from '../../async/yieldToEvents.ts'
import type { Executable } from '../../backends/engine.ts'
import { gradients } from '../../graph/gradient.ts'
import { sum } from '../../graph/ops/reduce.ts'
import { ShapeError } from '../../graph/shape.ts'
import { simplify } from '../../graph/simplify.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { RandomSequence } from '../../random/philox.ts'
import { checkWhole } from '../attribution.ts'
import type { CancelSignal } from '../cancel.ts'
import type { Captured, Images, Inspector } from '../inspector.ts'
import { traceNetwork } from '../network.ts'
import { resizeMaps } from '../resizeMaps.ts'
import { type BatchObjective, batchObjective, type Objective, objectiveOf } from './objective.ts'

/** A dream in progress. */
export interface DreamStep {
  /** From 1, the smallest picture. */
  readonly octave: number
  readonly octaves: number
  /** Within the octave, from 1. */
  readonly step: number
  /** How many an octave has. */
  readonly of: number
  /** Pixels of 0 … 1, `[1, C, h, w]` of the octave's size, before this step moved them. */
  readonly image: Captured
  /** The objective of the picture as the step saw it. */
  readonly score: number
}

/** Options of {@link deepDream}. */
export interface DreamOptions {
  /** Sizes of the picture, 4 by default; 1 for a network that takes images of one size only. */
  readonly octaves?: number
  /** Ratio of two neighboring sizes, 1.4 by default. */
  readonly octaveScale?: number
  /** Steps of each octave, 10 by default. */
  readonly steps?: number
  /** How far a step moves a pixel in the mean, in units of the whole range; 0.01 by default. */
  readonly lr?: number
  /**
   * Pixels by which the picture is rolled at most before each step, so that the edges of strides fall elsewhere; 32 by
   * default.
   */
  readonly jitter?: number
  /** Seed of the rolls, 0 by default. */
  readonly seed?: number
  /**
   * The rolls themselves, rows down and columns to the right, in the place of random ones: one a step of all octaves.
   */
  readonly rolls?: readonly (readonly [rows: number, columns: number])[]
  /** Called with each step; the next begins when the returned promise is settled. */
  readonly onStep?: (step: DreamStep) => void | Promise<void>
  /** Ends the dream: the call then throws the signal's reason. */
  readonly signal?: CancelSignal
}

/**
 * A picture in which an objective is larger: x ← x + η · g / mean |g| at each step, kept within 0 … 1.
 * @param image one image of the inspector's size: bytes `[H, W, C]`, or pixels of 0 … 1 `[C, H, W]`; an `Inspector` may
 *   be made for pictures of any size that the network takes
 * @param of what is raised; `{ layer: 'layer3' }` is DeepDream's own objective, half the mean square of a layer
 * @returns pixels of 0 … 1, `[1, C, H, W]`
 * @throws RangeError for an option out of its range; PointError for a layer that does not exist; ShapeError for more
 *   images than one, for a network without preprocessing, and for one that does not take the smaller octaves; the
 *   reason of `signal`.
 * @example const dream = await deepDream(inspector, photo, { layer: 'layer3' })
 */
export async function deepDream(
  inspector: Inspector,
  image: Images,
  of: Objective,
  options: DreamOptions = {},
): Promise<Captured> {
  const { octaves, steps, lr, rollOf } = settle(options)
  const [height, width, channels] = inspector.shape
  const pixels = await inspector.floats(image, 'pixels')
  if (pixels.length !== channels * height * width) {
    throw new ShapeError(
      `deepDream: expected one image [${height}, ${width}, ${channels}], got ${pixels.length} numbers`,
    )
  }
  const bases = pyramid({ shape: [channels, height, width], values: pixels }, octaves, options.octaveScale ?? 1.4)
  let added: Captured | undefined
  let dream = bases[0]
  let taken = 0
  for (const [index, base] of [...bases.entries()].reverse()) {
    const [, rows, columns] = base.shape
    const climb = await climberOf(inspector, rows, columns, of)
    const before = added && resizeMaps(added, [rows, columns]).values
    const values = base.values.map((value, i) => inRange(value + (before?.[i] ?? 0)))
    for (let step = 1; step <= steps; step++) {
      options.signal?.throwIfAborted()
      const [down, across] = rollOf(taken++, index)
      const { score, gradient } = await climb(rolled(values, base.shape, down, across))
      await options.onStep?.({
        octave: octaves - index,
        octaves,
        step,
        of: steps,
        image: { shape: [1, ...base.shape], values: values.slice() },
        score,
      })
      const slope = rolled(gradient, base.shape, -down, -across)
      const mean = slope.reduce((total, g) => total + Math.abs(g), 0) / slope.length
      // Where nothing has a slope, nothing moves.
      const rate = mean > 0 ? lr / mean : 0
      for (let i = 0; i < values.length; i++) values[i] = inRange(values[i] + rate * slope[i])
      await yieldInTime()
    }
    added = { shape: base.shape, values: values.map((value, i) => value - base.values[i]) }
    dream = { shape: [1, ...base.shape], values }
  }
  options.signal?.throwIfAborted()
  return dream
}

const inRange = (value: number): number => Math.min(Math.max(value, 0), 1)

interface Settled {
  readonly octaves: number
  readonly steps: number
  readonly lr: number
  /** The roll of the step with this number, from 0, in an octave that was made smaller `octave` times. */
  rollOf(step: number, octave: number): readonly [number, number]
}

function settle(options: DreamOptions): Settled {
  const { octaves = 4, octaveScale = 1.4, steps = 10, lr = 0.01, jitter = 32, seed = 0, rolls } = options
  checkWhole('deepDream', 'octaves', octaves)
  checkWhole('deepDream', 'steps', steps)
  const check = (name: string, value: number, holds: boolean, rule: string): void => {
    if (!holds) throw new RangeError(`deepDream: ${name} (=${value}) must be ${rule}`)
  }
  check('octaveScale', octaveScale, octaveScale > 1 && Number.isFinite(octaveScale), '> 1')
  check('lr', lr, lr > 0 && Number.isFinite(lr), '> 0')
  check('jitter', jitter, Number.isInteger(jitter) && jitter >= 0, 'a whole number ≥ 0')
  if (rolls && rolls.length !== octaves * steps) {
    throw new RangeError(`deepDream: ${rolls.length} rolls for ${octaves} octaves of ${steps} steps`)
  }
  const random = new RandomSequence(seed, 'deepDream roll')
  const pixels = (): number => random.integer(2 * jitter + 1) - jitter
  return { octaves, steps, lr, rollOf: step => rolls?.[step] ?? [pixels(), pixels()] }
}

/** A picture `[C, H, W]`, and smaller and smaller copies of it. */
function pyramid(picture: Captured, octaves: number, scale: number): Captured[] {
  const [, height, width] = picture.shape
  const sizes = [picture]
  for (let k = 1; k < octaves; k++) {
    const sides = [height, width].map(side => Math.round(side / scale ** k))
    const [rows, columns] = sides
    if (Math.min(rows, columns) < 1) {
      throw new RangeError(
        `deepDream: octaves (=${octaves}) must be fewer: number ${k + 1} of ${height} × ${width} is empty`,
      )
    }
    sizes.push(resizeMaps(sizes[k - 1], [rows, columns]))
  }
  return sizes
}

/** The score and its slope for a picture of a size. */
async function climberOf(
  inspector: Inspector,
  height: number,
  width: number,
  of: Objective,
): Promise<(images: Float32Array) => Promise<{ score: number; gradient: Float32Array }>> {
  const sized = inspector.resized(height, width)
  const objective = objectiveAt(sized, of)
  const executable = await executableFor(sized, objective)
  return async images => {
    const outputs = await executable.run({ images, ...(objective.seed && { seed: objective.seed }) })
    return { score: outputs.scores[0], gradient: outputs.gradient as Float32Array }
  }
}

function objectiveAt(sized: Inspector, of: Objective): BatchObjective {
  try {
    return batchObjective(sized, [of])
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error
    const [height, width] = sized.shape
    throw new ShapeError(
      `deepDream: the network cannot be given ${height} × ${width} pixels (${error.message}); one that takes images of one size only needs octaves: 1`,
      { cause: error },
    )
  }
}

function executableFor(inspector: Inspector, objective: BatchObjective): Promise<Executable> {
  const key = JSON.stringify(['deepDream', objective.layer, objective.seed !== undefined])
  return inspector.compiled(key, () => {
    const { model, shape, takes } = inspector
    const pass = traceNetwork(model, shape, 1, 'pixels', takes)
    const [value] = simplify([pass.points.get(objective.layer) as Tensor])
    const scores = objectiveOf(value, objective)
    const [gradient] = gradients(sum(scores), [pass.input])
    return { outputs: { scores, gradient }, updates: new Map() }
  })
}

/**
 * Numbers `[C, H, W]` moved down and to the right; what leaves on one side comes in on the other, as `torch.roll` does
 * it.
 */
function rolled(
  values: Float32Array,
  [channels, height, width]: readonly number[],
  down: number,
  across: number,
): Float32Array {
  const moved = new Float32Array(values.length)
  const wrap = (place: number, size: number): number => ((place % size) + size) % size
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * height + y) * width
      const to = (c * height + wrap(y + down, height)) * width
      for (let x = 0; x < width; x++) moved[to + wrap(x + across, width)] = values[from + x]
    }
  }
  return moved
}
