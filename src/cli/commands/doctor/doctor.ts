/** `fovea doctor`: what the runtime offers, what the engine uses of it, and how fast it computes here. */
import { availableParallelism, freemem, totalmem } from 'node:os'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import type { NativeKernels } from '../../../backends/native/choice.ts'
import { nativeKernels } from '../../../backends/native/native.ts'
import { measureNativePeak } from '../../../backends/native/peak.ts'
import { createWasmEngineWith } from '../../../backends/wasm/engine.ts'
import type { WasmExecutable } from '../../../backends/wasm/executable.ts'
import { measureWasmPeak, type WasmPeak } from '../../../backends/wasm/measure/peak.ts'
import type { WasmDescription, WasmEngineOptions } from '../../../backends/wasm/options.ts'
import {
  defaultThreads,
  hasRelaxedSimd,
  obstacleToThreads,
  registerTile,
} from '../../../backends/wasm/runtime/features.ts'
import { wideVectors } from '../../../backends/wasm/runtime/wide.ts'
import type { WideVectors } from '../../../backends/wasm/runtime/wideChoice.ts'
import { findAdapter } from '../../../backends/webgpu/create.ts'
import { cacheFolder } from '../../../data/download.node.ts'
import { findMpi, type MpiState } from '../../../distributed/library.node.ts'
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
  /** What `native: 'auto'` selects on this machine, after the check of the measured kernels. */
  readonly native: NativeKernels
  /** The graphics processor that `--backend webgpu` computes on, or why there is none. */
  readonly webgpu: string
  /** Register tile of the kernels, and that with wide vectors if there are any. */
  readonly tile: string
  readonly wideTile?: string
  readonly memoryBytes: number
  readonly freeBytes: number
  readonly cacheFolder: string
  /** The libraries by which processes train together. */
  readonly mpi: { readonly openMpi: MpiState; readonly mpich: MpiState }
  /** GFLOP/s of one core that only multiplies and adds in registers. */
  readonly peak: WasmPeak & { readonly native?: number }
  /**
   * GFLOP/s of 1×1 convolutions on one thread and on all threads; with wide vectors, and in native code, if there is
   * such.
   */
  readonly speed: {
    readonly oneThread: number
    readonly allThreads: number
    readonly wide?: number
    readonly wideAllThreads?: number
    readonly native?: number
    readonly nativeAllThreads?: number
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
  const { speed, peak, wide, native, wakeUp, threads } = found
  const rate = (gflops: number): string => `${gflops.toFixed(1)} GFLOP/s`
  const speedOn = (one: number, all: number, most: number): string => {
    const share = (100 * one) / most
    const rest = threads > 1 ? `, ${rate(all)} on ${threads} (${(all / one).toFixed(2)} ×)` : ''
    return `${rate(one)} on one thread, ${share.toFixed(0)} % of the peak${rest}`
  }
  const speedWith = (what: string, one = 0, all = one, most = one): [string, string][] =>
    one === 0 ? [] : [[`speed, ${what}`, speedOn(one, all, most)]]
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
    [
      'native kernels',
      native.on
        ? `available: ${native.reason}; commands take them, and createEngine({ native: 'auto' })`
        : `no: ${native.reason}`,
    ],
    ['WebGPU', found.webgpu],
    ['register tile', `${found.tile}${found.wideTile ? `; ${found.wideTile} with wide vectors` : ''}`],
    [
      'memory',
      `${formatDecimalBytes(found.freeBytes)} free of ${formatDecimalBytes(found.memoryBytes)}; an engine takes up to 4.3 GB`,
    ],
    ['cache', found.cacheFolder],
    ['MPI', mpiOf(found.mpi)],
    [
      'peak, one core',
      [
        ...(peak.fma === undefined ? [] : [`${rate(peak.fma)} fused`]),
        `${rate(peak.mulAdd)} multiplying and adding`,
        ...(peak.wide === undefined ? [] : [`${rate(peak.wide)} in wide vectors`]),
        ...(peak.native === undefined ? [] : [`${rate(peak.native)} in native code`]),
      ].join(', '),
    ],
    ['speed', speedOn(speed.oneThread, speed.allThreads, peak.fma ?? peak.mulAdd)],
    ...speedWith('wide', speed.wide, speed.wideAllThreads, peak.wide),
    ...speedWith('native', speed.native, speed.nativeAllThreads, peak.native),
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

/** What `mpirun -n 4 fovea train` would use. */
function mpiOf({ openMpi, mpich }: Findings['mpi']): string {
  const found = [openMpi, mpich].filter(({ found }) => found).map(({ detail }) => detail)
  return found.length > 0 ? `${found.join(', ')}: mpirun -n N fovea train` : `no: ${openMpi.detail}`
}

async function findings(wanted: number): Promise<Findings> {
  const threads = obstacleToThreads() === undefined ? wanted : 1
  const tileOf = (wide: boolean): string => {
    const { rows, columns } = registerTile(wide)
    return `${rows} × ${columns}`
  }
  const onOneAndAll = async (choices: KernelChoices): Promise<[one: Speed, all: Speed]> => {
    const one = await speedOf(1, choices)
    return [one, threads === 1 ? one : await speedOf(threads, choices)]
  }
  const [oneThread, allThreads] = await onOneAndAll({})
  const [availableWide, availableNative] = [wideVectors('auto'), nativeKernels('auto')]
  const wide = availableWide.on ? await onOneAndAll({ wide: 'auto' }) : undefined
  const native = availableNative.on ? await onOneAndAll({ native: 'auto' }) : undefined
  const isWide = wide?.[0].description.wide?.on
  const isNative = native?.[0].description.native?.on
  const nativePeak = measureNativePeak()
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    threads,
    sharedMemory: obstacleToThreads() === undefined,
    relaxedSimd: hasRelaxedSimd(),
    wide: wide?.[0].description.wide ?? availableWide,
    native: native?.[0].description.native ?? { on: false, reason: availableNative.reason },
    webgpu: await webgpuAdapter(),
    tile: tileOf(false),
    ...(isWide && { wideTile: tileOf(true) }),
    memoryBytes: totalmem(),
    freeBytes: freemem(),
    cacheFolder: cacheFolder(),
    mpi: { openMpi: findMpi('Open MPI'), mpich: findMpi('MPICH') },
    peak: { ...(await measureWasmPeak()), ...(nativePeak !== undefined && { native: nativePeak }) },
    speed: {
      oneThread: oneThread.gflops,
      allThreads: allThreads.gflops,
      ...(isWide && { wide: wide[0].gflops, wideAllThreads: wide[1].gflops }),
      ...(isNative && { native: native[0].gflops, nativeAllThreads: native[1].gflops }),
    },
    ...(threads > 1 && { wakeUp: await wakeUpOf(threads) }),
  }
}

