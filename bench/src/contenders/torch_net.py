"""PyTorch: any row, eager (NCHW), eager in channels_last, or through torch.compile (channels_last; inference with frozen weights)."""

from protocol import serve, threads, variant

import torch

import work
from torch_models import Net, parameter_count

torch.set_num_threads(threads())
torch.set_num_interop_threads(1)
torch.manual_seed(0)

layout = torch.contiguous_format if variant() == "eager" else torch.channels_last
model = Net(work.NODES).train(work.TRAIN).to(memory_format=layout)
parameters = parameter_count(model)
if variant() == "compile":
    # Frozen weights may be packed for oneDNN, and batch normalization folded into them.
    torch._inductor.config.freezing = not work.TRAIN
forward = torch.compile(model) if variant() == "compile" else model

pixels, classes = work.batches()
images = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout) for x in pixels]
labels = [torch.from_numpy(y) for y in classes]


def training():
    loss_of = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=work.LEARNING_RATE, momentum=work.MOMENTUM, weight_decay=work.WEIGHT_DECAY, fused=True
    )

    def step(i):
        b = i % work.BATCHES
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward(images[b]), labels[b])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference(i):
    # Compiled code is frozen under no_grad only.
    with torch.no_grad() if variant() == "compile" else torch.inference_mode():
        return forward(images[i % work.BATCHES])[0, 0].item()


serve(training() if work.TRAIN else inference, {"version": torch.__version__, "parameters": parameters})
