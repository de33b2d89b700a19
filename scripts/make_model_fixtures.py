"""Makes test/fixtures/torch/models.json: logits and training steps of whole networks, as PyTorch computes them.

    python scripts/make_model_fixtures.py            write the file
    python scripts/make_model_fixtures.py --check    write nothing; exit 1 if the committed file is not what this run makes

The oracle is torchvision for its own networks and timm for those with squeeze-and-excitation; the others are defined at
the end of this file, from their papers. No weights are stored: both sides fill them from the generator described in
scripts/README.md (`fill` below is its counterpart of `fillModel` in test/models/fill.ts). Everything is computed in
float64 from numbers that are exact in float32.
"""

import argparse
import hashlib
import json
import math
import re
import sys
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

# torchvision's compiled detection operators are not needed here; without this a build of them for another torch, or none,
# keeps its models from being imported.
_register_fake = torch.library.register_fake
torch.library.register_fake = lambda *_, **__: lambda function: function
import timm  # noqa: E402
import torchvision  # noqa: E402
from torchvision.models.googlenet import Inception, InceptionAux  # noqa: E402
from torchvision.models.resnet import Bottleneck  # noqa: E402

torch.library.register_fake = _register_fake

FILE = Path(__file__).resolve().parent.parent / 'test' / 'fixtures' / 'torch' / 'models.json'
MAX_BYTES = 200_000
BLOCK = 1 << 20

# ---------------------------------------------------------------- numbers


def _jumps():
    """Factors and terms with which x[n] = factor[n] * x[0] + term[n] mod 2^32, for n = 1 … BLOCK."""
    factor = numpy.cumprod(numpy.full(BLOCK, 1664525, numpy.uint32), dtype=numpy.uint32)
    before = numpy.concatenate([numpy.ones(1, numpy.uint32), factor[:-1]])
    term = numpy.cumsum(before, dtype=numpy.uint32) * numpy.uint32(1013904223)
    return factor, term


FACTOR, TERM = _jumps()


def lcg(shape, seed, scale, offset=0.0):
    """`lcgTensor` of test/support/fixtures.ts plus `offset`, rounded to float32."""
    count = math.prod(shape)
    values = numpy.empty(count, numpy.float32)
    x = numpy.uint32(seed)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        block = FACTOR[:size] * x + TERM[:size]
        values[start : start + size] = (block / 2**32 - 0.5) * scale + offset
        x = block[-1]
    return torch.from_numpy(values).reshape(shape)


def fill(model, seed, damped):
    """Fills parameters and buffers in the order of the state; tensor i has the seed `seed + i`."""
    for index, (name, value) in enumerate(state(model)):
        at = seed + index
        if name.endswith('running_mean'):
            data = lcg(value.shape, at, 0.4)
        elif name.endswith('running_var'):
            data = lcg(value.shape, at, 1, 1)
        elif value.dim() >= 2:
            data = lcg(value.shape, at, math.sqrt(24 / math.prod(value.shape[1:])))
        elif name.endswith('bias'):
            data = lcg(value.shape, at, 0.4)
        else:
            # γ: the last of a residual block is small, so that a hundred blocks do not blow up.
            data = lcg(value.shape, at, 0.5, 1) * (0.25 if damped and re.search(damped, name) else 1)
        with torch.no_grad():
            value.copy_(data)


def state(model):
    """Names and tensors of the state without the counters of batch norm."""
    return [(name, value) for name, value in model.state_dict().items() if not name.endswith('num_batches_tracked')]


def digest(model):
    """A hash of all names and shapes, in order."""
    text = ''.join(f'{name} {"x".join(map(str, value.shape))}\n' for name, value in state(model))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rounded(values, digits=8):
    return [float(f'{v:.{digits}g}') for v in values]


def spread(count, samples):
    """Indices from the first to the last, evenly."""
    if count <= samples:
        return list(range(count))
    return [round(i * (count - 1) / (samples - 1)) for i in range(samples)]


# ---------------------------------------------------------------- cases


def logits_case(name, make, size=224, channels=3, damped=None, **attributes):
    print(name, file=sys.stderr)
    model = make().eval()
    fill(model, 1000, damped)
    model.double()
    x = lcg([1, channels, size, size], 7, 4).double()
    with torch.no_grad():
        output = model(x)[0]
    at = spread(len(output), 16)
    return {
        'model': name,
        **attributes,
        'state': {'tensors': len(state(model)), 'digest': digest(model)},
        'parameters': sum(p.numel() for p in model.parameters()),
        'input': {'shape': [1, channels, size, size], 'seed': 7, 'scale': 4},
        'seed': 1000,
        **({'damped': damped} if damped else {}),
        'argmax': int(output.argmax()),
        'norm': float(f'{output.norm().item():.8g}'),
        'indices': at,
        'logits': rounded(output[at].tolist()),
    }


