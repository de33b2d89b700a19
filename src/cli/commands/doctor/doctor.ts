/** `fovea doctor`: what the runtime offers, what the engine uses of it, and how fast it computes here. */
import { availableParallelism, freemem, totalmem } from 'node:os'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { createWasmEngineWith } from '../../../backends/wasm/engine.ts'
import type { WasmExecutable } from '../../../backends/wasm/executable.ts'
import { measureWasmPeak, type WasmPeak } from '../../../backends/wasm/measure/peak.ts'
import {
  defaultThreads,
  hasRelaxedSimd,
  obstacleToThreads,
  registerTile,
} from '../../../backends/wasm/runtime/features.ts'
import { wideVectors } from '../../../backends/wasm/runtime/wide.ts'
import type { WideChoice, WideVectors } from '../../../backends/wasm/runtime/wideChoice.ts'
import { cacheFolder } from '../../../data/download.node.ts'
import { add, conv2d, input, sizeOf, type Tensor, Variable, type Volume } from '../../../graph/index.ts'
import { formatDecimalBytes } from '../../../text/format.ts'
import { print, printJson } from '../../terminal/output.ts'

/** Options of the command. */
export interface DoctorOptions {
  readonly threads?: number
  readonly json?: boolean
}

/** Findings of {@link doctor}. */
interface Findings {
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cores: number
  readonly threads: number
  readonly sharedMemory: boolean
  readonly relaxedSimd: boolean
  /** What `wide: 'auto'` selects on this machine, after the check of the measured kernels. */
  readonly wide: WideVectors
  /** Register tile of the kernels, and that with wide vectors if there are any. */
  readonly tile: string
  readonly wideTile?: string
  readonly memoryBytes: number
  readonly freeBytes: number
  readonly cacheFolder: string
  /** GFLOP/s of one core that only multiplies and adds in registers. */
  readonly peak: WasmPeak
  /** GFLOP/s of 1×1 convolutions on one thread and on all threads; with wide vectors if there are any. */
  readonly speed: {
    readonly oneThread: number
    readonly allThreads: number
    readonly wide?: number
    readonly wideAllThreads?: number
  }
  /** Microseconds of an almost empty step with several threads. */
  readonly wakeUp?: WakeUp
}

/** Medians. */
interface WakeUp {
  /** Right after another step: the workers are still looking for work. */
  readonly awake: number
  /** After a pause in which they have fallen asleep. */
  readonly asleep: number
}

