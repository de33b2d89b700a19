/** `fovea summary --kernels`: the distinct kernels of a program, and their speed on this machine. */

import { measureNativePeak } from '../../../backends/native/peak.ts'
import { createWasmEngine } from '../../../backends/wasm/engine.ts'
import { type KernelTime, kernelTimes } from '../../../backends/wasm/measure/kernelTimes.ts'
import { measureWasmPeak } from '../../../backends/wasm/measure/peak.ts'
import type { WasmEngineOptions } from '../../../backends/wasm/options.ts'
import type { Program } from '../../../plan/program.ts'
import { formatCount } from '../../../text/format.ts'
import { type TableColumn, textTable } from '../../terminal/table.ts'

/** A program's kernels, measured on one thread. */
export interface KernelListing {
  /** GFLOP/s of one core that does only multiply-adds in registers, in vectors as wide as those of the kernels. */
  readonly peak: number
  /** Whether the kernels have wide vectors. */
  readonly wide: boolean
  /** `AVX-512, by node:ffi`, if the kernels are machine code. */
  readonly native?: string
  readonly kernels: readonly (KernelTime & {
    /** Share of the multiply-adds, and of the time, of one run; work before the runs does not count. */
    readonly shareOfMultiplyAdds: number
    readonly shareOfTime: number
    /** GFLOP/s of contractions, by the multiply-adds of their definition. */
    readonly gflops?: number
    /** Share of the peak, by the multiply-adds that the algorithm actually does. */
    readonly shareOfPeak?: number
  })[]
}

/** Number of runs of each step that count. */
const repeats = 7

/** Compiles a program, and times its kernels for some seconds. */
export async function listKernels(
  program: Program,
  choices: Pick<WasmEngineOptions, 'wide' | 'native'>,
): Promise<KernelListing> {
  const engine = createWasmEngine({ threads: 1, ...choices })
  try {
    // Compiled first for the check of the kernels: if it fails, the profile shows the kernels that actually run.
    await engine.compile(program)
    const times = kernelTimes(await engine.profile(program, repeats))
    const { wide, native } = engine.description
    const isWide = wide?.on === true
    const { fma, mulAdd, wide: widePeak } = await measureWasmPeak()
    const peak = (native?.on ? measureNativePeak() : isWide ? widePeak : undefined) ?? fma ?? mulAdd
    const running = times.filter(({ ahead }) => !ahead)
    const total = (of: 'multiplyAdds' | 'milliseconds'): number => running.reduce((sum, kernel) => sum + kernel[of], 0)
    const [multiplyAdds, milliseconds] = [total('multiplyAdds'), total('milliseconds')]
    const kernels = times.map(kernel => {
      const gflops = (2 * kernel.multiplyAdds) / kernel.milliseconds / 1e6
      return {
        ...kernel,
        shareOfMultiplyAdds: kernel.ahead ? 0 : kernel.multiplyAdds / Math.max(1, multiplyAdds),
        shareOfTime: kernel.ahead ? 0 : kernel.milliseconds / milliseconds,
        ...(kernel.multiplyAdds > 0 && {
          gflops,
          shareOfPeak: (gflops * kernel.ownMultiplyAdds) / kernel.multiplyAdds / peak,
        }),
      }
    })
    return { peak, wide: isWide, ...(native?.on && { native: native.reason }), kernels }
  } finally {
    await engine.close()
  }
}

const columns: readonly TableColumn[] = [
  { title: 'kernel' },
  { title: 'tile', align: 'right' },
  { title: 'code, bytes', align: 'right' },
  { title: 'calls', align: 'right' },
  { title: 'multiply-adds', align: 'right' },
  { title: 'ms', align: 'right' },
  { title: 'of time', align: 'right' },
  { title: 'GFLOP/s', align: 'right' },
  { title: 'of peak', align: 'right' },
]

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** The listing as lines. */
export function formatKernels({ peak, wide, native, kernels }: KernelListing): string {
  const rows = kernels.map(kernel => [
    `${kernel.ahead ? 'ahead: ' : ''}${kernel.name}`,
    kernel.tile ? `${kernel.tile.rows} × ${kernel.tile.columns}` : '',
    formatCount(kernel.codeBytes),
    String(kernel.calls),
    kernel.shareOfMultiplyAdds > 0 ? percent(kernel.shareOfMultiplyAdds) : '',
    kernel.milliseconds.toFixed(3),
    kernel.ahead ? '' : percent(kernel.shareOfTime),
    kernel.gflops?.toFixed(1) ?? '',
    kernel.shareOfPeak === undefined ? '' : percent(kernel.shareOfPeak),
  ])
  const running = kernels.filter(({ ahead }) => !ahead)
  const calls = running.reduce((sum, kernel) => sum + kernel.calls, 0)
  const milliseconds = running.reduce((sum, kernel) => sum + kernel.milliseconds, 0)
  const total = (of: 'multiplyAdds' | 'ownMultiplyAdds'): number => running.reduce((sum, kernel) => sum + kernel[of], 0)
  const gflops = (multiplyAdds: number): number => (2 * multiplyAdds) / milliseconds / 1e6
  const footer = [
    `${kernels.length} kernels`,
    '',
    '',
    String(calls),
    '',
    milliseconds.toFixed(3),
    '',
    gflops(total('multiplyAdds')).toFixed(1),
    percent(gflops(total('ownMultiplyAdds')) / peak),
  ]
  return [
    `One thread, each call alone; measured peak ${peak.toFixed(1)} GFLOP/s${native ? ` in native code (${native})` : wide ? ' with wide vectors' : ''}.`,
    'Multiply-adds and GFLOP/s count direct convolution; the share of the peak counts the products that Winograd leaves.',
    'Steps that run ahead (only when weights have changed) are not part of the shares.',
    '',
    textTable(columns, rows, footer),
  ].join('\n')
}
