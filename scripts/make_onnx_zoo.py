"""The networks of ONNX's model zoo, as the package `onnx` carries them for its own tests: the graphs of 2017 to 2019 with constants for
weights. Gives them random weights, and says what ONNX Runtime answers, for `npx tsx scripts/onnxNetworks.ts FOLDER`.

    pip install onnx onnxruntime numpy
    python scripts/make_onnx_zoo.py FOLDER
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
light = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"


def weights_for(shape, user, position, random):
    """Weights that keep activations in scale through many layers."""
    if user.op_type == "BatchNormalization":  # scale, shift, mean, variance
        low, high = [(0.75, 1.25), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5)][position - 1]
        return random.uniform(low, high, shape)
    fan_in = np.prod(shape[1:]) if len(shape) > 1 else 0
    if not fan_in:  # biases, and the scales of channels
        return random.uniform(0.75, 1.25, shape) if user.op_type == "Mul" else random.uniform(-0.1, 0.1, shape)
    return random.normal(0, np.sqrt(2 / fan_in), shape)


def answers(model, name, images):
    """All outputs of a model, as ONNX Runtime computes them."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every weight that is an input as well
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {name: images})


for path in sorted(light.glob("*.onnx")):
    model = onnx.load(path)
    graph, random = model.graph, np.random.default_rng(0)
    sizes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    users = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            users.setdefault(name, (node, position))
    kept, made = [], set()
    for node in graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in sizes:
            kept.append(node)
            continue
        made.add(node.input[0])
        user, position = users[node.output[0]]
        # Through what only shapes them: Caffe2's exporter unsqueezes the scales of channels.
        while user.op_type in ("Unsqueeze", "Reshape") and user.output[0] in users:
            user, position = users[user.output[0]]
        values = weights_for(tuple(sizes[node.input[0]].astype(int)), user, position, random)
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    for field in (graph.initializer, graph.input):
        used = {name for node in kept for name in node.input}
        left = [entry for entry in field if entry.name in used]
        del field[:]
        field.extend(left)
    weights = {tensor.name for tensor in graph.initializer}
    (image,) = [entry for entry in graph.input if entry.name not in weights]
    # Before version 4 of the format, weights were inputs with a default.
    model.ir_version = 4
    shape = [size.dim_value for size in image.type.tensor_type.shape.dim]
    name = path.name.replace("light_", "")
    images = random.normal(0, 1, shape).astype(np.float32)
    softmax = graph.node[-1]
    if softmax.op_type == "Softmax" and (layer := next(node for node in kept if softmax.input[0] in node.output)).op_type == "Gemm":
        # Logits of a few units: where one of them is far above the others, any network answers 1.
        graph.output.append(onnx.helper.make_empty_tensor_value_info(softmax.input[0]))
        scale = np.float32(5 / np.abs(answers(model, image.name, images)[-1]).max())
        for tensor in graph.initializer:
            if tensor.name in layer.input[1:]:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * scale, tensor.name))
        graph.output.pop()
    onnx.save(model, folder / name)
    logits = answers(model, image.name, images)[0]
    images.astype("<f4").tofile(folder / f"{name}.images.bin")
    logits.astype("<f4").tofile(folder / f"{name}.logits.bin")
    print("wrote", name, "largest answer", float(np.abs(logits).max()), flush=True)
