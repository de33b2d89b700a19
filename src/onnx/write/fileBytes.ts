/**
 * The bytes of an ONNX file. The weights are copied once, to their place in the file: protobuf's own writer would
 * copy them once for each message around them.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { joinBytes, lengthOf } from '../../formats/joinBytes.ts'
import { OnnxError } from '../errors.ts'
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  TensorProtoSchema,
} from '../proto/onnx_pb.ts'

/** A tensor of a file. */
export interface FileTensor {
  readonly name: string
  /** Number of `TensorProto.DataType`. */
  readonly type: number
  readonly shape: readonly number[]
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array
}

/** Where weights go that are not stored in the file itself. */
export interface ExternalFile {
  /** Name of the separate file, as the model will state it. */
  readonly location: string
  /** Takes the bytes of that file, in order. */
  readonly write: (bytes: Uint8Array) => void
}

/** Most bytes of a protobuf message. */
export const mostBytes = 2 ** 31 - 1

/** Fewest bytes of a tensor that is stored in another file. */
const fewestExternal = 1024

/** Where tensors begin in another file: programs map whole pages. */
const pageBytes = 4096

/** `TensorProto.DataLocation.EXTERNAL` */
const externalLocation = 1

/** Numbers of fields. */
const fields = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const

/**
 * The bytes of a file.
 * @param model everything but the graph
 * @param graph everything but the tensors
 * @throws OnnxError when the file would have more bytes than protobuf allows
 */
export function fileBytes(
  model: ModelProto,
  graph: GraphProto,
  tensors: readonly FileTensor[],
  external?: ExternalFile,
): Uint8Array<ArrayBuffer> {
  const outside = external && new ExternalWriter(external)
  const parts = tensors.flatMap(tensor => {
    const own = outside && tensor.bytes.length >= fewestExternal ? outside.add(tensor) : inside(tensor)
    return [header(fields.graphInitializer, lengthOf(own)), ...own]
  })
  const graphParts = [toBinary(GraphProtoSchema, graph), ...parts]
  const all = [toBinary(ModelProtoSchema, model), header(fields.modelGraph, lengthOf(graphParts)), ...graphParts]
  checkLength(lengthOf(all))
  return joinBytes(all)
}

/** @throws OnnxError for a file that no protobuf reader accepts */
export function checkLength(length: number): void {
  if (length <= mostBytes) return
  throw new OnnxError(
    `the file would have ${length} bytes, and an ONNX file has at most ${mostBytes}: write the weights into a file beside it, with 'external' (--external on the command line)`,
  )
}

/** The bytes before a field of a given length. */
function header(field: number, length: number): Uint8Array {
  checkLength(length)
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
}

function inside({ name, type, shape, bytes }: FileTensor): Uint8Array[] {
  const described = create(TensorProtoSchema, { name, dataType: type, dims: shape.map(BigInt) })
  return [toBinary(TensorProtoSchema, described), header(fields.tensorRawData, bytes.length), bytes]
}

/** Puts tensors into another file, each at the beginning of a page. */
class ExternalWriter {
  readonly #file: ExternalFile
  #length = 0

  constructor(file: ExternalFile) {
    this.#file = file
  }

  add({ name, type, shape, bytes }: FileTensor): Uint8Array[] {
    const { location, write } = this.#file
    const offset = Math.ceil(this.#length / pageBytes) * pageBytes
    if (offset > this.#length) write(new Uint8Array(offset - this.#length))
    write(bytes)
    this.#length = offset + bytes.length
    const entries = { location, offset: String(offset), length: String(bytes.length) }
    const described = create(TensorProtoSchema, {
      name,
      dataType: type,
      dims: shape.map(BigInt),
      dataLocation: externalLocation,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    })
    return [toBinary(TensorProtoSchema, described)]
  }
}
