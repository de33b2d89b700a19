/** What a kernel is: code for one operation on given shapes, called with a range of its units and with addresses. */

import { structuralKey } from '../../graph/structuralKey.ts'
import type { FunctionBuilder } from './emit/assembler.ts'
import type { AnyLanes, Arithmetic, VectorLanes } from './emit/lanes.ts'
import type { MathLibrary } from './emit/math.ts'
import type { ModuleBuilder } from './emit/module.ts'
import { lanesFor } from './emit/tile.ts'

/** Everything needed to emit a kernel's code. */
export interface KernelModule {
  readonly module: ModuleBuilder
  /** Vector functions (exp, log, tanh, …), each added to the module when first used. */
  readonly math: MathLibrary
  /** Whether relaxed fused multiply-adds may be used. */
  readonly fused: boolean
  /** Lanes of the longest vectors that there are; more than four in native code only. */
  readonly longest?: VectorLanes
}

/**
 * A specialized kernel. The emitted function has parameters `(from, to, ...addresses)`: it computes the units
 * `from … to − 1`; ranges given to different threads never write the same byte.
 */
export interface Kernel {
  /** Kernels with equal keys have equal code, which is emitted once. Only {@link kernelKind} and its like make keys. */
  readonly key: KernelKey
  /** Number of units the work can be split into. */
  readonly units: number
  /** Constant tables the kernel reads; their addresses follow those of the operands. */
  readonly tables: readonly Int32Array[]
  /**
   * Number of operand addresses: inputs of the step, of its epilogue and of its moments, the workspace if it takes one,
   * outputs.
   */
  readonly operands: number
  /** Whether it takes the address of the calling thread's workspace, before those of its outputs. */
  readonly workspace?: boolean
  emit(target: KernelModule): FunctionBuilder
}

declare const made: unique symbol

/** The kind of a kernel and its whole spec, as text. */
export type KernelKey = string & { readonly [made]: true }

/** Everything that follows from the spec of a kernel. */
export type KernelCode = Omit<Kernel, 'key'>

/**
 * Kernels of one kind, each made from its spec: plain data, and all that `make` depends on. The key is the whole spec,
 * so it cannot miss anything that changes the code.
 * @param name first word of the keys, different for each kind
 */
export function kernelKind<Spec extends readonly unknown[]>(
  name: string,
  make: (...spec: Spec) => KernelCode,
): (...spec: Spec) => Kernel {
  return (...spec) => ({ key: keyOf(name, spec), ...make(...spec) })
}

/**
 * Kernels of one kind whose code does not depend on the number of their units, which is no part of their spec: one code
 * serves many lengths.
 */
export function kernelKindOfAnyLength<Spec extends readonly unknown[]>(
  name: string,
  make: (...spec: Spec) => Omit<KernelCode, 'units'>,
): (units: number, ...spec: Spec) => Kernel {
  return (units, ...spec) => ({ key: keyOf(name, spec), units, ...make(...spec) })
}

const keyOf = (name: string, spec: readonly unknown[]): KernelKey =>
  `${name} ${spec.map(structuralKey).join(' ')}` as KernelKey

/** Declares a kernel function and names its parameters. */
export function kernelFunction(
  { module }: KernelModule,
  addresses: number,
): { f: FunctionBuilder; from: number; to: number; address: number[] } {
  const f = module.function(new Array(2 + addresses).fill('i32'), [])
  return { f, from: 0, to: 1, address: Array.from({ length: addresses }, (_, k) => k + 2) }
}

/**
 * Arithmetic for a contraction on blocks of samples: four lanes when the block allows, or longer vectors.
 * @param finish whether what follows the sums can be done in long vectors
 */
export function arithmeticFor(
  block: number,
  { fused, longest }: KernelModule,
  { fitsLongVectors }: { readonly fitsLongVectors: boolean },
): Arithmetic<AnyLanes> {
  const lanes = block % 4 > 0 || block === 0 ? 1 : fitsLongVectors ? lanesFor(block, longest) : 4
  return { lanes, fused }
}
