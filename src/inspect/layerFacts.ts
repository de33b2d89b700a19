/** What a layer is called, what it owns and which windows it moves: facts that the table and the graph of a network share. */
import { byteSizeOf } from '../graph/shape.ts'
import { isApplicationOf } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Window2d } from '../graph/window.ts'
import { type Module, Parameter } from '../nn/module.ts'
import { describeWindow } from './geometry.ts'
import type { ModuleCall } from './trace.ts'

/** What kind of layer a module is: its class, or the operator that it says it stands for. */
export const typeNameOf = (module: Module): string =>
  'typeName' in module ? String(module.typeName) : module.constructor.name

/** Parameters that are fields of the module itself. */
export function ownParameters(module: Module): Parameter[] {
  return Object.values(module).filter(value => value instanceof Parameter)
}

/** An operation that moves a window over rows and columns of the image. */
export interface WindowedOperation {
  readonly tensor: Tensor
  readonly window: Window2d
}

/** The operations among these that move a window over the image. */
export function windowsAmong(
  operations: readonly Tensor[],
  imageWindows: ReadonlyMap<Tensor, Window2d>,
): WindowedOperation[] {
  return operations.flatMap(tensor => {
    const window = imageWindows.get(tensor)
    return window ? [{ tensor, window }] : []
  })
}

/** `5×5, padding 2`; empty without windows. */
export const describeWindows = (windows: readonly WindowedOperation[]): string =>
  windows.map(({ tensor, window }) => describeWindow(window, groupsOf(tensor))).join('; ')

const groupsOf = (tensor: Tensor): number => (isApplicationOf(tensor, 'conv2d') ? tensor.attributes.groups : 1)

/** True when the layer only renames or overwrites an activation of the same size. */
export function isInPlace({ input, output, operations }: Pick<ModuleCall, 'input' | 'output' | 'operations'>): boolean {
  if (output === input || operations.length === 0) return true
  return (
    operations.every(({ op }) => op === 'map' || op === 'reshape') &&
    operations.some(({ inputs }) =>
      inputs.some(x => x.source?.kind !== 'variable' && byteSizeOf(x) === byteSizeOf(output)),
    )
  )
}
