"""Makes the PyTorch fixtures of the layers and losses: values, gradients of inputs and parameters, buffers after a step.

    python scripts/make_layer_fixtures.py            write test/fixtures/torch/layers-*.json
    python scripts/make_layer_fixtures.py --check    write nothing; exit 1 if a committed file is not what this run makes

As `make_fixtures.py`, whose numbers and format these files share: PyTorch computes in float64, inputs are exact in float32,
results have 9 significant digits. A case of a layer also has `training`, `variables` (parameters and buffers by PyTorch's
names), and `after`, the buffers after the forward pass of a training step.
"""

import argparse
import sys

import torch
import torch.nn.functional as F
from torch import nn

from make_fixtures import FOLDER, MAX_FILE_BYTES, VERSIONS, distinct, exact, grid, rng_of, tensor, text_of

VERSIONS = {**VERSIONS, 'generator': 'scripts/make_layer_fixtures.py'}


def layer(name, op, attrs, module, x, training=True):
    """One case: y = module(x), gradients of L = sum(y * upstream) to x and to every parameter, buffers afterwards."""
    module = module.double()
    module.train(training)
    rng = rng_of(f'{op} {name} variables')
    with torch.no_grad():
        for key, value in module.state_dict(keep_vars=True).items():
            if key.endswith('num_batches_tracked'):
                value.fill_(3)
            elif key.endswith('running_var'):
                value.copy_(grid(rng, value.shape, 0.5, 2.0))
            else:
                value.copy_(grid(rng, value.shape, -1.5, 1.5, 1 / 8))
    buffers = {k for k, _ in module.named_buffers()}
    state = {k: v.detach().clone() for k, v in module.state_dict().items()}
    x = x.clone().requires_grad_()
    y = module(x)
    upstream = grid(rng_of(f'upstream of {op} {name}'), y.shape)
    (y * upstream).sum().backward()
    result = {'name': f'{op}: {name}', 'op': op, 'attrs': attrs, 'training': training, 'inputs': {'x': tensor(x)}}
    # Counts are stored as plain numbers; everything else as PyTorch has it.
    result['variables'] = {k: tensor(v.double()) for k, v in state.items()}
    result['output'] = tensor(y, 9)
    result['upstream'] = tensor(upstream)
    result['gradients'] = {'x': tensor(x.grad, 9), **{k: tensor(v.grad, 9) for k, v in module.named_parameters()}}
    if training and buffers:
        result['after'] = {k: tensor(v.double(), 9) for k, v in module.named_buffers()}
    return result


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


# ---------------------------------------------------------------- normalization


def normalization():
    for training in (True, False):
        mode = 'training' if training else 'evaluation'
        for op, make, shape in [
            ('batchNorm2d', nn.BatchNorm2d, [4, 3, 3, 2]),
            ('batchNorm1d', nn.BatchNorm1d, [5, 3]),
            ('batchNorm1d', nn.BatchNorm1d, [3, 3, 4]),
        ]:
            x = grid(rng_of(f'{op} {shape}'), shape)
            yield layer(f'{shape}, {mode}', op, {'channels': 3}, make(3), x, training)
            options = {'eps': 1e-3, 'momentum': 0.25}
            module = make(3, eps=1e-3, momentum=0.25)
            yield layer(f'{shape}, eps 1e-3, momentum 0.25, {mode}', op, {'channels': 3, **options}, module, x, training)
        x = grid(rng_of('batchNorm2d variants'), [2, 2, 3, 3])
        module = nn.BatchNorm2d(2, momentum=None)
        yield layer(f'cumulative, {mode}', 'batchNorm2d', {'channels': 2, 'momentum': 'cumulative'}, module, x, training)
        module = nn.BatchNorm2d(2, affine=False)
        yield layer(f'not affine, {mode}', 'batchNorm2d', {'channels': 2, 'affine': False}, module, x, training)
        module = nn.BatchNorm2d(2, track_running_stats=False)
        attrs = {'channels': 2, 'trackRunningStats': False}
        yield layer(f'without running statistics, {mode}', 'batchNorm2d', attrs, module, x, training)
    x = grid(rng_of('layerNorm'), [2, 3, 4])
    yield layer('last axis', 'layerNorm', {'shape': [4]}, nn.LayerNorm(4), x)
    yield layer('last two axes, eps 0.01', 'layerNorm', {'shape': [3, 4], 'eps': 0.01}, nn.LayerNorm([3, 4], eps=0.01), x)
    yield layer('not affine', 'layerNorm', {'shape': [4], 'affine': False}, nn.LayerNorm(4, elementwise_affine=False), x)
    x = grid(rng_of('groupNorm'), [2, 6, 3, 2])
    for groups in (1, 2, 3, 6):
        yield layer(f'{groups} groups of 6 channels', 'groupNorm', {'groups': groups, 'channels': 6}, nn.GroupNorm(groups, 6), x)
    for affine in (False, True):
        module = nn.InstanceNorm2d(6, affine=affine)
        yield layer(f'affine {affine}', 'instanceNorm2d', {'channels': 6, 'affine': affine}, module, x)
        yield layer(f'affine {affine}', 'instanceNorm1d', {'channels': 6, 'affine': affine},
                    nn.InstanceNorm1d(6, affine=affine), grid(rng_of('instanceNorm1d'), [2, 6, 5]))
    x = grid(rng_of('localResponseNorm'), [2, 7, 3, 2])
    for size, alpha, beta, k in [(5, 0.5, 0.75, 1.0), (4, 0.25, 0.5, 2.0), (3, 1.0, 1.0, 1.5), (9, 1.0, 0.75, 1.0), (2, 0.5, 1.25, 1.0), (6, 0.5, 0.6, 1.0)]:
        attrs = {'size': size, 'alpha': alpha, 'beta': beta, 'k': k}
        yield layer(f'size {size}', 'localResponseNorm', attrs, nn.LocalResponseNorm(size, alpha, beta, k), x)


