"""PyTorch: the LeNet-5 training step, eager (NCHW), eager in channels_last, or through torch.compile."""

from protocol import serve, threads, variant

import torch
from torch import nn

import work

torch.set_num_threads(threads())
torch.set_num_interop_threads(1)
torch.manual_seed(0)

layout = torch.contiguous_format if variant() == "eager" else torch.channels_last

model = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(6, 16, 5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 120),
    nn.ReLU(),
    nn.Linear(120, 84),
    nn.ReLU(),
    nn.Linear(84, 10),
).to(memory_format=layout)
forward = torch.compile(model) if variant() == "compile" else model
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=work.LEARNING_RATE, momentum=work.MOMENTUM, fused=True)

pixels, classes = work.batches()
images = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout) for x in pixels]
labels = [torch.from_numpy(y) for y in classes]


def step(i):
    b = i % work.BATCHES
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(forward(images[b]), labels[b])
    loss.backward()
    optimizer.step()
    return loss.item()


serve(step, {"version": torch.__version__})