def pixels(shape):
    """Bytes of images, as numbers from -1 to 1: mean and deviation 0.5 of pixels from 0 to 1."""
    values = torch.clamp(torch.floor(lcg(shape, 7, 256).double() + 128), max=255)
    return (values / 255 - 0.5) / 0.5


def training_case(name, make, size, batch=2, damped=None, auxiliary=False, lr=0.01, steps=1, tolerance=5e-3):
    print(name, 'training', file=sys.stderr)
    model = make().train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0
    fill(model, 1000, damped)
    model.double()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    # Networks with auxiliary classifiers are trained from bytes, through the whole of `trainingProgram`.
    x = pixels([batch, 3, size, size]) if auxiliary else lcg([batch, 3, size, size], 7, 4).double()
    labels = torch.arange(batch) * 3 + 1
    losses = []
    before = {key: value.clone() for key, value in state(model)}
    for _ in range(steps):
        optimizer.zero_grad()
        output = model(x)
        loss = F.cross_entropy(output.logits if auxiliary else output, labels)
        total = loss
        if auxiliary:
            total = loss + 0.3 * (F.cross_entropy(output.aux_logits1, labels) + F.cross_entropy(output.aux_logits2, labels))
        total.backward()
        optimizer.step()
        losses.append(float(f'{loss.item():.8g}'))
    after = {}
    for key, value in state(model):
        flat = value.flatten()
        at = spread(len(flat), 3)
        change = (value - before[key]).norm().item() / math.sqrt(len(flat))
        after[key] = [float(f'{change:.4g}'), *rounded(flat[at].tolist())]
    return {
        'model': name,
        'input': {'shape': [batch, 3, size, size], 'seed': 7, 'scale': 256 if auxiliary else 4},
        **({'auxiliary': True} if auxiliary else {}),
        'labels': labels.tolist(),
        'seed': 1000,
        **({'damped': damped} if damped else {}),
        'optimizer': {'lr': lr, 'momentum': 0.9, 'weightDecay': 1e-4},
        'tolerance': tolerance,
        'losses': losses,
        'after': after,
    }


BLOCK2 = r'layer\d\.\d+\.bn2\.weight$'
BLOCK3 = r'layer\d\.\d+\.bn3\.weight$'
MOBILE = r'conv\.[23]\.weight$'

tv = torchvision.models


def timm_model(name):
    return lambda: timm.create_model(name)


def all_logits():
    for n in (20, 32, 44, 56, 110):
        yield logits_case(f'resnet{n}-cifar', lambda: CifarResNet(n, 'A'), 32, damped=BLOCK2)
        yield logits_case(f'resnet{n}-cifar-b', lambda: CifarResNet(n, 'B'), 32, damped=BLOCK2)
    for n in (20, 32, 44, 56):
        yield logits_case(f'plain{n}-cifar', lambda: CifarResNet(n, None), 32)
    yield logits_case('lenet5-1998', LeNet5, 28, 1)
    yield logits_case('alexnet', tv.alexnet)
    yield logits_case('alexnet-2012', AlexNet2012, 227)
    yield logits_case('zfnet', ZFNet)
    for n in (11, 13, 16, 19):
        yield logits_case(f'vgg{n}', getattr(tv, f'vgg{n}'))
        yield logits_case(f'vgg{n}-bn', getattr(tv, f'vgg{n}_bn'))
    yield logits_case('vgg-a-lrn', lambda: with_lrn(tv.vgg11()))
    yield logits_case('vgg16-1x1', vgg_c)
    yield logits_case('googlenet', lambda: tv.googlenet(init_weights=False))
    yield logits_case('googlenet-2014', googlenet_2014)
    for n in (18, 34, 50, 101, 152):
        damped = BLOCK2 if n < 50 else BLOCK3
        yield logits_case(f'resnet{n}', getattr(tv, f'resnet{n}'), damped=damped)
        if n >= 50:
            yield logits_case(f'resnet{n}-v1', lambda: with_v1_strides(getattr(tv, f'resnet{n}')()), damped=damped)
        yield logits_case(f'se-resnet{n}', timm_model(f'legacy_seresnet{n}'), damped=damped)
    yield logits_case('senet154', timm_model('legacy_senet154'), damped=BLOCK3)
    yield logits_case('squeezenet1-0', tv.squeezenet1_0)
    yield logits_case('squeezenet1-1', tv.squeezenet1_1)
    yield logits_case('mobilenet-v2', tv.mobilenet_v2, damped=MOBILE)


