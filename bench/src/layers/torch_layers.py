"""PyTorch in the layer sweep: eager convolutions and gradients, channels_last, contiguous, and with weights packed ahead.

The counterpart of protocol.ts: one JSON request a line on stdin, one JSON answer a line on stdout. Operands are written right
before each call, as the layer before would; that is not counted.
"""

import json
import os
import statistics
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
started = time.perf_counter()

import torch  # noqa: E402  (its import belongs to the start-up)

torch.set_num_threads(int(os.environ.get("FOVEA_BENCH_THREADS", "1")))
torch.set_num_interop_threads(1)
torch.manual_seed(0)


def answer(message):
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def timed(write, call):
    write()
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e3


def repeat(sample, ms, least):
    """Samples for some milliseconds, and at least so many."""
    times = []
    end = time.perf_counter() + ms / 1e3
    while len(times) < least or time.perf_counter() < end:
        times.append(sample())
    return times


def variants_of(task):
    """A function that measures one convolution, by variant, and the shape of the result."""
    batch, kernel, groups = task["batch"], task["kernel"], task["groups"]
    stride, pad, dilation = [task["stride"]] * 2, [task["pad"]] * 2, [1, 1]
    x = torch.randn(batch, *task["input"])
    g = torch.randn(batch, *task["output"])
    w = torch.randn(task["output"][0], task["input"][0] // groups, kernel, kernel)
    found = {}
    for name, layout in {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}.items():
        found[name] = _variant(task["pass"], (x, g, w), layout, (stride, pad, dilation, groups))
    if task["pass"] == "forward":
        found["channels_last, packed"] = _packed(x, w, (stride, pad, dilation, groups))
    return found, list({"forward": g, "inputGradient": x, "weightGradient": w}[task["pass"]].shape)


def _variant(task, operands, layout, geometry):
    x, g, w = (operand.contiguous(memory_format=layout) for operand in operands)
    source_x, source_g = x.clone(), g.clone()
    stride, pad, dilation, groups = geometry
    if task == "forward":

        def call():
            return torch.nn.functional.conv2d(x, w, None, stride, pad, dilation, groups)

        assert call().shape == g.shape
        return lambda: timed(lambda: x.copy_(source_x), call)
    mask = [task == "inputGradient", task == "weightGradient", False]

    def gradient():
        return torch.ops.aten.convolution_backward(
            g, x, w, None, stride, pad, dilation, False, [0, 0], groups, mask
        )

    def write():
        if mask[1]:
            x.copy_(source_x)
        g.copy_(source_g)

    assert [result is not None for result in gradient()] == mask
    return lambda: timed(write, gradient)


def _packed(x, w, geometry):
    """With weights in oneDNN's own order, as torch.compile packs frozen ones."""
    stride, pad, dilation, groups = geometry
    x = x.contiguous(memory_format=torch.channels_last)
    source = x.clone()
    packed = torch._C._nn.mkldnn_reorder_conv2d_weight(w.to_mkldnn(), pad, stride, dilation, groups, list(x.shape))
    convolve = torch.ops.mkldnn._convolution_pointwise
    return lambda: timed(
        lambda: x.copy_(source),
        lambda: convolve(x, packed, None, pad, stride, dilation, groups, "none", [], ""),
    )


def empty():
    """Microseconds of a convolution of one number."""
    x, w = torch.randn(1, 1, 1, 1), torch.randn(1, 1, 1, 1)
    times = [timed(lambda: None, lambda: torch.nn.functional.conv2d(x, w)) for _ in range(2000)]
    return statistics.median(times[1000:]) * 1e3


def serve():
    variants = {}
    for line in sys.stdin:
        request = json.loads(line)
        command = request["cmd"]
        try:
            if command == "quit":
                answer({"bye": True})
                return
            if command == "empty":
                answer({"microseconds": empty()})
            elif command == "layer":
                variants.clear()
                found, result = variants_of(request["task"])
                for sample in found.values():
                    repeat(sample, request["warmUpMs"] / 4, 2)
                variants.update(found)
                answer({"result": result})
            else:
                ms = {name: statistics.median(repeat(sample, request["turnMs"], 1)) for name, sample in variants.items()}
                answer({"ms": ms})
        except Exception as error:  # One layer that fails is no reason to end.
            answer({"error": f"{type(error).__name__}: {error}"})


answer({"ready": True, "startupMs": (time.perf_counter() - started) * 1e3, "loss": 0, "version": torch.__version__})
with torch.inference_mode():
    serve()
