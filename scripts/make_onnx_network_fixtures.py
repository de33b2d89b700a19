"""Makes test/fixtures/onnx/networks.json.gz: small networks with the blocks of torchvision's families, random weights, exported by
both of PyTorch's exporters, with ONNX Runtime's answers; and a training step of PyTorch's.

    pip install torch onnx onnxruntime onnxscript
    python scripts/make_onnx_network_fixtures.py
"""
import base64
import gzip
import io
import json
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


def bn(c):
    layer = nn.BatchNorm2d(c)
    with torch.no_grad():
        layer.running_mean.uniform_(-0.5, 0.5)
        layer.running_var.uniform_(0.5, 1.5)
        layer.weight.uniform_(0.5, 1.5)
    return layer


class Block(nn.Module):
    def __init__(self, forward, **children):
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def head(m, x):
    return m.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def shuffle(m, x):
    a, b = m.stem(x).chunk(2, dim=1)
    x = torch.cat([a, m.branch(b)], 1)
    n, c, h, w = x.size()
    x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
    return head(m, x)


def attention(m, x):
    x = m.patches(x).flatten(2).transpose(1, 2)
    x = torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1)
    y, _ = m.attention(m.norm(x), m.norm(x), m.norm(x), need_weights=False)
    return m.fc((x + y)[:, 0])


def vit():
    m = Block(attention, patches=nn.Conv2d(3, 8, 4, 4), norm=nn.LayerNorm(8), attention=nn.MultiheadAttention(8, 2, batch_first=True), fc=nn.Linear(8, 5))
    m.token = nn.Parameter(torch.randn(1, 1, 8))
    return m


networks = {
    "residual": Block(lambda m, x: head(m, F.relu(m.stem(x) + m.bn2(m.conv2(F.relu(m.stem(x)))))),
                      stem=nn.Conv2d(3, 8, 7, 2, 3), conv2=nn.Conv2d(8, 8, 3, padding=1, groups=2), bn2=bn(8), fc=nn.Linear(8, 5)),
    "plain": nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64, 5)),
    "dense": Block(lambda m, x: head(m, torch.cat([x, m.conv(F.relu(m.norm(x)))], 1)), norm=bn(3), conv=nn.Conv2d(3, 5, 3, padding=1), fc=nn.Linear(8, 5)),
    "inception": Block(lambda m, x: head(m, torch.cat([m.a(x), m.b(x), F.avg_pool2d(x, 3, 1, 1), F.max_pool2d(x, 3, 1, 1, ceil_mode=True)], 1)),
                       a=nn.Conv2d(3, 2, (1, 7), padding=(0, 3)), b=nn.Conv2d(3, 2, 5, padding=2), fc=nn.Linear(10, 5)),
    "inverted": Block(lambda m, x: head(m, m.project(m.depth(m.expand(x)) * m.gate(m.depth(m.expand(x))))),
                      expand=nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU6()), depth=nn.Sequential(nn.Conv2d(8, 8, 5, 2, 2, groups=8), bn(8), nn.Hardswish()),
                      gate=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.SiLU(), nn.Conv2d(2, 8, 1), nn.Hardsigmoid()),
                      project=nn.Conv2d(8, 8, 1), fc=nn.Linear(8, 5)),
    "shuffle": Block(shuffle, stem=nn.Conv2d(3, 8, 3, 2, 1), branch=nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), bn(4), nn.ReLU()), fc=nn.Linear(8, 5)),
    "fire": Block(lambda m, x: torch.flatten(F.adaptive_avg_pool2d(F.relu(torch.cat([m.a(x), m.b(x)], 1)), 1), 1),
                  a=nn.Conv2d(3, 2, 1), b=nn.Conv2d(3, 3, 3, padding=1)),
    "convnext": Block(lambda m, x: head(m, x2 := m.down(x) + (m.wide(m.norm(m.depth(m.down(x)).permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)),
                      down=nn.Conv2d(3, 8, 4, 4), depth=nn.Conv2d(8, 8, 7, padding=3, groups=8), norm=nn.LayerNorm(8),
                      wide=nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)), fc=nn.Linear(8, 5)),
    "vit": vit(),
    "decoder": Block(lambda m, x: head(m, F.interpolate(m.up(x), scale_factor=2, mode="bilinear") + F.interpolate(m.up(x), scale_factor=2, mode="nearest")),
                     up=nn.ConvTranspose2d(3, 8, 3, 2, 1, output_padding=1), fc=nn.Linear(8, 5)),
}


def pack(array):
    return {"shape": list(array.shape), "data": base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()}


cases = []
for name, model in networks.items():
    model.eval()
    x = torch.randn(3, 3, 16, 16)
    for exporter in ("script", "dynamo"):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.onnx"
            if exporter == "script":
                torch.onnx.export(model, (x,), path, dynamo=False, input_names=["images"], output_names=["logits"],
                                  dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}}, opset_version=17)
            else:
                torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, input_names=["images"], output_names=["logits"],
                                  dynamic_shapes=[{0: torch.export.Dim("batch", min=2, max=64)}])
            proto = onnx.load(path)
            del proto.graph.value_info[:]
            for node in proto.graph.node:
                node.doc_string = ""
                del node.metadata_props[:]
            for value in [*proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
                value.doc_string = ""
            data = proto.SerializeToString()
        logits = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"images": x.numpy()})[0]
        cases.append({"name": f"{name}, {exporter}", "model": base64.b64encode(data).decode(), "images": pack(x.numpy()), "logits": pack(logits)})

# A training step: batch norm is kept, and follows the batch.
torch.manual_seed(1)
model = Block(lambda m, x: head(m, F.relu(m.bn(m.conv(x)))), conv=nn.Conv2d(3, 4, 3, padding=1), bn=bn(4), fc=nn.Linear(4, 5))
x, labels = torch.randn(4, 3, 8, 8), torch.tensor([0, 2, 4, 1])
out = io.BytesIO()
torch.onnx.export(model, (x,), out, dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False,
                  input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}})
model.train()
loss = F.cross_entropy(model(x), labels)
loss.backward()
training = {"model": base64.b64encode(out.getvalue()).decode(), "images": pack(x.numpy()), "labels": labels.tolist(), "loss": loss.item(),
            "gradients": {name: pack(parameter.grad.numpy()) for name, parameter in model.named_parameters()},
            "statistics": {name: pack(buffer.numpy()) for name, buffer in model.named_buffers() if "running" in name}}

target = pathlib.Path(__file__).resolve().parent.parent / "test/fixtures/onnx/networks.json.gz"
text = json.dumps({"torch": torch.__version__.split("+")[0], "onnxruntime": onnxruntime.__version__, "cases": cases, "training": training}, separators=(",", ":"))
target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
print(len(cases), target.stat().st_size)
