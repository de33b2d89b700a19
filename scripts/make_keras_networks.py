"""Exports networks of keras.applications with random weights as Keras does it (`model.export(format="onnx")`, volumes channels last),
and what ONNX Runtime answers, for `npx tsx scripts/onnxNetworks.ts FOLDER`.

    pip install keras torch onnx onnxruntime onnxscript
    KERAS_BACKEND=torch python scripts/make_keras_networks.py FOLDER [NAME ...]
"""
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import onnxruntime

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
names = sys.argv[2:] or [
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "ResNet50", "EfficientNetB0", "DenseNet121", "VGG16"]
for name in names:
    keras.utils.set_random_seed(0)
    path = folder / f"{name}.keras.onnx"
    try:
        size = 224
        model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classifier_activation=None)
        # Batch norm that has seen images: with statistics of 0 and 1, activations of deep networks vanish.
        random = np.random.default_rng(0)
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        images = random.standard_normal((4, size, size, 3)).astype("f4")
        model(images, training=True)
        two = random.standard_normal((2, size, size, 3)).astype("f4")
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        logits = session.run(None, {session.get_inputs()[0].name: two})[0]
        two.astype("<f4").tofile(folder / f"{path.name}.images.bin")
        logits.astype("<f4").tofile(folder / f"{path.name}.logits.bin")
        print("exported", path.name, session.get_inputs()[0].shape, float(np.abs(logits).max()), flush=True)
    except Exception as error:
        print("failed", path.name, type(error).__name__, str(error)[:300], flush=True)