def all_training():
    yield training_case('resnet18', tv.resnet18, 64, damped=BLOCK2, steps=2)
    yield training_case('vgg11-bn', tv.vgg11_bn, 64, lr=0.001)
    yield training_case('resnet20-cifar', lambda: CifarResNet(20, 'A'), 32, damped=BLOCK2, steps=2)
    # Batch norm over few values between kinks: with other images PyTorch's own float32 departs by up to 7 % here.
    yield training_case('googlenet', lambda: tv.googlenet(init_weights=False), 96, auxiliary=True, tolerance=5e-2)
    # The size at which the paper's 5×5 pool makes 4×4.
    yield training_case('googlenet-2014', googlenet_2014, 224, auxiliary=True, lr=0.001)
    # Fifty layers of batch norm over small batches between kinks at 0 and 6: float32 itself departs by 2 % here, PyTorch's too.
    yield training_case('mobilenet-v2', tv.mobilenet_v2, 128, batch=4, damped=MOBILE, tolerance=5e-2)


# ---------------------------------------------------------------- networks that neither torchvision nor timm has


class CifarResNet(nn.Module):
    """He et al. 2015, section 4.2, with the names of akamaster/pytorch_resnet_cifar10."""

    def __init__(self, depth, option):
        super().__init__()
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for stage, (inputs, outputs, stride) in enumerate([(16, 16, 1), (16, 32, 2), (32, 64, 2)]):
            blocks = [CifarBlock(inputs, outputs, stride, option)]
            blocks += [CifarBlock(outputs, outputs, 1, option) for _ in range(n - 1)]
            setattr(self, f'layer{stage + 1}', nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class CifarBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, option):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.option, self.stride, self.extra = option, stride, outputs - inputs
        self.shortcut = nn.Sequential()
        if option == 'B' and (stride != 1 or self.extra):
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.option == 'A':
            spaced = x[:, :, :: self.stride, :: self.stride]
            y = y + F.pad(spaced, (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        if self.option == 'B':
            y = y + self.shortcut(x)
        return F.relu(y)


class LeNet5(nn.Module):
    """LeCun et al. 1998; C3 is the full convolution with zeros where Table I has no connection."""

    TABLE = ['012', '123', '234', '345', '045', '015', '0123', '1234', '2345', '0345', '0145', '0125', '0134', '1245', '0235']

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)
        self.s2 = Subsampling(6)
        # Groups of maps that see three, four and six maps.
        parts = [nn.Conv2d(18, 6, 5, groups=6), nn.Conv2d(36, 9, 5, groups=9), nn.Conv2d(6, 1, 5)]
        self.c3 = nn.ModuleDict({'parts': nn.ModuleList(parts)})
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = Centers(10, 84)

    def forward(self, x):
        x = squash(self.s2(squash(self.c1(x))))
        weight = x.new_zeros(16, 6, 5, 5)
        bias = torch.cat([part.bias for part in self.c3['parts']])
        kernels = [kernel for part in self.c3['parts'] for kernel in part.weight]
        for row, seen in enumerate([*self.TABLE, '012345']):
            weight[row, [int(c) for c in seen]] = kernels[row]
        x = squash(self.s4(squash(F.conv2d(x, weight, bias))))
        x = squash(self.f6(squash(self.c5(x)).flatten(1)))
        return -((x[:, None] - self.output.weight) ** 2).sum(2)


class Subsampling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return F.lp_pool2d(x, 1, 2) * self.weight[:, None, None] + self.bias[:, None, None]


class Centers(nn.Module):
    def __init__(self, classes, features):
        super().__init__()
        self.register_buffer('weight', torch.zeros(classes, features))


def squash(x):
    return 1.7159 * torch.tanh(x * 2 / 3)


def lrn():
    # PyTorch divides alpha by the size of the neighborhood; the paper does not.
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)


