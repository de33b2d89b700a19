"""Packs ONNX's own tests of single operators into test/fixtures/onnx/node-tests.json.gz.

    pip install onnx
    python scripts/make_onnx_node_fixtures.py

Of all of them: those whose operators a ConvNet may have, on tensors of numbers. `left` counts the others by reason. A tensor is its
shape, its type and its bytes in base64.
"""
import base64
import collections
import gzip
import json
import pathlib

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

OPS = set("""
Abs Acosh Add AffineGrid And ArgMax ArgMin Asinh Atanh AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Compress
Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DepthToSpace DequantizeLinear Div Dropout
DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax Identity If
InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul
MatMulInteger Max MaxPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu
Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RoiAlign Round Scatter
ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze
Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
""".split())
SMALL_TYPES = {"float4", "float8", "uint2", "int2", "float6", "uint4", "int4"}
target = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/onnx"


def packed(name, array):
    return {"name": name, "type": str(array.dtype), "shape": list(array.shape), "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def position(model, name):
    """At which input of the first node that reads it."""
    return next((list(node.input).index(name) for node in model.graph.node if name in node.input), -1)


tests, left = [], collections.Counter()
for case in collect_testcases(None):
    if "_expanded" in case.name:
        left["the body of a function, as a graph of other operators"] += 1
        continue
    model = case.model
    ops = [node.op_type for node in model.graph.node]
    if not set(ops) <= OPS or any(node.domain for node in model.graph.node):
        left["an operator that ConvNets do not have"] += 1
        continue
    values = list(model.graph.input) + list(model.graph.output)
    if not all(value.type.HasField("tensor_type") for value in values):
        left["a sequence or an optional value"] += 1
        continue
    version = next((entry.version for entry in model.opset_import if entry.domain == ""), 0)
    if not case.data_sets:
        left["no values"] += 1
        continue
    as_tensor = lambda value: value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
    protos = [[as_tensor(value) for value in side] for side in case.data_sets[0]]
    names = [onnx.TensorProto.DataType.Name(proto.data_type).lower() for proto in sum(protos, [])]
    if any(name.startswith(small) for name in names for small in SMALL_TYPES) or "string" in names or any(name.startswith("complex") for name in names):
        left["numbers of fewer than 8 bits or of 8 bits with a point, strings, complex numbers"] += 1
        continue
    arrays = [[numpy_helper.to_array(proto) for proto in side] for side in protos]
    if any(array.ndim > 4 for array in sum(arrays, [])):
        left["a tensor of more than 4 axes"] += 1
        continue
    arrays = [[array.astype(np.float32) if str(array.dtype) in ("bfloat16", "float16") else array for array in side] for side in arrays]
    size = sum(array.nbytes for array in sum(arrays, [])) + model.ByteSize()
    if size > 100_000:
        left["more than 100 kB"] += 1
        continue
    ports = [[value.name for value in side] for side in (model.graph.input, model.graph.output)]
    tests.append({"name": case.name.removeprefix("test_"), "op": ops[0], "opset": version, "rtol": case.rtol, "atol": case.atol,
                  "half": any(name in ("float16", "bfloat16") for name in names),
                  "model": base64.b64encode(model.SerializeToString()).decode(),
                  "inputs": [{**packed(name, array), "at": position(model, name)} for name, array in zip(ports[0], arrays[0])],
                  "outputs": [packed(name, array) for name, array in zip(ports[1], arrays[1])]})
tests.sort(key=lambda test: test["name"])
target.mkdir(parents=True, exist_ok=True)
text = json.dumps({"onnx": onnx.__version__, "left": dict(left), "tests": tests}, separators=(",", ":"))
(target / "node-tests.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
print(len(tests), "tests", dict(left), collections.Counter(test["opset"] for test in tests))
