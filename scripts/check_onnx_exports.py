"""Checks the ONNX files that Fovea writes: onnx.checker with full_check, and ONNX Runtime's answers against Fovea's, for all layers
and for networks of the catalog with random weights. Prints the table of docs/onnx-measurements.md.

    pip install onnx onnxruntime numpy
    python scripts/check_onnx_exports.py [--fold] [--keep] [NAME ...]

Names are those of the catalog, and "layers" for all layers; without one it checks everything. With --fold, batch normalization
is folded into the weights before it. With --keep, ONNX Runtime's answers for layers go into test/fixtures/onnx/exports.json.gz.
"""
import base64
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

root = pathlib.Path(__file__).resolve().parent.parent
fold = [word for word in sys.argv[1:] if word == "--fold"]
names = [word for word in sys.argv[1:] if not word.startswith("--")]
kept = 256  # answers of a layer in the fixture
limit = 1e-5  # the largest difference, relative to the largest answer


def export(folder, *words):
    """Writes files, and says what they are."""
    run = subprocess.run(["npx", "tsx", "scripts/onnxExports.ts", folder, *fold, *words], cwd=root, check=True,
                         stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def check(folder, file, shape):
    """Operators of a file, ONNX Runtime's answers, and their largest difference, for both samples together and for each alone."""
    path = folder / f"{file}.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    kind = np.uint8 if given.type == "tensor(uint8)" else np.float32
    images = np.fromfile(folder / f"{file}.images.bin", kind).reshape(shape)
    wanted = np.fromfile(folder / f"{file}.answers.bin", np.float32)
    both = session.run(None, {given.name: images})[0]
    alone = np.concatenate([session.run(None, {given.name: images[k:k + 1]})[0] for k in range(len(images))])
    difference = max(np.abs(found.ravel() - wanted).max() for found in (both, alone)) / np.abs(wanted).max()
    ops = [node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node]
    for left in folder.glob(f"{file}.*"):
        left.unlink()
    return ops, both, difference


def catalog():
    listing = "import { models } from './src/models/catalog.ts'; console.log(Object.keys(models).join())"
    run = subprocess.run(["npx", "tsx", "-e", listing], cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout.strip().split(",")


differing, fixture = [], {}
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    print("| network | nodes | file | largest difference |\n|---|---|---|---|")
    for model in names or [*catalog(), "layers"]:
        results = []
        for written in export(name, *([] if model == "layers" else [model])):
            ops, answers, difference = check(folder, written["file"], written["shape"])
            results.append((difference, written["name"]))
            if model == "layers":
                data = answers.ravel()[:kept].astype("<f4").tobytes()
                fixture[written["name"]] = {"ops": ops, "answers": base64.b64encode(data).decode()}
            else:
                print(f"| {model} | {len(ops)} | {written['bytes'] / 1e6:.1f} MB | {difference:.1e} |", flush=True)
        if model == "layers":
            print("\n{} layers: the largest difference is {:.1e} ({})".format(len(results), *max(results)))
        differing += [name for difference, name in results if not difference <= limit]
if "--keep" in sys.argv and not differing:
    target = root / "test/fixtures/onnx/exports.json.gz"
    text = json.dumps({"onnxruntime": onnxruntime.__version__, "layers": fixture}, separators=(",", ":"))
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{target.name}: {target.stat().st_size} bytes")
print(f"more than {limit}: {', '.join(differing) or 'none'}")
sys.exit(1 if differing else 0)
