/** A profile by kernel: the name, size and performance of each distinct kernel of a program. */
import type { ConvolutionTask } from '../../cpu/layouts/convolution.ts'
import type { ConvolutionForm, CpuStep, StageForm } from '../../cpu/layouts/form.ts'
import type { TileShape } from '../emit/tile.ts'
import type { StepTime } from './profile.ts'

/** All calls of one kernel in a run of a program. */
export interface KernelTime {
  /** `3×3 forward, winograd 4×4: products`, `matmul`, … with the shape of the result. */
  readonly name: string
  /** First word of the kernel's key: the file that makes it. */
  readonly family: string
  /** For contractions: rows and columns of the register tile. */
  readonly tile?: TileShape
  readonly codeBytes: number
  /** Calls in one run. */
  readonly calls: number
  /** Whether the kernel runs ahead of the runs instead of in each run. */
  readonly ahead: boolean
  /**
   * Multiply-adds of one run, by the definition of the operation. With several stages, they count for the stage that
   * does them.
   */
  readonly multiplyAdds: number
  /** Those that remain with Winograd's algorithm, not counting transforms and the parts of tiles outside the image. */
  readonly ownMultiplyAdds: number
  /** Milliseconds of all calls, each measured alone. */
  readonly milliseconds: number
}

/** The distinct kernels of a profile, slowest first, those of the preparation at the end. */
export function kernelTimes(times: readonly StepTime[]): KernelTime[] {
  const kernels = new Map<string, KernelTime>()
  const work = workOf(times)
  for (const time of times) {
    const { step, kernel, codeBytes, tile, ahead, milliseconds } = time
    const multiplyAdds = work.get(time) ?? 0
    const key = `${ahead} ${kernel}`
    const known = kernels.get(key)
    kernels.set(key, {
      name: known?.name ?? `${nameOf(step)} [${step.outputs[0].shape.join(', ')}]`,
      family: kernel.split(' ', 1)[0],
      ...(tile && { tile }),
      codeBytes,
      calls: (known?.calls ?? 0) + 1,
      ahead,
      multiplyAdds: (known?.multiplyAdds ?? 0) + multiplyAdds,
      ownMultiplyAdds: (known?.ownMultiplyAdds ?? 0) + multiplyAdds * left(step),
      milliseconds: (known?.milliseconds ?? 0) + milliseconds,
    })
  }
  return [...kernels.values()].sort((a, b) => Number(a.ahead) - Number(b.ahead) || b.milliseconds - a.milliseconds)
}

/**
 * Stages that do the multiply-adds of their convolution. In methods without such a stage, the last kernel does them.
 */
const working: ReadonlySet<string> = new Set(['products', 'transformed sums'])

/**
 * Multiply-adds of each call. A plan counts a convolution's at its last kernel, which may only transform results back.
 */
function workOf(times: readonly StepTime[]): Map<StepTime, number> {
  const work = new Map(times.map(time => [time, time.multiplyAdds]))
  const workers = new Map<ConvolutionTask, StepTime>()
  for (const time of times) {
    const { step, multiplyAdds } = time
    const { form } = step
    if (form?.kind === 'stage' && working.has(form.name)) workers.set(form.task, time)
    const worker = form?.kind === 'convolution' ? workers.get(form.task) : undefined
    if (!worker || multiplyAdds === 0) continue
    work.set(worker, (work.get(worker) ?? 0) + multiplyAdds)
    work.set(time, 0)
  }
  return work
}

/**
 * The part of the multiply-adds that remains: (m + r − 1)² of m² r², so a quarter for F(4×4, 3×3) and F(3×3, 4×4);
 * (2 m + 1)² of m² r² at stride 2.
 */
function left(step: CpuStep): number {
  const form = convolutionOf(step)
  if (!form?.method.name.startsWith('winograd')) return 1
  const { task, method } = form
  const r = task.attributes.kernel[0]
  // The weight gradient always has tiles of 6 × 6.
  const m = task.op === 'conv2dWeightGradient' ? 7 - r : Number(method.name.split('×')[1])
  const products = task.attributes.stride[0] === 1 ? m + r - 1 : 2 * m + 1
  return (products / (m * r)) ** 2
}

const directions = {
  conv2d: 'forward',
  conv2dInputGradient: 'gradient to input',
  conv2dWeightGradient: 'gradient to weights',
} as const

/** The form of a step that belongs to a convolution whose volumes are stored channels last. */
function convolutionOf({ form }: CpuStep): ConvolutionForm | StageForm | undefined {
  return form?.kind === 'stage' || form?.kind === 'convolution' ? form : undefined
}

function nameOf(step: CpuStep): string {
  const form = convolutionOf(step)
  if (form) {
    const { task, method } = form
    const part = form.kind === 'stage' ? `: ${form.name}` : ''
    if (step.op === 'matmul') return `matmul, ${method.name}${part}`
    const { kernel, stride } = task.attributes
    const window = kernel.join('×') + (stride.some(size => size > 1) ? ` / ${stride[0]}` : '')
    return `${window} ${directions[task.op]}, ${method.name}${part}`
  }
  return step.op in directions ? directions[step.op as keyof typeof directions] : step.op
}
