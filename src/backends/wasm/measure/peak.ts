/**
 * The machine's WebAssembly peak: how many single-precision operations per second one core performs when it does
 * nothing but arithmetic. Twelve independent chains x ← x·a + b stay in registers, so neither memory nor latency is a
 * limit. The few bytes of WebAssembly are put together here, without our assembler: the yardstick must not depend on
 * what it measures.
 */
import { compileModule } from '../runtime/compile.ts'
import { hasRelaxedSimd } from '../runtime/features.ts'
import { wideVectors } from '../runtime/wide.ts'

/** GFLOP/s of one core. */
export interface WasmPeak {
  /** With relaxed SIMD's fused multiply-add, where available. */
  readonly fma?: number
  /** With separate multiplication and addition. */
  readonly mulAdd: number
  /** With fused multiply-add in wide vectors, where available. */
  readonly wide?: number
}

/** Chains of 128-bit vectors, or of pairs of them: all of the machine's registers except those for the operands. */
const chains = 12
const unroll = 8

/** Measures this core for about a third of a second. */
export async function measureWasmPeak(): Promise<WasmPeak> {
  const relaxed = hasRelaxedSimd()
  const wide = relaxed && wideVectors('auto').on
  return {
    ...(relaxed && { fma: await rate('fma', false) }),
    mulAdd: await rate('mulAdd', false),
    ...(wide && { wide: await rate('fma', true) }),
  }
}

/** Median GFLOP/s of bursts of about 2 ms. */
async function rate(variant: 'fma' | 'mulAdd', wide: boolean): Promise<number> {
  const vectors = wide ? 2 * chains : chains
  const memory = new WebAssembly.Memory({ initial: 1 })
  // With x = a = b = ½ the chains tend to 1.
  new Float32Array(memory.buffer).fill(0.5)
  const module = await compileModule(peakModule(variant, vectors), wide)
  const run = new WebAssembly.Instance(module, { env: { memory } }).exports.run as (iterations: number) => void
  const iterations = 10_000
  // A multiplication and an addition in each of four lanes.
  const operations = iterations * unroll * vectors * 4 * 2
  return medianRate(operations, () => run(iterations))
}

/** Median GFLOP/s of many bursts of so many operations, after some to warm up. */
export function medianRate(operations: number, run: () => void): number {
  const burst = (): number => {
    const begin = performance.now()
    run()
    return operations / (performance.now() - begin) / 1e6
  }
  for (let k = 0; k < 10; k++) burst()
  return Array.from({ length: 41 }, burst).sort((a, b) => a - b)[20]
}

/** A module exporting `run(iterations: i32)`, which loads the chains from its memory and stores them at the end. */
function peakModule(variant: 'fma' | 'mulAdd', vectors: number): Uint8Array<ArrayBuffer> {
  const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)])
  const text = (value: string): number[] => [value.length, ...new TextEncoder().encode(value)]
  const section = (id: number, ...body: number[]): number[] => [id, ...leb(body.length), ...body]
  const get = (local: number): number[] => [0x20, ...leb(local)]
  const set = (local: number): number[] => [0x21, ...leb(local)]
  const simd = (code: number): number[] => [0xfd, ...leb(code)]
  const zero = [0x41, 0] // i32.const 0
  const [iterations, a, b, first] = [0, 1, 2, 3]
  const multiplyAdd =
    variant === 'fma'
      ? (x: number): number[] => [...get(x), ...get(a), ...get(b), ...simd(0x105), ...set(x)] // f32x4.relaxed_madd
      : (x: number): number[] => [...get(x), ...get(a), ...simd(230), ...get(b), ...simd(228), ...set(x)] // mul, add
  const each = (visit: (x: number, offset: number) => number[]): number[] =>
    Array.from({ length: vectors }, (_, k) => visit(first + k, k * 16)).flat()
  const splat = (local: number): number[] => [...zero, ...simd(9), 2, 0, ...set(local)] // v128.load32_splat
  const code = [
    ...[1, 2 + vectors, 0x7b], // locals: a, b and the chains, v128
    ...splat(a),
    ...splat(b),
    ...each((x, offset) => [...zero, ...simd(0), 2, ...leb(offset), ...set(x)]), // v128.load
    ...[0x03, 0x40], // loop
    ...Array.from({ length: unroll }, () => each(multiplyAdd)).flat(),
    ...[...get(iterations), 0x41, 1, 0x6b, 0x22, iterations, 0x0d, 0, 0x0b], // branch while --iterations
    ...each((x, offset) => [...zero, ...get(x), ...simd(11), 2, ...leb(offset)]), // v128.store
    0x0b,
  ]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, 0x7f, 0),
    ...section(2, 1, ...text('env'), ...text('memory'), 2, 0, 1),
    ...section(3, 1, 0),
    ...section(7, 1, ...text('run'), 0, 0),
    ...section(10, 1, ...leb(code.length), ...code),
  ])
}
