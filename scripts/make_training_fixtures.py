"""Makes test/fixtures/torch/models-training.json: two steps of SGD of every network of the catalog, as PyTorch computes them.

    python scripts/make_training_fixtures.py              write the file
    python scripts/make_training_fixtures.py resnet18 …   compute these cases anew, keep the others
    python scripts/make_training_fixtures.py --check …    write nothing; exit 1 if a stored case departs from what this run makes

The networks, their numbers and their oracles are those of make_model_fixtures.py, at full input size with a batch of four;
the file's format is described in scripts/README.md. What is stored comes from float64. How far float32 may depart from it
is not guessed but measured: PyTorch takes the same steps in float32, too, four times with different rounding, and the
largest departure is stored with the case. It is not smooth: either no unit lands on the other side of its kink, or one does.
"""

import argparse
import base64
import gc
import json
import math
import re
import sys
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

import make_model_fixtures as networks
from make_model_fixtures import BLOCK2, BLOCK3, MOBILE, CifarResNet, digest, fill, lcg, state, timm_model, tv

FILE = networks.FILE.with_name('models-training.json')
MAX_BYTES = 300_000
STEPS = 2
BATCH = 4
# Seeds of the signs, far from those of the weights.
SIGNS = 500_000
# Largest relative rounding error of STEPS updates stored in float32: half a unit in the last place each.
ROUNDING = STEPS * 2.0**-24
# Weights of the last layers, which are made small: logits of tens would leave the softmax nothing but zeros and ones.
HEAD = r'^(fc|linear|last_linear|fc3|fc8|aux\d\.fc2)\.weight$'
VGG_HEAD = r'^classifier\.6\.weight$'
OTHER_HEAD = r'^classifier\.1\.weight$'
# Ways to round differently: without oneDNN, whose kernels sum in another order, and with images moved in the last bit.
ROUNDINGS = [(True, 0), (False, 0), (True, 2.0**-23), (True, -(2.0**-23))]

# ---------------------------------------------------------------- steps


class Steps:
    """Losses before each step, and the change of every tensor of the state over all steps."""

    def __init__(self, case, dtype, onednn=True, nudge=0):
        model = case.network(dtype).train()
        optimizer = torch.optim.SGD(model.parameters(), **case.optimizer)
        x, labels = (case.images() * (1 + nudge)).to(dtype), torch.tensor(case.labels)
        self.losses = []
        with torch.backends.mkldnn.flags(enabled=onednn):
            for _ in range(STEPS):
                optimizer.zero_grad()
                loss = case.loss(model(x), labels)
                loss.backward()
                optimizer.step()
                self.losses.append(loss.item())
        # Gradients and velocities of VGG take as much memory as the rest.
        optimizer.zero_grad()
        del optimizer, loss
        with torch.no_grad():
            # The values after the steps are wanted for their rounding only.
            self.sizes = [value.double().norm().item() for _, value in state(model)]
            before = case.network(torch.float32)
            self.changes = [value - old for (_, value), (_, old) in zip(state(model), state(before))]