# ---------------------------------------------------------------- activations


def activations():
    values = [-30.0, -7.5, -4.0, -2.9375, -1.5, -0.375, -0.0625, 0.0625, 0.5, 1.75, 2.9375, 4.5, 5.9375, 7.5, 30.0]
    for op, module in [
        ('selu', nn.SELU()),
        ('relu6', nn.ReLU6()),
        ('hardSigmoid', nn.Hardsigmoid()),
        ('hardSwish', nn.Hardswish()),
    ]:
        yield layer('over its range', op, {}, module, exact(values))
    for approximate in ('none', 'tanh'):
        module = nn.GELU(approximate=approximate)
        yield layer(f'approximate {approximate}', 'gelu', {'approximate': approximate}, module, exact(values))
    x = grid(rng_of('prelu'), [2, 3, 2, 2]) + 1 / 32
    yield layer('one slope', 'prelu', {'count': 1}, nn.PReLU(), x)
    yield layer('a slope per channel', 'prelu', {'count': 3}, nn.PReLU(3), x)
    yield layer('last axis', 'softmax', {'axis': -1}, nn.Softmax(-1), x)
    yield layer('channels', 'softmax', {'axis': 1}, nn.Softmax(1), x)
    y = distinct(rng_of('maxout'), [2, 6, 2, 2])
    maxout = Function(lambda x: x.reshape(2, 2, 3, 2, 2).max(2).values)
    yield layer('3 pieces of 6 channels', 'maxout', {'pieces': 3}, maxout, y)
    # Of equal maxima the first one has the gradient.
    tied = grid(rng_of('maxout ties'), [2, 6, 2, 2], -1, 1, 1)
    yield layer('3 pieces of 6 channels, ties', 'maxout', {'pieces': 3}, maxout, tied)
    pairs = Function(lambda x: x.reshape(5, 4, 2).max(2).values)
    yield layer('2 pieces of 8 features, ties', 'maxout', {'pieces': 2}, pairs, grid(rng_of('maxout pairs'), [5, 8], -1, 1, 1))


# ---------------------------------------------------------------- pooling


