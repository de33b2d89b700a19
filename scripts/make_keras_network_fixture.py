"""Makes test/fixtures/onnx/keras.json.gz: a small network with the blocks of keras.applications (volumes channels last), random weights,
exported by Keras, with ONNX Runtime's answers.

    pip install keras torch onnx onnxruntime onnxscript
    KERAS_BACKEND=torch python scripts/make_keras_network_fixture.py
"""
import base64
import gzip
import json
import os
import pathlib
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import onnx
import onnxruntime
from keras import layers

keras.utils.set_random_seed(0)


def normalized(x, activation=None):
    x = layers.BatchNormalization(momentum=0.0)(x)
    return layers.Activation(activation)(x) if activation else x


images = layers.Input((16, 16, 3))
x = normalized(layers.Conv2D(8, 3, 2, "same", use_bias=False)(layers.Rescaling(1 / 127.5, -1)(images)), "relu6")
wide = normalized(layers.Conv2D(16, 1, use_bias=False)(x), "swish")
deep = normalized(layers.DepthwiseConv2D(3, use_bias=False)(layers.ZeroPadding2D(1)(wide)), "swish")
gate = layers.Reshape((1, 1, 16))(layers.GlobalAveragePooling2D()(deep))
gate = layers.Conv2D(16, 1, activation="sigmoid")(layers.Conv2D(4, 1, activation="swish")(gate))
x = layers.Add()([x, normalized(layers.Conv2D(8, 1, use_bias=False)(layers.Multiply()([deep, gate])))])
x = layers.Concatenate()([x, layers.Conv2D(4, 3, padding="same", activation="relu")(x)])
x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(layers.ReLU()(x)))
logits = layers.Dense(5)(layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x)))
model = keras.Model(images, logits)

random = np.random.default_rng(0)
model(random.uniform(0, 255, (16, 16, 16, 3)).astype("f4"), training=True)
some = random.uniform(0, 255, (3, 16, 16, 3)).astype("f4")
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    proto = onnx.load(path)
for node in proto.graph.node:
    node.doc_string = ""
del proto.graph.value_info[:]
data = proto.SerializeToString()
session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
found = session.run(None, {session.get_inputs()[0].name: some})[0]


def pack(array):
    return {"shape": list(array.shape), "data": base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()}


target = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/onnx/keras.json.gz"
text = json.dumps({"keras": keras.__version__, "onnxruntime": onnxruntime.__version__,
                   "model": base64.b64encode(data).decode(), "images": pack(some), "logits": pack(found)}, separators=(",", ":"))
target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
print(target.stat().st_size)
