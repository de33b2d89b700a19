"""Generates src/onnx/proto/onnx_pb.ts from src/onnx/proto/onnx.proto.

    npm install --no-save @bufbuild/protoc-gen-es@2.13.0
    pip install grpcio-tools
    python scripts/make_onnx_proto.py

The generator's comments only repeat the fields; they are left out, so that the file can be read.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

folder = pathlib.Path(__file__).resolve().parent.parent / "src/onnx/proto"
plugin = sys.argv[1] if len(sys.argv) > 1 else "node_modules/.bin/protoc-gen-es"
header = """/**
 * Messages of ONNX files and how they lie in bytes, generated from onnx.proto by @bufbuild/protoc-gen-es
 * (`scripts/make_onnx_proto.py`): do not edit.
 */
"""

with tempfile.TemporaryDirectory() as out:
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--plugin=protoc-gen-es={plugin}",
         f"--es_out={out}", "--es_opt=target=ts", "onnx.proto"], check=True)
    text = (pathlib.Path(out) / "onnx_pb.ts").read_text()
text = re.sub(r"/\*(?!@__PURE__).*?\*/\n?", "", text, flags=re.S)
text = re.sub(r"^//.*\n", "", text, flags=re.M)
text = re.sub(r"\n\s*\n(\s*\n)*", "\n\n", text)
text = re.sub(r";\n\n(?= +\w)", ";\n", text)
text = re.sub(r"\{\n\n", "{\n", text)
(folder / "onnx_pb.ts").write_text(header + text.strip() + "\n")
