/** A profile kernel by kernel: what each distinct kernel of a program is called, how large it is, and what it achieves. */
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
  /** Rows and columns of the register tile, of contractions. */
  readonly tile?: TileShape
  readonly codeBytes: number
  /** Calls in one run. */
  readonly calls: number
  /** Whether the kernel runs ahead of the runs, and not in each. */
  readonly ahead: boolean
  /** Multiply-adds of one run, as the definition of the operation has them: where they are done, if there are several stages. */
  readonly multiplyAdds: number
  /** Multiply-adds that Winograd's algorithm leaves of them, without transformations and what its tiles have beyond the image. */
  readonly ownMultiplyAdds: number
  /** Milliseconds of all calls, each measured alone. */
  readonly milliseconds: number
}

/** The distinct kernels of a profile, those that take longest first, those of the preparation at the end. */
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

/** Stages that do the multiply-adds of their convolution; of all others the last kernel does. */
const working: ReadonlySet<string> = new Set(['products', 'transformed sums'])

/** Multiply-adds of each call. A plan counts those of a convolution at its last kernel, which may only transform them back. */
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
 * The part of the multiply-adds that is left: (m + r − 1)² of m² r², so a quarter for F(4×4, 3×3) and F(3×3, 4×4); at stride 2,
 * (2 m + 1)² of m² r².
 */
function left(step: CpuStep): number {
  const form = convolutionOf(step)
  if (!form?.method.name.startsWith('winograd')) return 1
  const { task, method } = form
  const r = task.attributes.kernel[0]
  // The weights' gradient always has tiles of 6 × 6.
  const m = task.op === 'conv2dWeightGradient' ? 7 - r : Number(method.name.split('×')[1])
  const products = task.attributes.stride[0] === 1 ? m + r - 1 : 2 * m + 1
  return (products / (m * r)) ** 2
}

const directions = {
  conv2d: 'forward',
  conv2dInputGradient: 'gradient to input',
  conv2dWeightGradient: 'gradient to weights',
} as const

/** What a step is of a convolution whose volumes lie channels last, if it is. */
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