def pooling():
    x = distinct(rng_of('pooling'), [1, 2, 7, 8])
    for kernel, stride, padding in [(3, 2, 0), (2, 3, 1), (3, 3, 0), (3, 2, 1), (2, 2, 0), (5, 4, 2)]:
        attrs = {'kernel': kernel, 'stride': stride, 'padding': padding}
        name = f'kernel {kernel}, stride {stride}, padding {padding}, ceil mode'
        yield layer(name, 'maxPool2d', attrs, nn.MaxPool2d(kernel, stride, padding, ceil_mode=True), x)
        for include in (True, False):
            module = nn.AvgPool2d(kernel, stride, padding, ceil_mode=True, count_include_pad=include)
            yield layer(f'{name}, count_include_pad {include}', 'averagePool2d', {**attrs, 'countPadding': include}, module, x)
    for size in [(3, 3), (7, 4), (5, 6), (1, 1), (1, 3), (9, 10), (7, 8)]:
        for op, make in [('adaptiveAveragePool2d', nn.AdaptiveAvgPool2d), ('adaptiveMaxPool2d', nn.AdaptiveMaxPool2d)]:
            yield layer(f'7x8 to {size[0]}x{size[1]}', op, {'outputSize': list(size)}, make(size), x)
    tied = grid(rng_of('ties'), [2, 3, 7, 8], -1, 1, 1)
    for size in [(1, 1), (7, 4), (3, 3), (1, 3)]:
        yield layer(f'7x8 to {size[0]}x{size[1]}, ties', 'adaptiveMaxPool2d', {'outputSize': list(size)},
                    nn.AdaptiveMaxPool2d(size), tied)
    for kernel, stride in [(2, 2), (3, 1), (3, 2)]:
        yield layer(f'kernel {kernel}, stride {stride}', 'l2Pool2d', {'kernel': kernel, 'stride': stride},
                    nn.LPPool2d(2, kernel, stride), x)
    for kernel, size, samples in [(2, (5, 5), (0.25, 0.75)), (3, (4, 5), (0.0, 0.9375)), (2, (4, 6), (0.5, 0.125))]:
        # One pair of samples for all images and channels. PyTorch takes the column's first, then the row's.
        given = torch.tensor(samples[::-1], dtype=torch.float64).expand(1, 2, 2).contiguous()
        module = Function(lambda x: F.fractional_max_pool2d(x, kernel, output_size=size, _random_samples=given))
        attrs = {'kernel': kernel, 'outputSize': list(size), 'samples': list(samples)}
        yield layer(f'kernel {kernel}, 7x8 to {size[0]}x{size[1]}', 'fractionalMaxPool2d', attrs, module, x)
    s = distinct(rng_of('pooling of series'), [2, 2, 9])
    yield layer('kernel 3, stride 2, padding 1', 'maxPool1d', {'kernel': 3, 'stride': 2, 'padding': 1}, nn.MaxPool1d(3, 2, 1), s)
    yield layer('kernel 2', 'averagePool1d', {'kernel': 2, 'stride': 2, 'padding': 0}, nn.AvgPool1d(2), s)
    for kernel, stride, padding, dilation in [(3, 2, 1, 2), (2, 3, 1, 1), (4, 3, 2, 1)]:
        attrs = {'kernel': kernel, 'stride': stride, 'padding': padding, 'dilation': dilation, 'ceilMode': True}
        module = nn.MaxPool1d(kernel, stride, padding, dilation, ceil_mode=True)
        yield layer(f'kernel {kernel}, stride {stride}, dilation {dilation}, ceil mode', 'maxPool1d', attrs, module, s)
        for include in (True, False):
            attrs = {'kernel': kernel, 'stride': stride, 'padding': padding, 'countPadding': include, 'ceilMode': True}
            module = nn.AvgPool1d(kernel, stride, padding, ceil_mode=True, count_include_pad=include)
            name = f'kernel {kernel}, stride {stride}, padding {padding}, ceil mode, count_include_pad {include}'
            yield layer(name, 'averagePool1d', attrs, module, s)
    for size in (1, 3, 4, 9, 12):
        for op, make in [('adaptiveAveragePool1d', nn.AdaptiveAvgPool1d), ('adaptiveMaxPool1d', nn.AdaptiveMaxPool1d)]:
            yield layer(f'9 to {size}', op, {'outputSize': size}, make(size), s)
    yield layer('kernel 3, stride 2', 'l2Pool1d', {'kernel': 3, 'stride': 2}, nn.LPPool1d(2, 3, 2), s)


# ---------------------------------------------------------------- convolutions


