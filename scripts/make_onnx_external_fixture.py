"""Makes test/fixtures/onnx/external.json.gz: a network of networks.json.gz as the package onnx saves it with its weights in another file.

    pip install onnx
    python scripts/make_onnx_external_fixture.py
"""
import base64
import gzip
import json
import pathlib
import tempfile

import onnx

fixtures = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/onnx"
cases = json.loads(gzip.decompress((fixtures / "networks.json.gz").read_bytes()))["cases"]
case = next(case for case in cases if case["name"] == "residual, script")
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "model.onnx"
    onnx.save(onnx.load_from_string(base64.b64decode(case["model"])), path, save_as_external_data=True, all_tensors_to_one_file=True,
              location="model.onnx.data", size_threshold=16)
    files = {name: base64.b64encode((path.parent / name).read_bytes()).decode() for name in ("model.onnx", "model.onnx.data")}
text = json.dumps({"onnx": onnx.__version__, "files": files, "images": case["images"], "logits": case["logits"]}, separators=(",", ":"))
(fixtures / "external.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
