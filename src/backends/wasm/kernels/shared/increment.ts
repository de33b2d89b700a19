/** Integers plus an integer, in 32-bit arithmetic. */
import { collapse, type Nest } from '../../../cpu/access.ts'
import type { Local } from '../../emit/assembler.ts'
import { type Kernel, kernelFunction, kernelKind } from '../../kernel.ts'
import { emitNest, withUnits } from './map.ts'

/** Adds `by` along a nest with the strides of source and destination. Operand addresses: source, destination. */
export function incrementKernel(by: number, nest: Nest): Kernel {
  return incrementAlong({ by, ...withUnits(collapse(nest)) })
}

const incrementAlong = kernelKind('increment', ({ by, sizes, strides }: Nest & { readonly by: number }) => ({
  units: sizes[0],
  tables: [],
  operands: 2,
  emit(target) {
    const { f, from, to, address } = kernelFunction(target, 2)
    const step = ([source, destination]: readonly Local[]): void => {
      f.get(destination).get(source).memory('i32.load').offset(by).memory('i32.store')
    }
    emitNest(f, { sizes, strides }, { address, from, to, single: true }, step)
    return f
  },
}))
