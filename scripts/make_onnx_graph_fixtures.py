"""Makes test/fixtures/onnx/graphs.json.gz: networks at full size without their weights, which are said to lie in another file, from
exports of `make_onnx_networks.py` and `make_keras_networks.py`. What a network is planned as does not depend on its weights.

    python scripts/make_onnx_graph_fixtures.py FOLDER
"""
import base64
import gzip
import json
import pathlib
import sys

import onnx
from onnx import TensorProto

names = ["resnet50.script", "resnet50.dynamo", "mobilenet_v2.script", "mobilenet_v2.dynamo", "vit_b_16.script", "MobileNetV2.keras", "ResNet50.keras"]
large = 256

graphs = {}
for name in names:
    model = onnx.load(pathlib.Path(sys.argv[1]) / f"{name}.onnx", load_external_data=False)
    del model.graph.value_info[:]
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    constants = [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    for tensor in [*model.graph.initializer, *constants]:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < large and tensor.data_location != TensorProto.EXTERNAL:
            continue
        tensor.ClearField("raw_data")
        del tensor.external_data[:]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights")
    graphs[name] = base64.b64encode(model.SerializeToString()).decode()
target = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/onnx/graphs.json.gz"
target.write_bytes(gzip.compress(json.dumps(graphs, separators=(",", ":")).encode(), 9, mtime=0))
print({name: len(text) for name, text in graphs.items()}, target.stat().st_size)
