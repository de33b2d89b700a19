/** Class numbers as indicator rows, row-major or with the samples of a block innermost. */

import { sizeOf } from '../../../../graph/shape.ts'
import type { Operand } from '../../../cpu/access.ts'
import { kernelFunction, kernelKind } from '../../kernel.ts'
import { loadIndex } from './gather.ts'

/**
 * Lowering of `oneHot`. The result is `[…, classes]` row-major, or `[N / block, classes, block]` when `output` is
 * blocked. A unit is one class number. A class number out of range traps.
 * Operand addresses: class numbers `i32` (row-major, or `[N]`), result `f32`.
 * @throws Error when a blocked result does not have two axes.
 */
export const oneHotKernel = kernelKind('oneHot', (output: Operand) => {
  const { shape, block } = output
  const classes = shape[shape.length - 1]
  const count = sizeOf(shape.slice(0, -1))
  if (block !== 0 && shape.length !== 2) {
    throw new Error(`oneHot: a blocked result must have 2 axes, got ${shape.length}`)
  }
  const stride = block === 0 ? 4 : 4 * block
  return {
    units: count,
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const [unit, index, row, pointer, k] = f.localArray('i32', 5)
      const [indices, result] = address
      f.for(unit, from, to, () => {
        loadIndex(f, index, [indices, unit], classes)
        f.get(result)
        if (block === 0) f.plus(unit, classes * 4)
        else {
          f.get(unit)
            .over(block)
            .times(classes * block * 4)
            .op('i32.add')
          f.get(unit).modulo(block).times(4).op('i32.add')
        }
        f.tee(row).set(pointer)
        f.for(k, { value: 0 }, { value: classes }, () => {
          f.get(pointer).f32(0).memory('f32.store')
          f.increment(pointer, stride)
        })
        f.address(row, [index, stride]).f32(1).memory('f32.store')
      })
      return f
    },
  }
})
