/** Operators that make numbers: constants, shapes, masks, and other types of the same numbers. */
import * as e from '../../graph/expression.ts'
import { map } from '../../graph/ops/map.ts'
import { isFloat, rangeOf, typeOf } from '../elements.ts'
import { Unsupported } from '../errors.ts'
import type { OnnxNode, OnnxOp } from '../node.ts'
import { checkConstant, checkSize, emptyValue, knownList, knownValue, tensorValue, type Value } from '../value.ts'
import { applied, c, constantOf, op, truncate } from './build.ts'

function cast(node: OnnxNode, type: Value['type']): Value {
  const x = node.value(0)
  if (type === x.type) return x
  if (type === 'bool') return applied(node, (_, element) => e.compare('ne', element!, c(0)), [x], type)
  if (isFloat(type) || x.type === 'bool') return retyped(x, type)
  const [least, most] = rangeOf(type)
  const narrows = !isFloat(x.type) && rangeOf(x.type)[0] >= least && rangeOf(x.type)[1] <= most
  if (narrows) return retyped(x, type)
  return applied(
    node,
    (_, element) => (isFloat(x.type) ? truncate(element!) : wrapped(element!, least, most)),
    [x],
    type,
  )
}

const wrapped = (x: e.Expression, least: number, most: number): e.Expression => {
  const span = most - least + 1
  const shifted = e.binary('sub', x, c(least))
  return e.binary('sub', x, e.binary('mul', c(span), e.unary('floor', e.binary('div', shifted, c(span)))))
}

/** The same numbers under another type. */
const retyped = (x: Value, type: Value['type']): Value =>
  x.known ? knownValue(type, x.shape, x.known) : tensorValue(type, x.tensor)

function shapeOf(node: OnnxNode): Value {
  const { shape } = node.value(0)
  const at = (index: number): number => Math.min(shape.length, Math.max(0, index < 0 ? index + shape.length : index))
  return knownList('int64', shape.slice(at(node.int('start', 0)), at(node.int('end', shape.length))))
}

function constantNode(node: OnnxNode): Value {
  const tensor = node.host('value')
  if (tensor) return knownValue(tensor.type, tensor.shape, tensor.values)
  if (node.hasAttribute('value_float')) return knownValue('float32', [], [node.number('value_float', 0)])
  if (node.hasAttribute('value_int')) return knownValue('int64', [], [node.int('value_int', 0)])
  if (node.hasAttribute('value_floats')) return knownList('float32', node.numbers('value_floats')!)
  if (node.hasAttribute('value_ints')) return knownList('int64', node.ints('value_ints')!)
  throw new Unsupported('only tensors, numbers and lists of numbers are read')
}

function constantOfShape(node: OnnxNode): Value {
  const shape = Array.from(node.known(0))
  const fill = node.host('value')
  const [type, number] = fill ? [fill.type, fill.values[0] ?? 0] : (['float32', 0] as const)
  checkSize(shape)
  if (shape.includes(0)) return emptyValue(type, shape)
  return tensorValue(type, map(c(number), [], shape))
}

function rangeOfNumbers(node: OnnxNode): Value {
  const [start, limit, delta] = [0, 1, 2].map(k => node.known(k)[0]!) as [number, number, number]
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  if (!Number.isFinite(count)) throw new Unsupported(`a range from ${start} to ${limit} by ${delta} has no end`)
  checkConstant([count])
  return knownList(
    node.type(),
    Array.from({ length: count }, (_, k) => start + k * delta),
  )
}

function trilu(node: OnnxNode): Value {
  const x = node.value(0)
  if (x.isEmpty) return x
  const diagonal = node.has(1) ? (node.known(1)[0] ?? 0) : 0
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  const isUpper = node.int('upper', 1) === 1
  const mask = constantOf([rows, columns], k => {
    const offset = (k % columns) - Math.floor(k / columns)
    return (isUpper ? offset >= diagonal : offset <= diagonal) ? 1 : 0
  })
  return applied(
    node,
    (_, element, isKept) => e.select(isKept!, element!, c(0)),
    [x, tensorValue('bool', mask)],
    x.type,
  )
}

/** Constants, shapes and types. */
export const constantOps: Readonly<Record<string, OnnxOp>> = {
  Cast: op(node => cast(node, typeOf(node.int('to', 1), 'to'))),
  CastLike: op(node => cast(node, node.type(1))),
  Constant: op(constantNode),
  ConstantOfShape: op(constantOfShape, 0),
  Shape: op(shapeOf),
  Size: op(node => knownValue('int64', [], [node.value(0).size])),
  Range: op(rangeOfNumbers, 0, 1, 2),
  Trilu: op(trilu, 1),
  EyeLike: op(node => {
    const [rows, columns] = node.shape() as [number, number]
    const diagonal = node.int('k', 0)
    const type = node.hasAttribute('dtype') ? typeOf(node.int('dtype', 1), 'dtype') : node.type()
    return tensorValue(
      type,
      constantOf([rows, columns], k => ((k % columns) - Math.floor(k / columns) === diagonal ? 1 : 0)),
    )
  }),
}
