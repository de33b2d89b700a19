"""PyTorch as one process of a group, or alone: DistributedDataParallel over gloo. Prints the median milliseconds of a step as JSON.

Arguments: the rank, the number of processes, the address of the first, and seconds.
"""

import json
import statistics
import sys
import time

import torch
import torch.distributed as dist

import work
from torch_models import Net

WARM_UP = 3
FEWEST = 5

rank, size, address, seconds = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
torch.set_num_threads(1)
torch.set_num_interop_threads(1)
torch.manual_seed(0)
model = Net(work.NODES).train()
if size > 1:
    dist.init_process_group("gloo", init_method=f"tcp://{address}:29511", rank=rank, world_size=size)
    model = torch.nn.parallel.DistributedDataParallel(model)
loss_of = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(
    model.parameters(), lr=work.LEARNING_RATE, momentum=work.MOMENTUM, weight_decay=work.WEIGHT_DECAY, fused=True
)
pixels, classes = work.batches()
images = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous() for x in pixels]
labels = [torch.from_numpy(y) for y in classes]


def step(i):
    began = time.perf_counter()
    b = i % work.BATCHES
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(model(images[b]), labels[b])
    loss.backward()
    optimizer.step()
    loss.item()
    return 1000 * (time.perf_counter() - began)


for i in range(WARM_UP):
    last = step(i)
# All must take as many steps.
count = torch.tensor([max(FEWEST, int(1000 * seconds / last))])
if size > 1:
    dist.broadcast(count, 0)
times = [step(i) for i in range(int(count))]
if rank == 0:
    print(json.dumps({"version": torch.__version__, "step": statistics.median(times)}))
if size > 1:
    dist.destroy_process_group()