/** Prints the findings. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const found = await findings(options.threads ?? defaultThreads())
  if (options.json) {
    printJson(found)
    return 0
  }
  const { speed, peak, wide, wakeUp, threads } = found
  const rate = (gflops: number): string => `${gflops.toFixed(1)} GFLOP/s`
  const speedOn = (one: number, all: number): string => {
    const share = (100 * one) / (one === speed.wide ? (peak.wide ?? one) : (peak.fma ?? peak.mulAdd))
    const rest = threads > 1 ? `, ${rate(all)} on ${threads} (${(all / one).toFixed(2)} ×)` : ''
    return `${rate(one)} on one thread, ${share.toFixed(0)} % of the peak${rest}`
  }
  const lines: [name: string, value: string][] = [
    ['runtime', `Node ${found.node} (V8 ${found.v8}) on ${found.platform}`],
    ['threads', `${threads} of ${found.cores} cores${found.sharedMemory ? '' : ' (no shared memory)'}`],
    ['SIMD', found.relaxedSimd ? 'relaxed: fused multiply-add' : 'without fused multiply-add'],
    [
      'wide vectors',
      wide.on
        ? `available: ${wide.reason}; commands take them, and createEngine({ wide: 'auto' })`
        : `no: ${wide.reason}`,
    ],
    ['register tile', `${found.tile}${found.wideTile ? `; ${found.wideTile} with wide vectors` : ''}`],
    [
      'memory',
      `${formatDecimalBytes(found.freeBytes)} free of ${formatDecimalBytes(found.memoryBytes)}; an engine takes up to 4.3 GB`,
    ],
    ['cache', found.cacheFolder],
    [
      'peak, one core',
      [
        ...(peak.fma === undefined ? [] : [`${rate(peak.fma)} fused`]),
        `${rate(peak.mulAdd)} multiplying and adding`,
        ...(peak.wide === undefined ? [] : [`${rate(peak.wide)} in wide vectors`]),
      ].join(', '),
    ],
    ['speed', speedOn(speed.oneThread, speed.allThreads)],
    ...(speed.wide === undefined
      ? []
      : [['speed, wide', speedOn(speed.wide, speed.wideAllThreads ?? speed.wide)] as [string, string]]),
    ...(wakeUp
      ? [
          [
            'wake-up',
            `${wakeUp.awake.toFixed(1)} µs for an empty step of ${threads} threads; ` +
              `${wakeUp.asleep.toFixed(0)} µs after a pause, when workers sleep`,
          ] as [string, string],
        ]
      : []),
  ]
  for (const [name, value] of lines) print(`${name.padEnd(16)}${value}`)
  return 0
}

async function findings(wanted: number): Promise<Findings> {
  const threads = obstacleToThreads() === undefined ? wanted : 1
  const tileOf = (wide: boolean): string => {
    const { rows, columns } = registerTile(wide)
    return `${rows} × ${columns}`
  }
  const oneThread = await speedOf(1, 'off')
  const allThreads = threads === 1 ? oneThread : await speedOf(threads, 'off')
  const available = wideVectors('auto')
  const wide = available.on ? await speedOf(1, 'auto') : undefined
  const wideAllThreads = wide && threads > 1 ? await speedOf(threads, 'auto') : wide
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    threads,
    sharedMemory: obstacleToThreads() === undefined,
    relaxedSimd: hasRelaxedSimd(),
    wide: wide?.vectors ?? available,
    tile: tileOf(false),
    ...(wide?.vectors?.on && { wideTile: tileOf(true) }),
    memoryBytes: totalmem(),
    freeBytes: freemem(),
    cacheFolder: cacheFolder(),
    peak: await measureWasmPeak(),
    speed: {
      oneThread: oneThread.gflops,
      allThreads: allThreads.gflops,
      ...(wide?.vectors?.on && { wide: wide.gflops, wideAllThreads: (wideAllThreads ?? wide).gflops }),
    },
    ...(threads > 1 && { wakeUp: await wakeUpOf(threads) }),
  }
}

/** Layers of the network that is timed: enough to make the surrounding work negligible. */
const layers = 8

/** Median GFLOP/s of a stack of 1×1 convolutions of 256 channels over 8 images of 14 × 14. */
async function speedOf(
  threads: number,
  wide: WideChoice,
): Promise<{ gflops: number; vectors?: WideVectors | undefined }> {
  const shape = [8, 256, 14, 14] as const
  let y: Volume = input('x', shape, { batched: true })
  for (let layer = 0; layer < layers; layer++) y = conv2d(y, new Variable([256, 256, 1, 1] as const).tensor)
  const x = new Float32Array(sizeOf(shape))
  return withExecutable(threads, wide, y, async (executable, vectors) => {
    const milliseconds = await medianTime(executable, x, 50)
    return { gflops: (2 * executable.plan.multiplyAdds) / milliseconds / 1e6, vectors: vectors() }
  })
}

/** Time of a step with one addition, in which all threads synchronize once. */
async function wakeUpOf(threads: number): Promise<WakeUp> {
  return withExecutable(threads, 'off', add(input('x', [1]), 1), async executable => ({
    awake: 1000 * (await medianTime(executable, [1], 2000)),
    asleep: 1000 * (await medianTime(executable, [1], 100, 5)),
  }))
}

/** Milliseconds of a run on `x`, with an optional pause before each run. */
async function medianTime(
  executable: WasmExecutable,
  x: ArrayLike<number>,
  runs: number,
  pause?: number,
): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < runs + 10; run++) {
    if (pause !== undefined) await setTimeout(pause)
    const started = performance.now()
    await executable.run({ x }, { read: [] })
    times.push(performance.now() - started)
  }
  return times.slice(10).sort((a, b) => a - b)[runs >> 1]
}

/** Compiles a value on a separate engine, whose threads share even the smallest work. */
async function withExecutable<T>(
  threads: number,
  wide: WideChoice,
  y: Tensor,
  use: (executable: WasmExecutable, vectors: () => WideVectors | undefined) => Promise<T>,
): Promise<T> {
  const engine = createWasmEngineWith({ isWorthSharing: () => true }, { threads, wide })
  try {
    const executable = await engine.compile({ outputs: { y }, updates: new Map() })
    return await use(executable, () => engine.description.wide)
  } finally {
    await engine.close()
  }
}
