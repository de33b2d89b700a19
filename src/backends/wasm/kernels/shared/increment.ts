/** Integers plus an integer, in 32-bit arithmetic. */
import type { Nest } from '../../../cpu/access.ts'
import type { Local } from '../../emit/assembler.ts'
import { type Kernel, kernelFunction, kernelKindOfAnyLength } from '../../kernel.ts'
import { emitNest, type UnitNest, withUnits } from './map.ts'

/** Adds `by` along a nest with the strides of source and destination. Operand addresses: source, destination. */
export function incrementKernel(by: number, nest: Nest): Kernel {
  const { units, ...unit } = withUnits(nest)
  return incrementAlong(units, { by, ...unit })
}

const incrementAlong = kernelKindOfAnyLength(
  'increment',
  ({ by, inner, strides }: UnitNest & { readonly by: number }) => ({
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const step = ([source, destination]: readonly Local[]): void => {
        f.get(destination).get(source).memory('i32.load').offset(by).memory('i32.store')
      }
      emitNest(f, { inner, strides }, { address, from, to, single: true }, step)
      return f
    },
  }),
)
