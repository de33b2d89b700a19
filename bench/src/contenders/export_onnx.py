"""Writes a row's network, with random weights, as ONNX to the file named by the first argument."""

import os
import sys
import warnings

import torch

import work
from torch_models import Net

warnings.simplefilter("ignore")
torch.manual_seed(0)
file = sys.argv[1]
model = Net(work.NODES).eval()
images = torch.zeros(work.BATCH, work.CHANNELS, work.SIDE, work.SIDE)
part = f"{file}.part"
# The exporter that traces needs no package but onnx; it folds batch normalization into the convolutions.
torch.onnx.export(model, (images,), part, input_names=["x"], output_names=["logits"], opset_version=17, dynamo=False)
os.replace(part, file)
