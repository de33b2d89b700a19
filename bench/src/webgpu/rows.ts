/** What is measured on a graphics processor. */
import { type Row, rowOf } from '../rows.ts'

/**
 * Small networks and batches: a driver that computes on the processor has to finish, too, for which LeNet-5 also trains on
 * batches of 4. Without weight decay, which TensorFlow.js' optimizers do not have.
 */
export const rows: readonly Row[] = [
  rowOf('lenet5', 'LeNet-5', 'inference', 1),
  rowOf('lenet5', 'LeNet-5', 'inference', 32),
  rowOf('lenet5', 'LeNet-5', 'train', 4),
  rowOf('lenet5', 'LeNet-5', 'train', 32),
  rowOf('resnet20-cifar', 'ResNet-20 (CIFAR)', 'inference', 1),
  rowOf('resnet20-cifar', 'ResNet-20 (CIFAR)', 'inference', 8),
  rowOf('resnet20-cifar', 'ResNet-20 (CIFAR)', 'train', 8),
  rowOf('mobilenet_v2', 'MobileNetV2', 'inference', 1),
].map(row => ({ ...row, weightDecay: 0 }))

/** A row by its id. @throws Error when there is none. */
export function findRow(id: string): Row {
  const row = rows.find(row => row.id === id)
  if (!row) throw new Error(`no row is named '${id}'`)
  return row
}
