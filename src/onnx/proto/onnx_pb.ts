/**
 * Messages of ONNX files and how they lie in bytes, generated from onnx.proto by @bufbuild/protoc-gen-es
 * (`scripts/make_onnx_proto.py`): do not edit.
 */
import type { GenFile, GenMessage } from "@bufbuild/protobuf/codegenv2";
import { fileDesc, messageDesc } from "@bufbuild/protobuf/codegenv2";
import type { Message } from "@bufbuild/protobuf";

export const file_onnx: GenFile = /*@__PURE__*/
  fileDesc("Cgpvbm54LnByb3RvEgRvbm54IsQCCg5BdHRyaWJ1dGVQcm90bxIMCgRuYW1lGAEgASgJEhUKDXJlZl9hdHRyX25hbWUYFSABKAkSDAoEdHlwZRgUIAEoBRIJCgFmGAIgASgCEgkKAWkYAyABKAMSCQoBcxgEIAEoDBIcCgF0GAUgASgLMhEub25ueC5UZW5zb3JQcm90bxIbCgFnGAYgASgLMhAub25ueC5HcmFwaFByb3RvEi4KDXNwYXJzZV90ZW5zb3IYFiABKAsyFy5vbm54LlNwYXJzZVRlbnNvclByb3RvEg4KBmZsb2F0cxgHIAMoAhIMCgRpbnRzGAggAygDEg8KB3N0cmluZ3MYCSADKAwSIgoHdGVuc29ycxgKIAMoCzIRLm9ubnguVGVuc29yUHJvdG8SIAoGZ3JhcGhzGAsgAygLMhAub25ueC5HcmFwaFByb3RvIj0KDlZhbHVlSW5mb1Byb3RvEgwKBG5hbWUYASABKAkSHQoEdHlwZRgCIAEoCzIPLm9ubnguVHlwZVByb3RvIsoBCglOb2RlUHJvdG8SDQoFaW5wdXQYASADKAkSDgoGb3V0cHV0GAIgAygJEgwKBG5hbWUYAyABKAkSDwoHb3BfdHlwZRgEIAEoCRIOCgZkb21haW4YByABKAkSEAoIb3ZlcmxvYWQYCCABKAkSJwoJYXR0cmlidXRlGAUgAygLMhQub25ueC5BdHRyaWJ1dGVQcm90bxI0Cg5tZXRhZGF0YV9wcm9wcxgJIAMoCzIcLm9ubnguU3RyaW5nU3RyaW5nRW50cnlQcm90byK7AgoKTW9kZWxQcm90bxISCgppcl92ZXJzaW9uGAEgASgDEi4KDG9wc2V0X2ltcG9ydBgIIAMoCzIYLm9ubnguT3BlcmF0b3JTZXRJZFByb3RvEhUKDXByb2R1Y2VyX25hbWUYAiABKAkSGAoQcHJvZHVjZXJfdmVyc2lvbhgDIAEoCRIOCgZkb21haW4YBCABKAkSFQoNbW9kZWxfdmVyc2lvbhgFIAEoAxISCgpkb2Nfc3RyaW5nGAYgASgJEh8KBWdyYXBoGAcgASgLMhAub25ueC5HcmFwaFByb3RvEjQKDm1ldGFkYXRhX3Byb3BzGA4gAygLMhwub25ueC5TdHJpbmdTdHJpbmdFbnRyeVByb3RvEiYKCWZ1bmN0aW9ucxgZIAMoCzITLm9ubnguRnVuY3Rpb25Qcm90byI0ChZTdHJpbmdTdHJpbmdFbnRyeVByb3RvEgsKA2tleRgBIAEoCRINCgV2YWx1ZRgCIAEoCSKLAgoKR3JhcGhQcm90bxIdCgRub2RlGAEgAygLMg8ub25ueC5Ob2RlUHJvdG8SDAoEbmFtZRgCIAEoCRImCgtpbml0aWFsaXplchgFIAMoCzIRLm9ubnguVGVuc29yUHJvdG8SMwoSc3BhcnNlX2luaXRpYWxpemVyGA8gAygLMhcub25ueC5TcGFyc2VUZW5zb3JQcm90bxIjCgVpbnB1dBgLIAMoCzIULm9ubnguVmFsdWVJbmZvUHJvdG8SJAoGb3V0cHV0GAwgAygLMhQub25ueC5WYWx1ZUluZm9Qcm90bxIoCgp2YWx1ZV9pbmZvGA0gAygLMhQub25ueC5WYWx1ZUluZm9Qcm90byKpAgoLVGVuc29yUHJvdG8SDAoEZGltcxgBIAMoAxIRCglkYXRhX3R5cGUYAiABKAUSFgoKZmxvYXRfZGF0YRgEIAMoAkICEAESFgoKaW50MzJfZGF0YRgFIAMoBUICEAESEwoLc3RyaW5nX2RhdGEYBiADKAwSFgoKaW50NjRfZGF0YRgHIAMoA0ICEAESDAoEbmFtZRgIIAEoCRIQCghyYXdfZGF0YRgJIAEoDBIzCg1leHRlcm5hbF9kYXRhGA0gAygLMhwub25ueC5TdHJpbmdTdHJpbmdFbnRyeVByb3RvEhUKDWRhdGFfbG9jYXRpb24YDiABKAUSFwoLZG91YmxlX2RhdGEYCiADKAFCAhABEhcKC3VpbnQ2NF9kYXRhGAsgAygEQgIQASJoChFTcGFyc2VUZW5zb3JQcm90bxIhCgZ2YWx1ZXMYASABKAsyES5vbm54LlRlbnNvclByb3RvEiIKB2luZGljZXMYAiABKAsyES5vbm54LlRlbnNvclByb3RvEgwKBGRpbXMYAyADKAMigQEKEFRlbnNvclNoYXBlUHJvdG8SLQoDZGltGAEgAygLMiAub25ueC5UZW5zb3JTaGFwZVByb3RvLkRpbWVuc2lvbho+CglEaW1lbnNpb24SEwoJZGltX3ZhbHVlGAEgASgDSAASEwoJZGltX3BhcmFtGAIgASgJSABCBwoFdmFsdWUifAoJVHlwZVByb3RvEisKC3RlbnNvcl90eXBlGAEgASgLMhYub25ueC5UeXBlUHJvdG8uVGVuc29yGkIKBlRlbnNvchIRCgllbGVtX3R5cGUYASABKAUSJQoFc2hhcGUYAiABKAsyFi5vbm54LlRlbnNvclNoYXBlUHJvdG8iNQoST3BlcmF0b3JTZXRJZFByb3RvEg4KBmRvbWFpbhgBIAEoCRIPCgd2ZXJzaW9uGAIgASgDIu8BCg1GdW5jdGlvblByb3RvEgwKBG5hbWUYASABKAkSDQoFaW5wdXQYBCADKAkSDgoGb3V0cHV0GAUgAygJEhEKCWF0dHJpYnV0ZRgGIAMoCRItCg9hdHRyaWJ1dGVfcHJvdG8YCyADKAsyFC5vbm54LkF0dHJpYnV0ZVByb3RvEh0KBG5vZGUYByADKAsyDy5vbm54Lk5vZGVQcm90bxIuCgxvcHNldF9pbXBvcnQYCSADKAsyGC5vbm54Lk9wZXJhdG9yU2V0SWRQcm90bxIOCgZkb21haW4YCiABKAkSEAoIb3ZlcmxvYWQYDSABKAk");

