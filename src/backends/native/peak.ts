/**
 * The processor's own peak: how many single-precision operations per second one core performs in its longest vectors
 * when it does nothing but arithmetic. Chains x ← x·a + b stay in registers, as in `measureWasmPeak`.
 */
import { medianRate } from '../wasm/measure/peak.ts'
import { settleNative } from './choice.ts'
import { conditions } from './conditions.ts'
import { vectorInstructions } from './instructions.ts'
import { general } from './operand.ts'
import { MachineCode } from './x86.ts'

const { rax, rcx, rdi } = general

/** Registers with operands; the others that can be named without a prefix of their own hold chains. */
const [factor, term] = [0, 1]
const chains = Array.from({ length: 12 }, (_, k) => 2 + k)
const unroll = 8
/** Lanes of 32 bits in vectors of each length. */
const lanes = [4, 8, 16] as const

const iterations = 10_000

/** Median GFLOP/s of bursts of about a millisecond on this core; `undefined` where there is no native code. */
export function measureNativePeak(): number | undefined {
  const { processor } = settleNative('auto')
  if (!processor) return undefined
  const { door, avx512 } = processor
  const length = avx512 ? 2 : 1
  const code = new MachineCode()
  const half = code.constant([new Uint32Array(new Float32Array([0.5]).buffer)[0] as number])
  // With x = a = b = ½ the chains tend to 1.
  for (const register of [factor, term, ...chains])
    code.vector(vectorInstructions.broadcastss, length, [register, 0, half])
  code.move(rcx, { base: rdi, displacement: 0 })
  const loop = code.label()
  code.bind(loop)
  for (let k = 0; k < unroll; k++) {
    for (const chain of chains) code.vector(vectorInstructions.fmadd132ps, length, [chain, term, factor])
  }
  code.arithmeticConstant('sub', rcx, 1)
  code.jumpIf(conditions.notEqual, loop)
  code.clearUpperVectors()
  code.moveConstant(rax, 0)
  code.return()
  const pages = door.install(code.finish())
  try {
    const run = door.caller(pages.address)
    const context = Int32Array.of(iterations)
    const address = door.addressOf(context.buffer)
    // A multiplication and an addition in each lane.
    const operations = iterations * unroll * chains.length * lanes[length] * 2
    return medianRate(operations, () => run(address))
  } finally {
    pages.release()
  }
}