class Case:
    def __init__(self, model, make, size=224, channels=3, classes=1000, lr=1e-3, damped=None, lift=0, head=HEAD, auxiliary=False, seed=7):
        self.model, self.make, self.auxiliary = model, make, auxiliary
        self.shape = [BATCH, channels, size, size]
        self.labels = [(3 * i + 1) % classes for i in range(BATCH)]
        self.optimizer = {'lr': lr, 'momentum': 0.9, 'weight_decay': 5e-4}
        self.damped, self.lift, self.head, self.seed = damped, lift, head, seed

    def network(self, dtype):
        model = self.make()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0
            elif hasattr(module, 'drop_rate'):  # timm's networks drop without a layer for it
                module.drop_rate = 0
        fill(model, 1000, self.damped)
        with torch.no_grad():
            for name, value in state(model):
                if name.endswith('bias'):
                    value += self.lift
                if re.search(self.head, name):
                    value /= 8
        return model.to(dtype)

    def images(self):
        return lcg(self.shape, self.seed, 4)

    def loss(self, output, labels):
        if not self.auxiliary:
            return F.cross_entropy(output, labels)
        first, second = (F.cross_entropy(logits, labels) for logits in (output.aux_logits1, output.aux_logits2))
        return F.cross_entropy(output.logits, labels) + 0.3 * (first + second)

    def compute(self):
        print(self.model, file=sys.stderr, flush=True)
        model = self.make()
        names, hashed = [name for name, _ in state(model)], digest(model)
        del model
        exact = Steps(self, torch.float64)
        departures = [self.departure(names, exact, *run) for run in ROUNDINGS]
        losses, worst, median = zip(*departures)
        table = numpy.array([summary(change, index) for index, change in enumerate(exact.changes)], '<f4')
        lr, momentum, decay = self.optimizer.values()
        return {
            'model': self.model,
            'input': {'shape': self.shape, 'seed': self.seed, 'scale': 4},
            'labels': self.labels,
            'seed': 1000,
            **({'damped': self.damped} if self.damped else {}),
            **({'lift': self.lift} if self.lift else {}),
            'head': self.head,
            'optimizer': {'lr': lr, 'momentum': momentum, 'weightDecay': decay},
            'state': {'tensors': len(names), 'digest': hashed},
            'losses': networks.rounded(exact.losses),
            'float32': {
                'losses': networks.rounded(map(max, zip(*losses)), 2),
                'worst': networks.rounded([max(worst)], 2)[0],
                'median': networks.rounded([max(median)], 2)[0],
            },
            'changes': base64.b64encode(table.tobytes()).decode(),
        }

    def departure(self, names, exact, onednn, nudge):
        """How far PyTorch's float32 is from float64: relative errors of the losses, worst and median of the tensors' changes."""
        gc.collect()
        single = Steps(self, torch.float32, onednn, nudge)
        losses = [abs(a - b) / abs(b) for a, b in zip(single.losses, exact.losses)]
        errors = []
        for name, change, other, size in zip(names, exact.changes, single.changes, exact.sizes):
            norm = change.norm().item()
            if norm > 0:
                errors.append((max(0, (other - change).norm().item() - ROUNDING * size) / norm, name))
        errors.sort()
        (worst, where), (median, _) = errors[-1], errors[len(errors) // 2]
        print(f'  {exact.losses} ± {losses}; changes ± {median:.1e}, {worst:.1e} ({where})', file=sys.stderr, flush=True)
        return losses, worst, median


def summary(change, index):
    """Root mean square, signed sum over √n, and the entries at a third and two thirds."""
    flat = change.flatten()
    n = len(flat)
    signs = torch.where(lcg([n], SIGNS + index, 1) >= 0, 1.0, -1.0).to(flat.dtype)
    return [flat.norm().item() / math.sqrt(n), (flat @ signs).item() / math.sqrt(n), flat[n // 3].item(), flat[2 * n // 3].item()]


# ---------------------------------------------------------------- cases

# Biases around 1 put five of six units of a normalized layer above the kink of its ReLU. Around 0, where half of them are,
# rounding grows from layer to layer until float32 has no digit left in the deepest networks, PyTorch's neither. Fifty
# layers without shortcuts need more.
NORMALIZED = {'lift': 1}
WITHOUT_SHORTCUTS = {'lift': 1.5}
# Deep, and the last layers not normalized: after a larger step the loss is a fifth of what it was, and the second gradient another one.
DEEP = {'lr': 1e-4, 'head': VGG_HEAD}


def all_cases():
    yield Case('lenet5', lenet5, 28, 1, 10)
    yield Case('lenet5-1998', networks.LeNet5, 28, 1, 10, head='^$')
    yield Case('alexnet', tv.alexnet, head=VGG_HEAD)
    yield Case('alexnet-2012', networks.AlexNet2012, 227)
    yield Case('zfnet', networks.ZFNet)
    for n in (11, 13, 16, 19):
        yield Case(f'vgg{n}', getattr(tv, f'vgg{n}'), **DEEP)
        yield Case(f'vgg{n}-bn', getattr(tv, f'vgg{n}_bn'), **DEEP, **NORMALIZED)
    yield Case('vgg-a-lrn', lambda: networks.with_lrn(tv.vgg11()), **DEEP)
    yield Case('vgg16-1x1', networks.vgg_c, **DEEP)
    yield Case('googlenet', lambda: tv.googlenet(init_weights=False), auxiliary=True, **NORMALIZED)
    yield Case('googlenet-2014', networks.googlenet_2014, auxiliary=True)
    for n in (18, 34, 50, 101, 152):
        options = {'damped': BLOCK2 if n < 50 else BLOCK3, **NORMALIZED}
        make = getattr(tv, f'resnet{n}')
        yield Case(f'resnet{n}', make, **options)
        if n >= 50:
            yield Case(f'resnet{n}-v1', lambda make=make: networks.with_v1_strides(make()), **options)
        # With other images, one of the 64 units that gate a block of SE-ResNet-101 is 3e-7 from its kink: no test of float32.
        yield Case(f'se-resnet{n}', timm_model(f'legacy_seresnet{n}'), seed=8 if n == 101 else 7, **options)
    yield Case('senet154', timm_model('legacy_senet154'), damped=BLOCK3, **NORMALIZED)
    for n in (20, 32, 44, 56, 110):
        yield Case(f'resnet{n}-cifar', partial(CifarResNet, n, 'A'), 32, 3, 10, damped=BLOCK2, **NORMALIZED)
        yield Case(f'resnet{n}-cifar-b', partial(CifarResNet, n, 'B'), 32, 3, 10, damped=BLOCK2, **NORMALIZED)
    for n in (20, 32, 44, 56):
        yield Case(f'plain{n}-cifar', partial(CifarResNet, n, None), 32, 3, 10, **WITHOUT_SHORTCUTS)
    yield Case('squeezenet1-0', tv.squeezenet1_0, head=OTHER_HEAD)
    yield Case('squeezenet1-1', tv.squeezenet1_1, head=OTHER_HEAD)
    yield Case('mobilenet-v2', tv.mobilenet_v2, damped=MOBILE, head=OTHER_HEAD, **NORMALIZED)


def lenet5():
    """The form with ReLU and max pooling."""
    layers = [
        ('conv1', nn.Conv2d(1, 6, 5, padding=2)),
        ('relu1', nn.ReLU()),
        ('pool1', nn.MaxPool2d(2)),
        ('conv2', nn.Conv2d(6, 16, 5)),
        ('relu2', nn.ReLU()),
        ('pool2', nn.MaxPool2d(2)),
        ('flatten', nn.Flatten()),
        ('fc1', nn.Linear(400, 120)),
        ('relu3', nn.ReLU()),
        ('fc2', nn.Linear(120, 84)),
        ('relu4', nn.ReLU()),
        ('fc3', nn.Linear(84, 10)),
    ]
    return nn.Sequential(OrderedDict(layers))


# ---------------------------------------------------------------- the file


def stored_cases():
    """Entries of the file by model."""
    if not FILE.exists():
        return {}
    return {entry['model']: entry for entry in json.loads(FILE.read_text())['cases']}


def write(entries, cases):
    """Writes the entries there are, in the order of the cases."""
    versions = {'torch': torch.__version__.split('+')[0], 'torchvision': networks.torchvision.__version__}
    versions['timm'] = networks.timm.__version__
    head = ',\n'.join(f'  {json.dumps(key)}: {json.dumps(value)}' for key, value in versions.items())
    lines = ',\n'.join('    ' + json.dumps(entry, separators=(',', ':')) for case in cases if (entry := entries.get(case.model)))
    text = f'{{\n  "generator": "scripts/make_training_fixtures.py",\n{head},\n  "cases": [\n{lines}\n  ]\n}}\n'
    if len(text.encode()) > MAX_BYTES:
        raise SystemExit(f'{FILE.name} would have {len(text.encode())} bytes; at most {MAX_BYTES} are allowed')
    FILE.write_text(text)


def departs(stored, made):
    """Whether two entries differ by more than another machine's summation order does in float64."""
    loose = ('losses', 'changes', 'float32')
    if {**stored, **dict.fromkeys(loose)} != {**made, **dict.fromkeys(loose)}:
        return True
    old, new = (numpy.frombuffer(base64.b64decode(entry['changes']), '<f4').reshape(-1, 4) for entry in (stored, made))
    close = numpy.abs(old - new) <= 1e-5 * old[:, :1]
    return not (numpy.allclose(stored['losses'], made['losses'], rtol=1e-6) and close.all())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('models', nargs='*', help='only these; all by default')
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 if a stored case departs from this run')
    options = parser.parse_args()
    torch.set_num_threads(2)
    cases = list(all_cases())
    unknown = set(options.models) - {case.model for case in cases}
    if unknown:
        raise SystemExit(f'there is no case {", ".join(sorted(unknown))}')
    entries = stored_cases()
    for case in cases:
        if options.models and case.model not in options.models:
            continue
        entry = case.compute()
        if not options.check:
            entries[case.model] = entry
            write(entries, cases)
        elif case.model not in entries or departs(entries[case.model], entry):
            raise SystemExit(f'{case.model} in {FILE} is not what this run makes')


if __name__ == '__main__':
    main()