def convolution():
    for name, shape, channels, kernel, options in [
        ('plain', [2, 3, 4, 5], (3, 2), 3, {}),
        ('stride 2, padding 1, output padding 1', [2, 2, 3, 4], (2, 3), 3, {'stride': 2, 'padding': 1, 'output_padding': 1}),
        ('4x4, stride 2, padding 1', [1, 2, 4, 3], (2, 2), 4, {'stride': 2, 'padding': 1}),
        ('groups 2', [2, 4, 3, 3], (4, 6), 3, {'groups': 2, 'stride': 2}),
        ('dilation 2', [1, 2, 3, 4], (2, 2), 3, {'dilation': 2, 'padding': 1}),
        # Output padding at or above the stride: PyTorch allows it below the dilation.
        ('dilation 2, output padding 1', [1, 2, 4, 4], (2, 3), 3, {'dilation': 2, 'output_padding': 1}),
        ('dilation 3, padding 1, output padding 2', [2, 2, 3, 4], (2, 3), 2, {'dilation': 3, 'padding': 1, 'output_padding': 2}),
        ('stride 2, dilation 4, padding 1, output padding 3, groups 2', [1, 4, 3, 3], (4, 2), 3,
         {'stride': 2, 'dilation': 4, 'padding': 1, 'output_padding': 3, 'groups': 2}),
        ('stride 2, padding 2, output padding 1', [1, 2, 3, 4], (2, 2), 4, {'stride': 2, 'padding': 2, 'output_padding': 1}),
        ('without bias', [1, 2, 3, 3], (2, 2), 2, {'stride': 3, 'bias': False}),
    ]:
        x = grid(rng_of(f'convTranspose2d {name}'), shape, step=1 / 8)
        names = {'output_padding': 'outputPadding'}
        attrs = {'channels': list(channels), 'kernel': kernel, **{names.get(k, k): v for k, v in options.items()}}
        yield layer(name, 'convTranspose2d', attrs, nn.ConvTranspose2d(*channels, kernel, **options), x)
    for name, shape, channels, kernel, options in [
        ('plain', [2, 3, 5], (3, 2), 3, {}),
        ('stride 2, padding 1, output padding 1', [2, 2, 4], (2, 3), 3, {'stride': 2, 'padding': 1, 'output_padding': 1}),
        ('groups 2, dilation 2, without bias', [2, 4, 4], (4, 6), 3, {'groups': 2, 'dilation': 2, 'bias': False}),
    ]:
        x = grid(rng_of(f'convTranspose1d {name}'), shape, step=1 / 8)
        attrs = {'channels': list(channels), 'kernel': kernel, **{names.get(k, k): v for k, v in options.items()}}
        yield layer(name, 'convTranspose1d', attrs, nn.ConvTranspose1d(*channels, kernel, **options), x)
    for name, options in [
        ('plain', {}),
        ('stride 2, padding 2', {'stride': 2, 'padding': 2}),
        ('same', {'padding': 'same'}),
        ('same, dilation 3', {'padding': 'same', 'dilation': 3}),
        ('groups 2, without bias', {'groups': 2, 'bias': False}),
    ]:
        x = grid(rng_of(f'conv1d {name}'), [2, 2, 11], step=1 / 8)
        yield layer(name, 'conv1d', {'channels': [2, 4], 'kernel': 4, **options}, nn.Conv1d(2, 4, 4, **options), x)
    for kernel, dilation in [((3, 3), (1, 1)), ((2, 4), (1, 1)), ((3, 2), (2, 3))]:
        x = grid(rng_of(f'same {kernel} {dilation}'), [1, 2, 5, 6], step=1 / 8)
        attrs = {'channels': [2, 3], 'kernel': list(kernel), 'dilation': list(dilation), 'padding': 'same'}
        module = nn.Conv2d(2, 3, kernel, padding='same', dilation=dilation)
        yield layer(f'same, kernel {kernel}, dilation {dilation}', 'conv2d', attrs, module, x)


# ---------------------------------------------------------------- bends


def around(*bends):
    """The bends of a function, their float32 neighbors, and values on both sides."""
    at = torch.tensor(bends, dtype=torch.float32)
    beside = [torch.nextafter(at, torch.full_like(at, side)) for side in (-torch.inf, torch.inf)]
    return torch.cat([at, *beside, at - 0.5, at + 0.5]).double()


