/** `fovea summary` of a file of weights: its tensors, and the model of the catalog that they fit. */
import { withFile } from '../../../formats/source.node.ts'
import { openSource } from '../../../formats/weights.ts'
import { sizeOf } from '../../../graph/shape.ts'
import { findModel, models } from '../../../models/index.ts'
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
  const model = modelOf(tensors)
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

/**
 * The model of the catalog whose variables, after some prefix, are exactly those of the file; its last layer may be for
 * other classes.
 */
function modelOf(
  tensors: readonly ListedTensor[],
): { readonly name: string; readonly hasOtherHead: boolean } | undefined {
  for (const name of Object.keys(models)) {
    const variables = findModel(name).create().variables()
    const wanted = [...variables.keys()].filter(isCounted)
    const head = wanted.at(-1)!.replace(/[^.]*$/, '')
    for (const prefix of prefixesOf(tensors, wanted[0]!)) {
      const own = tensors.filter(
        tensor => tensor.name.startsWith(prefix) && isCounted(tensor.name.slice(prefix.length)),
      )
      const shapes = new Map(own.map(tensor => [tensor.name.slice(prefix.length), tensor.shape.join()]))
      if (shapes.size !== wanted.length || !wanted.every(path => shapes.has(path))) continue
      const misfits = wanted.filter(path => variables.get(path)!.shape.join() !== shapes.get(path))
      if (misfits.every(path => path.startsWith(head))) return { name, hasOtherHead: misfits.length > 0 }
    }
  }
  return undefined
}

/** The prefixes before a name in a file. */
const prefixesOf = (tensors: readonly ListedTensor[], name: string): string[] =>
  tensors.filter(tensor => `.${tensor.name}`.endsWith(`.${name}`)).map(tensor => tensor.name.slice(0, -name.length))

/**
 * Excludes the preprocessing that runs save with a network, and batch counters, which some versions of PyTorch do not
 * save.
 */
const isCounted = (name: string): boolean => !/^normalize\.|\.num_batches_tracked$/.test(name)
