/**
 * ONNX models of one input and a few convolutions that read it, encoded here: the sweep needs hundreds of them. Field
 * numbers are those of onnx.proto3; see protobuf.dev for the encoding.
 */
import { shapesOf, type Task } from './tasks.ts'

/**
 * The model: as many convolutions with weights of their own on the input `x`; one element of every map of each; and the sum
 * of these, `y`. ONNX Runtime has a layout of its own for convolutions: volumes that were handed out would be converted back.
 */
export function convolutionModel(task: Task, convolutions: number): Uint8Array {
  const { x, w, y } = shapesOf(task)
  const { kernel, stride, pad, groups } = task
  const window = [
    integers('kernel_shape', [kernel, kernel]),
    integers('strides', [stride, stride]),
    integers('pads', [pad, pad, pad, pad]),
    integer('group', groups),
  ]
  const each = Array.from({ length: convolutions }, (_, i) => i)
  const corner = [integers('kernel_shape', [1, 1]), integers('strides', [y[2], y[3]])]
  const nodes = [
    ...each.map(i => node('Conv', ['x', `w${i}`], `y${i}`, window)),
    ...each.map(i => node('MaxPool', [`y${i}`], `corner${i}`, corner)),
    node(
      'Sum',
      each.map(i => `corner${i}`),
      'y',
      [],
    ),
  ]
  const graph = [
    ...nodes.map(bytes => message(1, bytes)),
    text(2, 'layer'),
    ...each.map(i => message(5, tensor(`w${i}`, w, i))),
    message(11, valueInfo('x', x)),
    message(12, valueInfo('y', [y[0], y[1], 1, 1])),
  ]
  const operators = concat([text(1, ''), number(2, 17)])
  return concat([number(1, 8), message(7, concat(graph)), message(8, operators)])
}

function node(type: string, inputs: readonly string[], output: string, attributes: readonly Uint8Array[]): Uint8Array {
  return concat([
    ...inputs.map(name => text(1, name)),
    text(2, output),
    text(4, type),
    ...attributes.map(bytes => message(5, bytes)),
  ])
}

/** Attribute types of onnx.proto3. */
const attributeTypes = { integer: 2, integers: 7 } as const

function integer(name: string, value: number): Uint8Array {
  return concat([text(1, name), number(3, value), number(20, attributeTypes.integer)])
}

function integers(name: string, values: readonly number[]): Uint8Array {
  return concat([text(1, name), ...values.map(value => number(8, value)), number(20, attributeTypes.integers)])
}

/** `TensorProto.FLOAT`. */
const float = 1

/** Weights around zero, others for every seed: equal convolutions would be merged. */
function tensor(name: string, shape: readonly number[], seed: number): Uint8Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
  for (let i = 0; i < values.length; i++) values[i] = (((i + seed) * 2654435761) % 2048) / 2048 - 0.5
  const data = new Uint8Array(values.buffer)
  return concat([...shape.map(size => number(1, size)), number(2, float), text(8, name), message(9, data)])
}

function valueInfo(name: string, shape: readonly number[]): Uint8Array {
  const dimensions = concat(shape.map(size => message(1, number(1, size))))
  const type = message(1, concat([number(1, float), message(2, dimensions)]))
  return concat([text(1, name), message(2, type)])
}

function number(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field << 3), ...varint(value)])
}

function text(field: number, value: string): Uint8Array {
  return message(field, new TextEncoder().encode(value))
}

function message(field: number, bytes: Uint8Array): Uint8Array {
  return concat([Uint8Array.from([...varint((field << 3) | 2), ...varint(bytes.length)]), bytes])
}

/** Seven bits a byte, the lowest first; the top bit says that more follow. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}