def bends():
    """Slopes exactly where a function bends, or has equal maxima: what a subgradient leaves open is PyTorch's choice."""
    signs = exact([-1.0, -0.0, 0.0, 1.0])
    for op, attrs, function, at in [
        ('relu', {}, torch.relu, [0.0]),
        ('abs', {}, torch.abs, [0.0]),
        ('leakyRelu', {'alpha': 0.125}, lambda x: F.leaky_relu(x, 0.125), [0.0]),
        ('elu', {'alpha': 0.5}, lambda x: F.elu(x, 0.5), [0.0]),
        ('selu', {}, torch.selu, [0.0]),
        ('clamp', {}, lambda x: x.clamp(-1, 1.5), [-1.0, 1.5]),
        ('hardTanh', {}, lambda x: F.hardtanh(x, -1, 1.5), [-1.0, 1.5]),
        ('relu6', {}, F.relu6, [0.0, 6.0]),
        ('hardSigmoid', {}, F.hardsigmoid, [-3.0, 3.0]),
        ('hardSwish', {}, F.hardswish, [-3.0, 3.0]),
        ('floor', {}, torch.floor, [-1.0, 0.0, 2.0]),
    ]:
        yield layer('at its bends', op, attrs, Function(function), around(*at))
    yield layer('at 0', 'abs', {}, Function(torch.abs), signs)
    for count in (1, 2):
        yield layer(f'{count} slopes at 0', 'prelu', {'count': count}, nn.PReLU(count), signs.expand(2, 4).reshape(2, 2, 2))
    pairs = grid(rng_of('ties of pairs'), [2, 12], -1, 1, 1)
    for op, function in [('maximum', torch.maximum), ('minimum', torch.minimum)]:
        yield layer('ties', op, {}, Function(lambda x: function(x[0], x[1])), pairs)
        yield layer('ties with a number', op, {}, Function(lambda x: function(x, torch.zeros_like(x))), pairs[0])
    tied = grid(rng_of('ties of volumes'), [2, 3, 5, 6], -1, 1, 1)
    for axes in ([1], [2, 3], [0, 2, 3], [3], [0]):
        yield layer(f'ties over axes {axes}', 'max', {'axes': axes}, Function(lambda x: x.amax(axes)), tied)
        yield layer(f'ties over axes {axes}', 'min', {'axes': axes}, Function(lambda x: x.amin(axes)), tied)
    for kernel, stride, padding in [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0)]:
        attrs = {'kernel': kernel, 'stride': stride, 'padding': padding}
        module = nn.MaxPool2d(kernel, stride, padding, ceil_mode=True)
        yield layer(f'ties, kernel {kernel}, stride {stride}, padding {padding}', 'maxPool2d', attrs, module, tied)
        yield layer(f'ties after ReLU, kernel {kernel}, stride {stride}, padding {padding}', 'reluMaxPool2d', attrs,
                    nn.Sequential(nn.ReLU(), module), tied)
    yield layer('ties', 'maxPool1d', {'kernel': 3, 'stride': 1, 'padding': 1}, nn.MaxPool1d(3, 1, 1), tied[0])
    yield layer('ties', 'adaptiveMaxPool2d', {'outputSize': [2, 3]}, nn.AdaptiveMaxPool2d((2, 3)), tied)
    yield layer('ties, global', 'adaptiveMaxPool2d', {'outputSize': [1, 1]}, nn.AdaptiveMaxPool2d(1), tied)
    yield layer('ties', 'maxout', {'pieces': 3}, Function(lambda x: x.reshape(2, 1, 3, 5, 6).max(2).values), tied)
    given = torch.tensor([[[0.5, 0.25]]], dtype=torch.float64).expand(1, 3, 2).contiguous()
    fractional = Function(lambda x: F.fractional_max_pool2d(x, 2, output_size=(3, 4), _random_samples=given))
    yield layer('ties', 'fractionalMaxPool2d', {'kernel': 2, 'outputSize': [3, 4], 'samples': [0.25, 0.5]}, fractional, tied[:1])
    sparse = tied * (grid(rng_of('empty windows'), tied.shape, 0, 1, 1))
    yield layer('windows of zeros', 'l2Pool2d', {'kernel': 2, 'stride': 1}, nn.LPPool2d(2, 2, 1), sparse)
    scores = exact([[2.0, 1.0, 3.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 1.0]])
    labels = torch.tensor([0, 2, 1])
    for p in (1, 2):
        yield loss_case(f'margins met exactly, power {p}', 'multiclassHinge', {'squared': p == 2, 'margin': 1, 'divideByClasses': True},
                        scores, labels, lambda o, t: F.multi_margin_loss(o, t, p=p))
    targets = exact([[0.0, 1.0, 0.5], [0.0, 1.0, 0.25], [1.0, 0.0, 0.0]])
    logits = exact([[0.0, 0.0, 0.0], [-0.0, -0.0, -0.0], [1e-30, -1e-30, 100.0]])
    yield loss_case('at 0', 'binaryCrossEntropyWithLogits', {}, logits, targets, F.binary_cross_entropy_with_logits)
    for value in (0.0, 1.0, 2.0**-24, 1 - 2.0**-24, 2.0**-45):
        yield loss_case(f'at {value}', 'binaryCrossEntropy', {}, torch.full_like(targets, value), targets, F.binary_cross_entropy)


