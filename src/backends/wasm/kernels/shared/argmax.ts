/**
 * Position of the largest element along an axis; among equals the first wins, and a NaN counts as the largest. Lanes
 * are neighboring results.
 */

import type { ArgmaxAttributes } from '../../../../graph/ops/argmax.ts'
import { bytesPerElement, sizeOf } from '../../../../graph/shape.ts'
import type { Operand } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { kernelFunction, kernelKind } from '../../kernel.ts'

/**
 * Lowering of `argmax`; the result has the layout of x: `[N / block, ...rest, block]` when x is blocked.
 * A unit is one result, or four where lanes fit. Operand addresses: x, result `i32`.
 * @throws Error when x is blocked and axis 0 is searched.
 */
export const argmaxKernel = kernelKind('argmax', (x: Operand, { axis }: ArgmaxAttributes) => {
  const { shape, dtype, block } = x
  if (block !== 0 && axis === 0) throw new Error('argmax: axis 0 of a blocked value cannot be searched')
  const extent = shape[axis]
  // Blocks are outermost and samples innermost, so both are adjacent to the other axes, whatever these are.
  const inner = sizeOf(shape.slice(axis + 1)) * Math.max(block, 1)
  const outer = sizeOf(shape) / (extent * inner)
  const lanes = inner % 4 === 0 && dtype !== 'u8' ? 4 : 1
  const groups = inner / lanes
  const bytes = bytesPerElement[dtype]
  return {
    units: outer * groups,
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const [unit, pointer, k] = f.localArray('i32', 3)
      const search = lanes === 4 ? vectorSearch(f, dtype === 'f32') : scalarSearch(f, dtype)
      f.for(unit, from, to, () => {
        f.get(address[0])
        f.get(unit)
          .over(groups)
          .times(extent * inner * bytes)
          .op('i32.add')
        f.get(unit)
          .modulo(groups)
          .times(lanes * bytes)
          .op('i32.add')
          .set(pointer)
        search.first(pointer)
        f.for(k, { value: 1 }, { value: extent }, () => {
          f.increment(pointer, inner * bytes)
          search.next(pointer, k)
        })
        f.address(address[1], [unit, lanes * 4]).get(search.best)
        f.memory(lanes === 4 ? 'v128.store' : 'i32.store')
      })
      return f
    },
  }
})

/** The parts of one search: `first` takes element 0, `next` compares element k. */
interface Search {
  readonly best: Local
  first(pointer: Local): void
  next(pointer: Local, k: Local): void
}

function scalarSearch(f: FunctionBuilder, dtype: Operand['dtype']): Search {
  const float = dtype === 'f32'
  const load = float ? 'f32.load' : dtype === 'i32' ? 'i32.load' : 'i32.load8_u'
  const best = f.local('i32')
  const largest = f.local(float ? 'f32' : 'i32')
  const element = f.local(float ? 'f32' : 'i32')
  return {
    best,
    first(pointer) {
      f.i32(0).set(best).get(pointer).memory(load).set(largest)
    },
    next(pointer, k) {
      f.get(pointer).memory(load).tee(element).get(largest)
      // Floats: not ≤, so that a NaN wins, but only over numbers.
      if (float) f.op('f32.le', 'i32.eqz').get(largest).get(largest).op('f32.eq', 'i32.and')
      else f.op('i32.gt_s')
      f.if(() => f.get(element).set(largest).get(k).set(best))
    },
  }
}

function vectorSearch(f: FunctionBuilder, float: boolean): Search {
  const [best, largest, element, better] = f.localArray('v128', 4)
  return {
    best,
    first(pointer) {
      f.i32x4([0, 0, 0, 0]).set(best).get(pointer).memory('v128.load').set(largest)
    },
    next(pointer, k) {
      f.get(pointer).memory('v128.load').tee(element).get(largest)
      if (float) f.op('f32x4.le', 'v128.not').get(largest).get(largest).op('f32x4.eq', 'v128.and')
      else f.op('i32x4.gt_s')
      f.set(better)
      f.get(element).get(largest).get(better).op('v128.bitselect').set(largest)
      f.get(k).op('i32x4.splat').get(best).get(better).op('v128.bitselect').set(best)
    },
  }
}
