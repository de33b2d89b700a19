"""The networks of the bench as PyTorch modules: a node of nets.ts is a call of `torch.nn.functional` or a module."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    """The network of a row's nodes; `[N, C, H, W]` to logits."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes
        self.layers = nn.ModuleDict({str(i): layer for i, layer in enumerate(map(_layer, nodes)) if layer is not None})

    def forward(self, x):
        values = [x]
        for index, node in enumerate(self.nodes[1:], 1):
            operands = [values[i] for i in node["inputs"]]
            key = str(index)
            values.append(self.layers[key](*operands) if key in self.layers else _call(node, *operands))
        return values[-1]


def _layer(node):
    """The module of a node that has parameters or a mode; None for the others."""
    op = node["op"]
    if op == "conv":
        layer = nn.Conv2d(
            node["in"], node["out"], node["kernel"], node["stride"], node["pad"], groups=node["groups"], bias=node["bias"]
        )
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return layer
    if op == "linear":
        return nn.Linear(node["in"], node["out"])
    if op == "batchNorm":
        return nn.BatchNorm2d(node["channels"], eps=node["epsilon"])
    if op == "dropout":
        return nn.Dropout(node["probability"])
    if op == "maxPool":
        return nn.MaxPool2d(node["kernel"], node["stride"], node["pad"], ceil_mode=node["padEnd"] > node["pad"])
    return {
        "relu": lambda: nn.ReLU(inplace=True),
        "relu6": lambda: nn.ReLU6(inplace=True),
        "sigmoid": nn.Sigmoid,
        "globalPool": lambda: nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten,
    }.get(op, lambda: None)()


def _call(node, *operands):
    """The value of a node without a module."""
    op = node["op"]
    if op == "add":
        return operands[0] + operands[1] if torch.onnx.is_in_onnx_export() else operands[0].add_(operands[1])
    if op == "scale":
        return operands[0] * operands[1]
    if op == "concat":
        return torch.cat(operands, 1)
    if op == "subsample":
        half = node["extra"] // 2
        return F.pad(operands[0][:, :, ::2, ::2], (0, 0, 0, 0, half, half))
    raise ValueError(f"no such operation: {op}")


def parameter_count(model):
    """Trainable numbers."""
    return sum(math.prod(p.shape) for p in model.parameters())
