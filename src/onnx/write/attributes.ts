/** Attributes of nodes, by the types that ONNX has for them. */
import { create } from '@bufbuild/protobuf'
import { type AttributeProto, AttributeProtoSchema } from '../proto/onnx_pb.ts'

/** A whole number, a list of them, a real number, or a text. */
export type AttributeValue = number | readonly number[] | { readonly float: number } | string

/** `AttributeProto.AttributeType` */
const types = { float: 1, int: 2, string: 3, ints: 7 } as const

/** An attribute of a node. */
export function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: types.int, i: BigInt(value) })
  if (typeof value === 'string')
    return create(AttributeProtoSchema, { name, type: types.string, s: new TextEncoder().encode(value) })
  if ('float' in value) return create(AttributeProtoSchema, { name, type: types.float, f: value.float })
  return create(AttributeProtoSchema, { name, type: types.ints, ints: value.map(BigInt) })
}

/** A real number, even where it is whole. */
export const float = (value: number): AttributeValue => ({ float: value })