export type AttributeProto = Message<"onnx.AttributeProto"> & {
    name: string;
    refAttrName: string;
    type: number;
    f: number;
    i: bigint;
    s: Uint8Array;
    t?: TensorProto | undefined;
    g?: GraphProto | undefined;
    sparseTensor?: SparseTensorProto | undefined;
    floats: number[];
    ints: bigint[];
    strings: Uint8Array[];
    tensors: TensorProto[];
    graphs: GraphProto[];
};

export const AttributeProtoSchema: GenMessage<AttributeProto> = /*@__PURE__*/
  messageDesc(file_onnx, 0);

export type ValueInfoProto = Message<"onnx.ValueInfoProto"> & {
    name: string;
    type?: TypeProto | undefined;
};

export const ValueInfoProtoSchema: GenMessage<ValueInfoProto> = /*@__PURE__*/
  messageDesc(file_onnx, 1);

export type NodeProto = Message<"onnx.NodeProto"> & {
    input: string[];
    output: string[];
    name: string;
    opType: string;
    domain: string;
    overload: string;
    attribute: AttributeProto[];
    metadataProps: StringStringEntryProto[];
};

export const NodeProtoSchema: GenMessage<NodeProto> = /*@__PURE__*/
  messageDesc(file_onnx, 2);

export type ModelProto = Message<"onnx.ModelProto"> & {
    irVersion: bigint;
    opsetImport: OperatorSetIdProto[];
    producerName: string;
    producerVersion: string;
    domain: string;
    modelVersion: bigint;
    docString: string;
    graph?: GraphProto | undefined;
    metadataProps: StringStringEntryProto[];
    functions: FunctionProto[];
};