class FiveConvolutions(nn.Module):
    """AlexNet and ZFNet, by the names of Caffe's layers."""

    def __init__(self, convolutions, between):
        super().__init__()
        for index, convolution in enumerate(convolutions):
            setattr(self, f'conv{index + 1}', convolution)
        self.between = between
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, x):
        for index in range(5):
            x = F.relu(getattr(self, f'conv{index + 1}')(x))
            for step in self.between[index]:
                x = step(x)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x.flatten(1))))))


def AlexNet2012():
    pool = nn.MaxPool2d(3, 2)
    return FiveConvolutions(
        [
            nn.Conv2d(3, 96, 11, 4),
            nn.Conv2d(96, 256, 5, padding=2, groups=2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.Conv2d(384, 384, 3, padding=1, groups=2),
            nn.Conv2d(384, 256, 3, padding=1, groups=2),
        ],
        [[lrn(), pool], [lrn(), pool], [], [], [pool]],
    )


def ZFNet():
    pool = nn.MaxPool2d(3, 2, 1)
    return FiveConvolutions(
        [
            nn.Conv2d(3, 96, 7, 2, 1),
            nn.Conv2d(96, 256, 5, 2),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.Conv2d(384, 384, 3, padding=1),
            nn.Conv2d(384, 256, 3, padding=1),
        ],
        [[pool, lrn()], [pool, lrn()], [], [], [nn.MaxPool2d(3, 2)]],
    )


def with_lrn(vgg):
    """Configuration A-LRN: normalization after the first ReLU, which moves the later layers up by one."""
    layers = list(vgg.features)
    vgg.features = nn.Sequential(*layers[:2], lrn(), *layers[2:])
    return vgg


def vgg_c():
    """Configuration C: the third convolution of the last three stacks is 1×1."""
    vgg = tv.vgg16()
    for index, width in ((14, 256), (21, 512), (28, 512)):
        assert vgg.features[index].out_channels == width
        vgg.features[index] = nn.Conv2d(width, width, 1)
    return vgg


def with_v1_strides(resnet):
    """The stride in the first 1×1 convolution of a bottleneck, as in the paper."""
    for block in resnet.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return resnet


class PaperConv(nn.Module):
    def __init__(self, inputs, outputs, **geometry):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, **geometry)

    def forward(self, x):
        return F.relu(self.conv(x))


class PaperInception(Inception):
    def __init__(self, inputs, ones, reduce3, threes, reduce5, fives, pool):
        super().__init__(inputs, ones, reduce3, threes, reduce5, fives, pool, conv_block=PaperConv)
        self.branch3[1] = PaperConv(reduce5, fives, kernel_size=5, padding=2)


class PaperAux(InceptionAux):
    """An average over 5×5 at stride 3 where torchvision pools to 4×4 whatever the size."""

    def __init__(self, inputs, classes, **options):
        super().__init__(inputs, classes, conv_block=PaperConv, **options)

    def forward(self, x):
        x = self.conv(F.avg_pool2d(x, 5, 3)).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


def googlenet_2014():
    """Szegedy et al. 2014: 5×5 convolutions, biases for batch norm, local response normalization, 3×3 pools."""
    blocks = [PaperConv, PaperInception, PaperAux]
    model = tv.GoogLeNet(init_weights=False, blocks=blocks)
    model.maxpool1 = nn.Sequential(model.maxpool1, lrn())
    model.maxpool2 = nn.Sequential(lrn(), model.maxpool2)
    model.maxpool4 = nn.MaxPool2d(3, 2, ceil_mode=True)
    return model


# ---------------------------------------------------------------- the file


def contents():
    torch.set_num_threads(2)
    lines = lambda entries: ',\n'.join('    ' + json.dumps(entry, separators=(',', ':')) for entry in entries)
    versions = {'torch': torch.__version__.split('+')[0], 'torchvision': torchvision.__version__, 'timm': timm.__version__}
    head = ',\n'.join(f'  {json.dumps(key)}: {json.dumps(value)}' for key, value in versions.items())
    text = (
        '{\n  "generator": "scripts/make_model_fixtures.py",\n'
        f'{head},\n  "logits": [\n{lines(all_logits())}\n  ],\n  "training": [\n{lines(all_training())}\n  ]\n}}\n'
    )
    if len(text.encode()) > MAX_BYTES:
        raise SystemExit(f'{FILE.name} would have {len(text.encode())} bytes; at most {MAX_BYTES} are allowed')
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='write nothing; exit 1 if the committed file differs')
    check = parser.parse_args().check
    text = contents()
    if not check:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        raise SystemExit(f'{FILE} is not what this run makes')


if __name__ == '__main__':
    main()
