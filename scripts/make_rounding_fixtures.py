"""Makes the fixtures of rounding: how far PyTorch's float32 is from its own float64, in normalizations and in training.

    python scripts/make_rounding_fixtures.py     write test/fixtures/torch/rounding-{normalization,training}.json

Unlike the other fixtures these hold errors, which depend on the processor that PyTorch runs on (its vectors, fused or not): there is
no --check. All tensors come from the generator of `make_fixtures.py`, rounded to float32, so both sides start from the same numbers.
"""

import math
import random

import numpy
import torch
import torch.nn.functional as F

from make_fixtures import FOLDER, VERSIONS, lcg_values, number, text_of

VERSIONS = {**VERSIONS, 'generator': 'scripts/make_rounding_fixtures.py'}
RATIOS = [0, 10, 100, 1000]
# Numbers of deviation 1.
SCALE = math.sqrt(12)


def lcg(shape, seed, scale, shift=0.0):
    """`lcgTensor` of the tests plus a shift, rounded to float32: all steps of the generator at once, modulo 2^32."""
    count = math.prod(shape)
    powers = numpy.cumprod(numpy.full(count, 1664525, numpy.uint32), dtype=numpy.uint32)
    sums = numpy.cumsum(numpy.concatenate([[1], powers[:-1]]), dtype=numpy.uint32)
    x = powers * numpy.uint32(seed) + sums * numpy.uint32(1013904223)
    values = torch.tensor((x / 2**32 - 0.5) * scale)
    assert values[:3].tolist() == lcg_values(min(3, count), seed, scale)
    return (values + shift).float().double().reshape(shape)


# ---------------------------------------------------------------- normalizations

NORMALIZATIONS = [
    {'norm': 'batch', 'shape': [16, 32, 14, 14]},
    {'norm': 'batch', 'shape': [32, 8, 32, 32]},
    {'norm': 'batch', 'shape': [32, 256, 4, 4]},
    {'norm': 'batch', 'shape': [64, 100]},
    {'norm': 'layer', 'shape': [32, 100]},
    {'norm': 'layer', 'shape': [16, 8, 28, 28]},
    {'norm': 'group', 'shape': [8, 64, 14, 14], 'groups': 8},
    {'norm': 'instance', 'shape': [8, 32, 28, 28]},
    {'norm': 'batch', 'shape': [16, 32, 14, 14], 'kernel': 1},
    {'norm': 'batch', 'shape': [8, 32, 28, 28], 'kernel': 3},
    {'norm': 'batch', 'shape': [32, 6, 14, 14], 'kernel': 5},
]


def normalize(case, x, weight, bias):
    if case['norm'] == 'batch':
        return F.batch_norm(x, None, None, weight, bias, training=True)
    if case['norm'] == 'layer':
        return F.layer_norm(x, x.shape[1:], weight, bias)
    return F.group_norm(x, case.get('groups', x.shape[1]), weight, bias)


def values_and_gradients(case, tensors, dtype):
    x, weight, bias = (tensors[k].to(dtype).clone().requires_grad_() for k in ['x', 'weight', 'bias'])
    y = normalize(case, x, weight, bias)
    (y * tensors['upstream'].to(dtype)).sum().backward()
    return {'output': y.detach(), 'x': x.grad, 'weight': weight.grad, 'bias': bias.grad}