/** The adapter as the report names it. */
async function webgpuAdapter(): Promise<string> {
  try {
    const { name, software } = await findAdapter()
    return `available: ${name}${software ? ', which is the processor acting as one: for tests, not for speed' : ''}`
  } catch (error) {
    return `no: ${(error as Error).message.replace(/^webgpu: /, '')}`
  }
}

/** Layers of the network that is timed: enough to make the surrounding work negligible. */
const layers = 8

type KernelChoices = Pick<WasmEngineOptions, 'wide' | 'native'>

/** GFLOP/s of an engine, and how it computes. */
interface Speed {
  readonly gflops: number
  readonly description: WasmDescription
}

/** Median GFLOP/s of a stack of 1×1 convolutions of 256 channels over 8 images of 14 × 14. */
async function speedOf(threads: number, choices: KernelChoices): Promise<Speed> {
  const shape = [8, 256, 14, 14] as const
  let y: Volume = input('x', shape, { batched: true })
  for (let layer = 0; layer < layers; layer++) y = conv2d(y, new Variable([256, 256, 1, 1] as const).tensor)
  const x = new Float32Array(sizeOf(shape))
  return withExecutable({ threads, ...choices }, y, async (executable, description) => {
    const milliseconds = await medianTime(executable, x, 50)
    return { gflops: (2 * executable.plan.multiplyAdds) / milliseconds / 1e6, description }
  })
}

/** Time of a step with one addition, in which all threads synchronize once. */
async function wakeUpOf(threads: number): Promise<WakeUp> {
  return withExecutable({ threads }, add(input('x', [1]), 1), async executable => ({
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
  options: WasmEngineOptions,
  y: Tensor,
  use: (executable: WasmExecutable, description: WasmDescription) => Promise<T>,
): Promise<T> {
  const engine = createWasmEngineWith({ isWorthSharing: () => true }, options)
  try {
    const executable = await engine.compile({ outputs: { y }, updates: new Map() })
    return await use(executable, engine.description)
  } finally {
    await engine.close()
  }
}
