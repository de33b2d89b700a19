/**
 * Softmax cross-entropy and its gradient over logits `[N, K]`. Lanes are samples: four in blocked values, one repeated
 * four times otherwise. Every sample goes through the same instructions in the same order, so its loss does not depend
 * on the layout, on its neighbors or on the number of threads.
 */

import type { Operand } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { MathLibrary } from '../../emit/math.ts'
import { kernelFunction, kernelKind } from '../../kernel.ts'
import { trapOutOfRange } from '../../runtime/control.ts'
import { LongSum, runTerms, sumRuns } from './longSums.ts'

/**
 * Lowering of `softmaxCrossEntropy`: log Σₖ e^{sₖ − m} + m − s[y] with m = maxₖ sₖ, so that nothing overflows.
 * A unit is one sample, or four in blocks of a multiple of four. A class number out of range traps.
 * Operand addresses: logits, class numbers `i32 [N]`, result `f32 [N]`.
 */
export const softmaxCrossEntropyKernel = kernelKind('softmaxCrossEntropy', (logits: Operand) => ({
  units: arrange(logits).units,
  tables: [],
  operands: 3,
  emit(target) {
    const { f, from, to, address } = kernelFunction(target, 3)
    const [scores, targets, result] = address
    const samples = new SampleEmitter(f, target.math, logits)
    samples.forEach([from, to], [scores, targets], () => {
      samples.findLargest()
      samples.sumPowers()
      samples.store(result, () => {
        f.get(samples.total).call(target.math.function('log')).get(samples.largest).op('f32x4.add')
        f.get(samples.ofTarget).op('f32x4.sub')
      })
    })
    return f
  },
}))

/**
 * Lowering of `softmaxCrossEntropyGradient`: (e^{sₖ − m} / Σⱼ e^{sⱼ − m} − [k = y]) · upstream, laid out like the
 * logits. Units as in {@link softmaxCrossEntropyKernel}; the result may share the memory of the logits.
 * Operand addresses: logits, class numbers `i32 [N]`, upstream `f32 [N]`, result `f32 [N, K]`.
 */
export const softmaxCrossEntropyGradientKernel = kernelKind('softmaxCrossEntropyGradient', (logits: Operand) => ({
  units: arrange(logits).units,
  tables: [],
  operands: 4,
  emit(target) {
    const { f, from, to, address } = kernelFunction(target, 4)
    const [scores, targets, upstreams, result] = address
    const samples = new SampleEmitter(f, target.math, logits)
    const upstream = f.local('v128')
    samples.forEach([from, to], [scores, targets], () => {
      samples.load(upstreams)
      f.set(upstream)
      samples.findLargest()
      samples.sumPowers(result)
      samples.forEachClass(result, pointer => {
        samples.storeAt(pointer, () => {
          samples.loadAt(pointer)
          f.get(samples.total).op('f32x4.div')
          samples.pushIsTarget()
          f.f32x4(1).op('v128.and', 'f32x4.sub').get(upstream).op('f32x4.mul')
        })
      })
    })
    return f
  },
}))

/** How samples are laid out and assigned to units. Row-major rows are blocks of one sample. */
function arrange({ shape, block }: Operand) {
  const [count, classes] = shape
  const perBlock = Math.max(block, 1)
  const lanes = perBlock % 4 === 0 ? 4 : 1
  return {
    lanes,
    classes,
    perBlock,
    units: count / lanes,
  } as const
}

/** Code shared by the passes over the classes of one unit. */
class SampleEmitter {
  /** maxₖ sₖ, Σₖ e^{sₖ − m} and s[y] of the unit's samples. */
  readonly largest: Local
  readonly total: Local
  readonly ofTarget: Local
  readonly #f: FunctionBuilder
  readonly #math: MathLibrary
  readonly #lanes: 1 | 4
  readonly #classes: number
  readonly #perBlock: number
  readonly #targets: Local
  readonly #score: Local
  readonly #unit: Local
  readonly #class: Local
  /** Byte offset of the unit's first sample in a value laid out like the logits. */
  readonly #offset: Local
  #scores = 0

