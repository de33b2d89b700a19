/** Runs one kernel alone: its own module, its own memory, ranges of units in several partitions. */
import { expect } from 'vitest'
import type { Operand } from '../../../src/backends/cpu/access.ts'
import { MathLibrary } from '../../../src/backends/wasm/emit/math.ts'
import { ModuleBuilder } from '../../../src/backends/wasm/emit/module.ts'
import type { Kernel } from '../../../src/backends/wasm/kernel.ts'
import { bytesPerElement, type DType, type Shape, sizeOf } from '../../../src/graph/shape.ts'

/** A value in row-major order with its place in memory. */
export interface KernelInput extends Operand {
  readonly data: ArrayLike<number>
}

const page = 65536
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64
const typedArrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const
/** Byte that fills results and their surroundings before a run; as f32 a number no kernel should produce. */
const filler = 0xab

/** An input, row-major (block 0) unless told otherwise. */
export function operand(dtype: DType, shape: Shape, data: ArrayLike<number>, block = 0): KernelInput {
  return { dtype, shape, data, block }
}

/** Position of each row-major element in memory. */
export function physicalPositions({ shape, block, channelsLast }: Operand): Int32Array {
  const inner = sizeOf(shape.slice(1))
  if (channelsLast) {
    const [, channels, height, width] = shape
    const pixels = height * width
    return Int32Array.from({ length: sizeOf(shape) }, (_, at) => {
      const [plane, pixel] = [Math.floor(at / pixels), at % pixels]
      return (Math.floor(plane / channels) * pixels + pixel) * channels + (plane % channels)
    })
  }
  return Int32Array.from({ length: sizeOf(shape) }, (_, at) => {
    if (block === 0 || shape.length === 0) return at
    const sample = Math.floor(at / inner)
    return (Math.floor(sample / block) * inner + (at % inner)) * block + (sample % block)
  })
}

/**
 * Computes all units of a kernel in one range, one by one and in three ranges in reverse order, checks that the results
 * agree bit for bit and that nothing else was written, and returns the result in row-major order.
 */
export function runKernel(
  kernel: Kernel,
  inputs: readonly KernelInput[],
  output: Operand,
): Float32Array | Int32Array | Uint8Array {
  const values: Operand[] = [...inputs, output]
  expect(kernel.operands).toBe(values.length)
  expect(Number.isInteger(kernel.units) && kernel.units > 0).toBe(true)
  const sizes = values.map(({ shape, dtype }) => sizeOf(shape) * bytesPerElement[dtype])
  let end = 64
  const addresses = sizes.map(bytes => {
    const address = end
    end += align(bytes) + 64
    return address
  })
  const tables = kernel.tables.map(table => {
    const address = end
    end += align(table.byteLength) + 64
    return address
  })
  const { call, buffer } = instantiate(kernel, Math.ceil(end / page))
  const bytes = new Uint8Array(buffer)
  bytes.fill(filler)
  inputs.forEach((input, k) => {
    const view = new typedArrays[input.dtype](buffer, addresses[k], sizeOf(input.shape))
    physicalPositions(input).forEach((position, at) => {
      view[position] = input.data[at]
    })
  })
  kernel.tables.forEach((table, k) => {
    new Int32Array(buffer, tables[k], table.length).set(table)
  })
  const before = bytes.slice()
  const start = addresses[inputs.length]
  const size = sizes[inputs.length]
  const results = partitions(kernel.units).map(ranges => {
    bytes.set(before)
    for (const [from, to] of ranges) call(from, to, ...addresses, ...tables)
    const written = bytes.slice(start, start + size)
    bytes.fill(filler, start, start + size)
    expect(Buffer.compare(bytes, before), 'bytes outside the result changed').toBe(0)
    return written
  })
  for (const other of results.slice(1)) expect(Buffer.compare(other, results[0]), 'results of partitions').toBe(0)
  const physical = new typedArrays[output.dtype](results[0].buffer)
  return new typedArrays[output.dtype](Array.from(physicalPositions(output), position => physical[position]))
}

/** The kernel's function in a memory of its own. */
function instantiate(kernel: Kernel, pages: number): { call: (...values: number[]) => void; buffer: ArrayBuffer } {
  const module = new ModuleBuilder(false)
  const kernelFunction = kernel.emit({ module, math: new MathLibrary(module), fused: false })
  const entry = module.function(kernelFunction.parameters, [], 'run')
  kernelFunction.parameters.forEach((_, k) => {
    entry.get(k)
  })
  entry.call(kernelFunction)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } })
  return { call: exports.run as (...values: number[]) => void, buffer: memory.buffer as ArrayBuffer }
}

function partitions(units: number): [from: number, to: number][][] {
  const cuts = [0, Math.floor(units / 3), Math.floor((2 * units) / 3), units]
  return [
    [[0, units]],
    Array.from({ length: units }, (_, unit): [number, number] => [unit, unit + 1]),
    [2, 1, 0].map((part): [number, number] => [cuts[part], cuts[part + 1]]),
  ]
}