def between_convolutions(case, tensors, ratio):
    """What a normalization between two convolutions of float32 reads: the result of the first, and the gradient by way of the second."""
    _, channels, _, _ = case['shape']
    kernel = case['kernel']
    scale = SCALE / math.sqrt(channels * kernel**2)
    w1, w2 = (lcg([channels, channels, kernel, kernel], seed, scale).float() for seed in [5, 6])
    x = F.conv2d(tensors['x'].float(), w1, torch.full([channels], float(ratio)), padding=kernel // 2)
    z = normalize(case, x, tensors['weight'].float(), tensors['bias'].float()).detach().requires_grad_()
    (F.conv2d(z, w2, padding=kernel // 2) * tensors['upstream'].float()).sum().backward()
    return {**tensors, 'x': x.double(), 'upstream': z.grad.double()}


def rms(values):
    return values.square().mean().sqrt()


def error(actual, exact):
    """The root mean square of the errors and the largest, both next to the root mean square of the values."""
    errors = actual.double() - exact
    return {'rms': number(rms(errors) / rms(exact), 3), 'most': number(errors.abs().max() / rms(exact), 3)}


def normalizations():
    for case in NORMALIZATIONS:
        shape, kernel = case['shape'], case.get('kernel')
        parameters = shape[1:] if case['norm'] == 'layer' else [shape[1]]
        errors = {}
        for ratio in RATIOS:
            tensors = {
                'x': lcg(shape, 1, SCALE, 0 if kernel else ratio),
                'weight': lcg(parameters, 2, 1, 1),
                'bias': lcg(parameters, 3, 1),
                'upstream': lcg(shape, 4, SCALE),
            }
            if kernel:
                tensors = between_convolutions(case, tensors, ratio)
            actual, exact = (values_and_gradients(case, tensors, dtype) for dtype in [torch.float32, torch.float64])
            errors[str(ratio)] = {k: error(actual[k], exact[k]) for k in exact}
        yield {**case, 'errors': errors}


# ---------------------------------------------------------------- training


def network(seed):
    """A small network of convolutions, batch normalization (three in four), ReLU and max pooling, drawn at random."""
    rng = random.Random(seed)
    batch, channels, size = rng.choice([4, 8, 16]), rng.choice([1, 3]), rng.choice([10, 12, 16])
    layers, images = [], [batch, channels, size, size]
    normalized = rng.random() < 0.75
    for _ in range(rng.choice([1, 2, 3])):
        outputs, kernel = rng.choice([4, 6, 8, 12, 16]), rng.choice([1, 3, 3, 3, 5])
        layers.append({'op': 'conv2d', 'channels': channels, 'outputs': outputs, 'kernel': kernel})
        channels = outputs
        if normalized:
            layers.append({'op': 'batchNorm2d', 'channels': channels})
        layers.append({'op': 'relu'})
        if rng.random() < 0.7 and size >= 4:
            kernel = rng.choice([2, 2, 3])
            layers.append({'op': 'maxPool2d', 'kernel': kernel, 'stride': 2})
            size = (size - kernel) // 2 + 1
    layers.append({'op': 'linear', 'inputs': channels * size * size, 'outputs': 10})
    return {'seed': 1000 + seed, 'images': images, 'shift': rng.choice([0, 0, 1, 3]), 'layers': layers}


def starting_parameters(net):
    """Weights and biases in the order of the layers. Weights come from seeds that count up from 100 times the network's."""
    seed = net['seed'] * 100
    for layer in net['layers']:
        if layer['op'] == 'batchNorm2d':
            yield from (torch.ones(layer['channels']).double(), torch.zeros(layer['channels']).double())
        elif layer['op'] in ('conv2d', 'linear'):
            convolution = layer['op'] == 'conv2d'
            inputs = [layer['channels'], layer['kernel'], layer['kernel']] if convolution else [layer['inputs']]
            seed += 1
            yield lcg([layer['outputs'], *inputs], seed, SCALE * math.sqrt((2 if convolution else 1) / math.prod(inputs)))
            yield torch.zeros(layer['outputs']).double()


def forward(net, parameters, x):
    parameters = iter(parameters)
    for layer in net['layers']:
        if layer['op'] == 'conv2d':
            x = F.conv2d(x, next(parameters), next(parameters), padding=layer['kernel'] // 2)
        elif layer['op'] == 'batchNorm2d':
            x = F.batch_norm(x, None, None, next(parameters), next(parameters), training=True)
        elif layer['op'] == 'relu':
            x = F.relu(x)
        elif layer['op'] == 'maxPool2d':
            x = F.max_pool2d(x, layer['kernel'], layer['stride'])
        else:
            x = F.linear(x.flatten(1), next(parameters), next(parameters))
    return x


def train(net, dtype):
    """The parameters after 20 steps on four batches in turn."""
    parameters = [p.to(dtype).clone().requires_grad_() for p in starting_parameters(net)]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    batches = [lcg(net['images'], net['seed'] * 7 + k, SCALE, net['shift']).to(dtype) for k in range(4)]
    labels = torch.tensor([(3 * i + 1) % 10 for i in range(net['images'][0])])
    for step in range(20):
        optimizer.zero_grad()
        F.cross_entropy(forward(net, parameters, batches[step % 4]), labels).backward()
        optimizer.step()
    return [p.detach().double() for p in parameters]


def some(parameters):
    """Up to 16 numbers of each parameter, evenly spaced."""
    return [p.flatten()[[i * p.numel() // min(16, p.numel()) for i in range(min(16, p.numel()))]] for p in parameters]


def trainings():
    for seed in range(40, 74):
        net = network(seed)
        exact, actual = (torch.cat(some(train(net, dtype))) for dtype in [torch.float64, torch.float32])
        distance = (actual - exact).norm() / exact.norm()
        yield {**net, 'after': [number(v, 10) for v in exact], 'distance': number(distance, 3)}


def main():
    torch.set_num_threads(1)
    for name, cases in [('normalization', normalizations()), ('training', trainings())]:
        text = text_of({**VERSIONS, 'cases': list(cases)})
        (FOLDER / f'rounding-{name}.json').write_text(text, encoding='utf-8')
        print(f'rounding-{name}.json {len(text):,} bytes')


if __name__ == '__main__':
    main()
