/**
 * The machine's WebAssembly peak: how many single-precision operations a second one core performs when nothing but
 * arithmetic is asked of it. Twelve independent chains x ← x·a + b live in registers, so neither memory nor latency is
 * a limit. The few bytes of WebAssembly are put together here and not with Fovea's assembler: the yardstick must not
 * depend on what it measures.
 *
 * Run as a program it prints `{"fma": …, "mulAdd": …}` in GFLOP/s; one process a core gives the machine's peak.
 */
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { median } from './statistics.ts'

/** GFLOP/s with relaxed SIMD's fused multiply-add, where there is one, and with separate multiplication and addition. */
export interface WasmPeak {
  readonly fma: number | null
  readonly mulAdd: number
}

const chains = 12
const unroll = 8
/** Operations of one iteration of the loop: a multiplication and an addition in each of four lanes. */
const flopPerIteration = unroll * chains * 4 * 2

/** Measures this core for about a second. */
export function measureWasmPeak(): WasmPeak {
  // Node 20 has relaxed SIMD behind this flag; later versions have it on.
  setFlagsFromString('--experimental-wasm-relaxed-simd')
  const fused = kernel('fma')
  return {
    fma: WebAssembly.validate(fused) ? rate(fused) : null,
    mulAdd: rate(kernel('mulAdd')),
  }
}

/** Median GFLOP/s of bursts of about 10 ms, after a warm-up in which V8 reaches its optimizing compiler. */
function rate(bytes: Uint8Array<ArrayBuffer>): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  const run = exports.run as (iterations: number) => number
  const iterations = 10_000
  const burst = (): number => {
    const begin = performance.now()
    for (let i = 0; i < 10; i++) run(iterations)
    return (10 * iterations * flopPerIteration) / (performance.now() - begin) / 1e6
  }
  for (const end = performance.now() + 200; performance.now() < end; ) burst()
  return median(Array.from({ length: 40 }, burst))
}

/** A module exporting `run(iterations: i32): f32`. */
function kernel(variant: 'fma' | 'mulAdd'): Uint8Array<ArrayBuffer> {
  const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)])
  const section = (id: number, ...body: number[]): number[] => [id, ...leb(body.length), ...body]
  const get = (local: number): number[] => [0x20, local]
  const set = (local: number): number[] => [0x21, local]
  const half = [...new Uint8Array(new Float32Array([0.5, 0.5, 0.5, 0.5]).buffer)]
  const [iterations, a, b, first] = [0, 1, 2, 3]
  const multiplyAdd =
    variant === 'fma'
      ? (x: number): number[] => [...get(x), ...get(a), ...get(b), 0xfd, ...leb(0x105), ...set(x)] // f32x4.relaxed_madd
      : (x: number): number[] => [...get(x), ...get(a), 0xfd, ...leb(230), ...get(b), 0xfd, ...leb(228), ...set(x)] // mul, add
  const code = [
    ...[1, 2 + chains, 0x7b], // locals: a, b and the chains, v128
    ...[0xfd, 12, ...half, ...set(a)],
    ...[0xfd, 12, ...half, ...set(b)],
    ...[0x03, 0x40], // loop
  ]
  for (let i = 0; i < unroll; i++) for (let x = 0; x < chains; x++) code.push(...multiplyAdd(first + x))
  code.push(...[...get(iterations), 0x41, 1, 0x6b, 0x22, iterations, 0x0d, 0, 0x0b]) // branch while --iterations
  // The result depends on every chain; what is not used would not be computed.
  code.push(...get(first))
  for (let x = 1; x < chains; x++) code.push(...get(first + x), 0xfd, ...leb(228)) // f32x4.add
  code.push(0xfd, 31, 0, 0x0b) // f32x4.extract_lane 0
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, 0x7f, 1, 0x7d),
    ...section(3, 1, 0),
    ...section(7, 1, 3, 0x72, 0x75, 0x6e, 0, 0), // export "run"
    ...section(10, 1, ...leb(code.length), ...code),
  ])
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(`${JSON.stringify(measureWasmPeak())}\n`)
}
