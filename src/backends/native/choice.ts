/**
 * Whether machine code can be made and called here, and why not: only Linux on x64 with AVX2, by `node:ffi` or koffi.
 */
import { peerPlaces } from '../peers.ts'
import { nodeModules } from '../wasm/runtime/features.ts'
import { type Door, doorOfKoffi, doorOfNode, quietly } from './door.ts'
import { processorFeatures } from './processor.ts'

/** What to do about native kernels: use them where they work, insist on them, or do without. */
export type NativeChoice = 'auto' | 'on' | 'off'

/** Whether an engine computes with native kernels, and what decided that. */
export interface NativeKernels {
  readonly on: boolean
  /** `AVX-512, by node:ffi`, or why not. */
  readonly reason: string
}

/** The processor within reach. */
export interface Processor {
  readonly door: Door
  readonly avx512: boolean
}

/** A choice, with the means to carry it out. */
export interface SettledNative extends NativeKernels {
  /** Present when native kernels are in use. */
  readonly processor?: Processor
}

/**
 * What a choice means on this runtime and this processor.
 * @param precise whether results must be the same on every machine, which leaves native kernels out
 * @throws Error when `'on'` is impossible.
 */
export function settleNative(choice: NativeChoice, precise = false): SettledNative {
  if (choice === 'off') return { on: false, reason: "native: 'off'" }
  const reached = precise ? 'precise: the same results on every machine' : reachProcessor()
  if (typeof reached !== 'string') {
    const { door, avx512 } = reached
    return { on: true, reason: `${avx512 ? 'AVX-512' : 'AVX2'}, by ${door.name}`, processor: reached }
  }
  if (choice === 'on') throw new Error(`native: 'on' is impossible here: ${reached}`)
  return { on: false, reason: reached }
}

let known: Processor | string | undefined

/** The processor, or why machine code cannot be used. Looked for once. */
function reachProcessor(): Processor | string {
  known ??= findProcessor()
  return known
}

function findProcessor(): Processor | string {
  const { process } = globalThis as { process?: NodeJS.Process }
  if (!process || !nodeModules()) return 'it needs Node; this is a browser'
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `it needs Linux on x64; this is ${process.platform} on ${process.arch}`
  }
  const door = openDoor(process)
  if (typeof door === 'string') return door
  try {
    const { avx2, avx512 } = processorFeatures(door)
    return avx2 ? { door, avx512 } : 'the processor has no AVX2'
  } catch (error) {
    return messageOf(error)
  }
}

/** The first way to the processor that opens, or why none does. */
function openDoor(process: NodeJS.Process): Door | string {
  const builtin = quietly(name => process.getBuiltinModule(name))
  const problems: string[] = []
  if (builtin('node:ffi') !== undefined) {
    try {
      return doorOfNode(builtin)
    } catch (error) {
      problems.push(`node:ffi: ${messageOf(error)}`)
    }
  }
  for (const { path, require } of peerPlaces(process, 'koffi')) {
    try {
      return doorOfKoffi(require, path)
    } catch (error) {
      problems.push(`koffi: ${messageOf(error)}`)
    }
  }
  return problems[0] ?? 'it needs Node 26, or the package koffi (npm install koffi)'
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
