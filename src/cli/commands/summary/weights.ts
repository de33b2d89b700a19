/** `fovea summary` of a file of weights: its tensors, and the model of the catalog that they fit. */
import { withFile } from '../../../formats/source.node.ts'
import { openSource } from '../../../formats/weights.ts'
import { sizeOf } from '../../../graph/shape.ts'
import { fittingModel } from '../../../models/index.ts'
import { formatBytes, formatCount } from '../../../text/format.ts'
import { print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'

/** A tensor in the list. */
interface ListedTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Element type, `float32`. */
  readonly type: string
  readonly elements: number
  readonly bytes: number
}

/** Lists the tensors of a file. @throws WeightsError naming the file and what is wrong with it */
export async function weightsSummary(path: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { tensors: found } = await withFile(path, openSource)
  const tensors = [...found].map(([name, { shape, dtype }]) => listed(name, shape, dtype))
  const totals = {
    tensors: tensors.length,
    elements: tensors.reduce((sum, { elements }) => sum + elements, 0),
    bytes: tensors.reduce((sum, tensor) => sum + tensor.bytes, 0),
  }
  const model = fittingModel(new Map(tensors.map(({ name, shape }) => [name, shape])))
  if (json) {
    printJson({
      file: path,
      tensors,
      totals,
      ...(model && { model: model.name, ...(model.hasOtherHead && { otherHead: true }) }),
    })
    return
  }
  const right = 'right' as const
  const columns = [
    { title: 'tensor' },
    { title: 'shape' },
    { title: 'type' },
    { title: 'elements', align: right },
    { title: 'bytes', align: right },
  ]
  const rows = tensors.map(({ name, shape, type, elements, bytes }) => [
    name,
    shape.length === 0 ? 'scalar' : shape.join('×'),
    type,
    formatCount(elements),
    formatCount(bytes),
  ])
  const total = [
    `${formatCount(totals.tensors)} tensors`,
    '',
    '',
    formatCount(totals.elements),
    formatCount(totals.bytes),
  ]
  const head = model?.hasOtherHead ? ', except the last layer, which has other classes' : ''
  print(
    `${path}: ${formatCount(totals.elements)} numbers in ${formatBytes(totals.bytes)}`,
    model ? `fits ${model.name}${head}` : 'fits no known model',
    '',
    textTable(columns, rows, total),
  )
}

/** Bytes of one element of a type, by its name. */
const elementBytes = (type: string): number => (type === 'bool' ? 1 : Number(/\d+/.exec(type)?.[0] ?? 0) / 8)

function listed(name: string, shape: readonly number[], type: string): ListedTensor {
  const elements = sizeOf(shape)
  return { name, shape, type, elements, bytes: elements * elementBytes(type) }
}