# ---------------------------------------------------------------- losses


def loss_case(name, op, attrs, outputs, targets, compute):
    outputs = outputs.clone().requires_grad_()
    value = compute(outputs, targets)
    value.backward()
    inputs = {'outputs': tensor(outputs), 'targets': tensor(targets)}
    return {'name': f'{op}: {name}', 'op': op, 'attrs': attrs, 'inputs': inputs,
            'output': tensor(value, 9), 'gradients': {'outputs': tensor(outputs.grad, 9)}}


def losses():
    s = grid(rng_of('loss scores'), [5, 4], -3, 3) + 1 / 64
    labels = torch.tensor([2, 0, 3, 1, 1])
    soft = torch.tensor([[8, 4, 2, 2], [16, 0, 0, 0], [1, 3, 5, 7], [0, 0, 10, 6], [4, 4, 4, 4]], dtype=torch.float64) / 16
    for smoothing in (0, 0.125, 1):
        attrs = {'labelSmoothing': smoothing}
        compute = lambda o, t: F.cross_entropy(o, t, label_smoothing=smoothing)
        yield loss_case(f'classes, smoothing {smoothing}', 'crossEntropy', attrs, s, labels, compute)
        yield loss_case(f'soft targets, smoothing {smoothing}', 'crossEntropy', attrs, s, soft, compute)
    for margin, p in [(1, 1), (0.5, 1), (1, 2)]:
        attrs = {'margin': margin, 'squared': p == 2, 'divideByClasses': True}
        compute = lambda o, t: F.multi_margin_loss(o, t, p=p, margin=margin)
        yield loss_case(f'margin {margin}, power {p}', 'multiclassHinge', attrs, s, labels, compute)
    yield loss_case('mean of all', 'squaredError', {'scale': 'mean'}, s, soft, F.mse_loss)
    yield loss_case('mean of all, classes', 'squaredError', {'scale': 'mean'}, s, labels,
                    lambda o, t: F.mse_loss(o, F.one_hot(t, 4).double()))
    yield loss_case('half the sum of a sample', 'squaredError', {'scale': 'half'}, s, soft,
                    lambda o, t: ((o - t) ** 2).sum() / 2 / 5)
    z = torch.cat([s, exact([[-80.0, 80.0, -20.0, 20.0]])])
    t = torch.cat([soft, exact([[1.0, 0.0, 0.0, 1.0]])])
    yield loss_case('soft targets', 'binaryCrossEntropyWithLogits', {}, z, t, F.binary_cross_entropy_with_logits)
    p = exact([[0.125, 0.5, 0.9375, 0.25], [0.0625, 0.75, 0.03125, 0.5]])
    yield loss_case('soft targets', 'binaryCrossEntropy', {}, p, soft[:2], F.binary_cross_entropy)


# ---------------------------------------------------------------- files


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='compare with the committed files instead of writing them')
    check = parser.parse_args().check
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    differing = []
    for maker in (normalization, activations, pooling, convolution, bends, losses):
        name = f'layers-{maker.__name__}.json'
        cases = list(maker())
        names = [c['name'] for c in cases]
        assert len(names) == len(set(names)), f'{name}: two cases of one name'
        text = text_of({**VERSIONS, 'cases': cases})
        size = len(text.encode())
        if size > MAX_FILE_BYTES:
            sys.exit(f'too large: {name}: {size}')
        path = FOLDER / name
        if not check:
            path.write_text(text, encoding='utf-8')
        elif not path.exists() or path.read_text(encoding='utf-8') != text:
            differing.append(name)
        print(f'{name:28} {len(cases):4} cases {size:8,} bytes')
    if differing:
        sys.exit(f'differ from the committed files: {", ".join(differing)}')


if __name__ == '__main__':
    main()