export const ModelProtoSchema: GenMessage<ModelProto> = /*@__PURE__*/
  messageDesc(file_onnx, 3);

export type StringStringEntryProto = Message<"onnx.StringStringEntryProto"> & {
    key: string;
    value: string;
};

export const StringStringEntryProtoSchema: GenMessage<StringStringEntryProto> = /*@__PURE__*/
  messageDesc(file_onnx, 4);

export type GraphProto = Message<"onnx.GraphProto"> & {
    node: NodeProto[];
    name: string;
    initializer: TensorProto[];
    sparseInitializer: SparseTensorProto[];
    input: ValueInfoProto[];
    output: ValueInfoProto[];
    valueInfo: ValueInfoProto[];
};

export const GraphProtoSchema: GenMessage<GraphProto> = /*@__PURE__*/
  messageDesc(file_onnx, 5);

export type TensorProto = Message<"onnx.TensorProto"> & {
    dims: bigint[];
    dataType: number;
    floatData: number[];
    int32Data: number[];
    stringData: Uint8Array[];
    int64Data: bigint[];
    name: string;
    rawData: Uint8Array;
    externalData: StringStringEntryProto[];
    dataLocation: number;
    doubleData: number[];
    uint64Data: bigint[];
};

export const TensorProtoSchema: GenMessage<TensorProto> = /*@__PURE__*/
  messageDesc(file_onnx, 6);

export type SparseTensorProto = Message<"onnx.SparseTensorProto"> & {
    values?: TensorProto | undefined;
    indices?: TensorProto | undefined;
    dims: bigint[];
};

export const SparseTensorProtoSchema: GenMessage<SparseTensorProto> = /*@__PURE__*/
  messageDesc(file_onnx, 7);

export type TensorShapeProto = Message<"onnx.TensorShapeProto"> & {
    dim: TensorShapeProto_Dimension[];
};

export const TensorShapeProtoSchema: GenMessage<TensorShapeProto> = /*@__PURE__*/
  messageDesc(file_onnx, 8);

export type TensorShapeProto_Dimension = Message<"onnx.TensorShapeProto.Dimension"> & {
    value: {
        value: bigint;
    case: "dimValue";
  } | {
        value: string;
    case: "dimParam";
  } | { case: undefined; value?: undefined };
};

export const TensorShapeProto_DimensionSchema: GenMessage<TensorShapeProto_Dimension> = /*@__PURE__*/
  messageDesc(file_onnx, 8, 0);

export type TypeProto = Message<"onnx.TypeProto"> & {
    tensorType?: TypeProto_Tensor | undefined;
};

export const TypeProtoSchema: GenMessage<TypeProto> = /*@__PURE__*/
  messageDesc(file_onnx, 9);

export type TypeProto_Tensor = Message<"onnx.TypeProto.Tensor"> & {
    elemType: number;
    shape?: TensorShapeProto | undefined;
};

export const TypeProto_TensorSchema: GenMessage<TypeProto_Tensor> = /*@__PURE__*/
  messageDesc(file_onnx, 9, 0);

export type OperatorSetIdProto = Message<"onnx.OperatorSetIdProto"> & {
    domain: string;
    version: bigint;
};

export const OperatorSetIdProtoSchema: GenMessage<OperatorSetIdProto> = /*@__PURE__*/
  messageDesc(file_onnx, 10);

export type FunctionProto = Message<"onnx.FunctionProto"> & {
    name: string;
    input: string[];
    output: string[];
    attribute: string[];
    attributeProto: AttributeProto[];
    node: NodeProto[];
    opsetImport: OperatorSetIdProto[];
    domain: string;
    overload: string;
};

export const FunctionProtoSchema: GenMessage<FunctionProto> = /*@__PURE__*/
  messageDesc(file_onnx, 11);