  constructor(f: FunctionBuilder, math: MathLibrary, logits: Operand) {
    const { lanes, classes, perBlock } = arrange(logits)
    this.#f = f
    this.#math = math
    this.#lanes = lanes
    this.#classes = classes
    this.#perBlock = perBlock
    ;[this.largest, this.total, this.ofTarget, this.#targets, this.#score] = f.localArray('v128', 5)
    ;[this.#unit, this.#class, this.#offset] = f.localArray('i32', 3)
  }

  /** Loops over units, with checked class numbers. */
  forEach(
    [from, to]: readonly [from: Local, to: Local],
    [scores, targets]: readonly [scores: Local, targets: Local],
    body: () => void,
  ): void {
    const f = this.#f
    const groups = this.#perBlock / this.#lanes
    this.#scores = scores
    f.for(this.#unit, from, to, () => {
      f.get(this.#unit).i32(groups).op('i32.div_u')
      f.i32(this.#classes * this.#perBlock * 4).op('i32.mul')
      f.get(this.#unit).i32(groups).op('i32.rem_u')
      f.i32(this.#lanes * 4)
        .op('i32.mul', 'i32.add')
        .set(this.#offset)
      this.load(targets)
      f.tee(this.#targets).i32x4([0, 0, 0, 0]).op('i32x4.lt_s')
      f.get(this.#targets)
        .i32(this.#classes - 1)
        .op('i32x4.splat', 'i32x4.gt_s', 'v128.or', 'v128.any_true')
      f.if(() => {
        trapOutOfRange(f, this.#targets, this.#classes)
      })
      body()
    })
  }

  /** Sets `largest` and `ofTarget`. */
  findLargest(): void {
    const f = this.#f
    f.f32x4(Number.NEGATIVE_INFINITY).set(this.largest).f32x4(0).set(this.ofTarget)
    this.forEachClass(this.#scores, pointer => {
      this.loadAt(pointer)
      f.tee(this.#score).get(this.largest).op('f32x4.max').set(this.largest)
      this.pushIsTarget()
      f.get(this.#score).op('v128.and').get(this.ofTarget).op('v128.or').set(this.ofTarget)
    })
  }

  /** Sets `total`, and stores the powers e^{sₖ − m} if `powers` is given. */
  sumPowers(powers?: Local): void {
    const f = this.#f
    const power = f.local('v128')
    const distance = f.local('i32')
    if (powers !== undefined) f.get(powers).get(this.#scores).op('i32.sub').set(distance)
    this.#sumOverClasses((sum, pointer) => {
      this.loadAt(pointer)
      f.get(this.largest).op('f32x4.sub').call(this.#math.function('exp')).tee(power).get(sum)
      f.op('f32x4.add').set(sum)
      if (powers === undefined) return
      f.get(pointer).get(distance).op('i32.add')
      this.#storeOnStack(power)
    })
  }

  /** Sets `total`: `addTerm` adds the term of each class to `sum`. A sum over many classes is computed in runs. */
  #sumOverClasses(addTerm: (sum: Local, pointer: Local) => void): void {
    const f = this.#f
    if (this.#classes <= runTerms) {
      f.f32x4(0).set(this.total)
      this.forEachClass(this.#scores, pointer => addTerm(this.total, pointer))
      return
    }
    const sum = new LongSum(f, 4)
    const pointer = this.#firstClass(this.#scores)
    sum.clear()
    sumRuns(f, [sum], { to: { value: this.#classes }, length: runTerms }, () => {
      addTerm(sum.run, pointer)
      this.#nextClass(pointer)
    })
    sum.push().set(this.total)
  }

  /** Runs `body` with a pointer to the unit's samples of each class in turn. */
  forEachClass(base: Local, body: (pointer: Local) => void): void {
    const pointer = this.#firstClass(base)
    this.#f.for(this.#class, { value: 0 }, { value: this.#classes }, () => {
      body(pointer)
      this.#nextClass(pointer)
    })
  }

  /** A pointer to the unit's samples of the first class. */
  #firstClass(base: Local): Local {
    const pointer = this.#f.local('i32')
    this.#f.get(base).get(this.#offset).op('i32.add').set(pointer)
    return pointer
  }

  #nextClass(pointer: Local): void {
    this.#f.increment(pointer, this.#perBlock * 4)
  }

  /** Pushes a mask with all bits set in the lanes whose class is the current one. */
  pushIsTarget(): void {
    this.#f.get(this.#class).op('i32x4.splat').get(this.#targets).op('i32x4.eq')
  }

  /** Pushes the unit's elements of a vector `[N]`. */
  load(vector: Local): void {
    this.#addressIn(vector)
    this.#f.memory(this.#lanes === 4 ? 'v128.load' : 'v128.load32_splat')
  }

  /** Stores the unit's elements of a vector `[N]`. */
  store(vector: Local, pushValue: () => void): void {
    pushValue()
    this.#f.set(this.#score)
    this.#addressIn(vector)
    this.#storeOnStack(this.#score)
  }

  /** Pushes the elements of the unit at an address. */
  loadAt(pointer: Local): void {
    this.#f.get(pointer).memory(this.#lanes === 4 ? 'v128.load' : 'v128.load32_splat')
  }

  /** Stores elements of the unit at an address. */
  storeAt(pointer: Local, pushValue: () => void): void {
    pushValue()
    this.#f.set(this.#score).get(pointer)
    this.#storeOnStack(this.#score)
  }

  #addressIn(vector: Local): void {
    this.#f
      .get(vector)
      .get(this.#unit)
      .i32(this.#lanes * 4)
      .op('i32.mul', 'i32.add')
  }

  /** Stores a vector, or its first lane, at the address on the stack. */
  #storeOnStack(value: Local): void {
    this.#f.get(value)
    if (this.#lanes === 4) this.#f.memory('v128.store')
    else this.#f.extractLane(0).memory('f32.store')
  }
}
