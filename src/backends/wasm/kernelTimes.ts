/** A profile kernel by kernel: what each distinct kernel of a program is called, how large it is, and what it achieves. */
import type { StageAttributes } from '../../plan/convolution.ts'
import type { Step } from '../../plan/steps.ts'
import type { StepTime } from './profile.ts'
import type { TileShape } from './tile.ts'

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
  /** Multiply-adds of one run, as the definition of the operation has them. */
  readonly multiplyAdds: number
  /** Milliseconds of all calls, each measured alone. */
  readonly milliseconds: number
}

/** The distinct kernels of a profile, those that take longest first, those of the preparation at the end. */
export function kernelTimes(times: readonly StepTime[]): KernelTime[] {
  const kernels = new Map<string, KernelTime>()
  for (const { step, kernel, codeBytes, tile, ahead, multiplyAdds, milliseconds } of times) {
    const key = `${ahead} ${kernel}`
    const known = kernels.get(key)
    kernels.set(key, {
      name: known?.name ?? `${nameOf(step)} [${step.output.shape.join(', ')}]`,
      family: kernel.split(' ', 1)[0],
      ...(tile && { tile }),
      codeBytes,
      calls: (known?.calls ?? 0) + 1,
      ahead,
      multiplyAdds: (known?.multiplyAdds ?? 0) + multiplyAdds,
      milliseconds: (known?.milliseconds ?? 0) + milliseconds,
    })
  }
  return [...kernels.values()].sort((a, b) => Number(a.ahead) - Number(b.ahead) || b.milliseconds - a.milliseconds)
}

const directions = {
  conv2d: 'forward',
  conv2dInputGradient: 'gradient to input',
  conv2dWeightGradient: 'gradient to weights',
} as const

function nameOf(step: Step): string {
  const stage = step.op === 'stage' ? (step.attributes as StageAttributes) : undefined
  const { task, method } = stage ?? step.convolution ?? {}
  if (task && method) {
    const { kernel, stride } = task.attributes
    const window = kernel.join('×') + (stride.some(size => size > 1) ? ` / ${stride[0]}` : '')
    const part = stage ? `: ${method.stages[stage.stage].name}` : ''
    return `${window} ${directions[task.op]}, ${method.name}${part}`
  }
  return step.op in directions ? directions[step.op as keyof typeof directions] : step.op
}
