"""Makes the PyTorch fixtures of the tests: values and gradients of every op, loss, optimizer, and of LeNet-5.

    python scripts/make_fixtures.py            write test/fixtures/torch/*.json
    python scripts/make_fixtures.py --check    write nothing; exit 1 if a committed file is not what this run makes

Everything is computed by PyTorch in float64 on one thread. Inputs are exactly representable in float32 and stored
exactly, so an engine that computes in float32 starts from the same numbers; results are rounded to 9 significant
digits, which identify a float32. See scripts/README.md for the format.
"""

import argparse
import itertools
import json
import math
import platform
import random
import sys
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

FOLDER = Path(__file__).resolve().parent.parent / 'test' / 'fixtures' / 'torch'
MAX_FILE_BYTES = 150_000
MAX_TOTAL_BYTES = 1_000_000
VERSIONS = {
    'generator': 'scripts/make_fixtures.py',
    'torch': torch.__version__.split('+')[0],
    'python': platform.python_version(),
    'numpy': numpy.__version__,
}

# ---------------------------------------------------------------- numbers in, numbers out


def grid(rng, shape, low=-2.0, high=2.0, step=1 / 16):
    """Random multiples of `step`: sums of their products are exact in float32 too, whatever the order of summation."""
    count = int(round((high - low) / step)) + 1
    values = [low + int(rng.random() * count) * step for _ in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def distinct(rng, shape, step=1 / 16):
    """Random multiples of `step`, centered on zero, no two alike: a maximum is never tied."""
    count = math.prod(shape)
    values = [(i - count // 2) * step for i in range(count)]
    rng.shuffle(values)
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def exact(values):
    """The given numbers, each moved to the nearest float32."""
    return torch.tensor(values, dtype=torch.float32).double()


def number(value, digits=None):
    """A JSON number: `digits` significant digits, or all of them; integers without a point."""
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f'a fixture cannot hold {value}')
    if digits is not None:
        value = float(f'{value:.{digits}g}')
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def tensor(t, digits=None):
    t = t.detach()
    if t.dtype in (torch.int32, torch.int64):
        return {'shape': list(t.shape), 'dtype': 'i32', 'data': t.flatten().tolist()}
    assert t.dtype == torch.float64, t.dtype
    return {'shape': list(t.shape), 'data': [number(v, digits) for v in t.flatten().tolist()]}


def rng_of(name):
    """A generator seeded by the name, so that adding a case changes no other."""
    return random.Random(f'fovea {name}')


def case(name, op, attrs, inputs, compute):
    """One case: y = compute(*inputs), and the gradient of L = sum(y * upstream) to every float input."""
    inputs = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
    output = compute(*inputs.values())
    output, extra = output if isinstance(output, tuple) else (output, {})
    result = {'name': f'{op}: {name}', 'op': op, 'attrs': attrs, 'inputs': {k: tensor(v) for k, v in inputs.items()}}
    result['output'] = tensor(output, 9)
    result.update({k: tensor(v) for k, v in extra.items()})
    if output.requires_grad:
        upstream = grid(rng_of(f'upstream of {op} {name}'), output.shape)
        (output * upstream).sum().backward()
        result['upstream'] = tensor(upstream)
        result['gradients'] = {k: tensor(v.grad, 9) for k, v in inputs.items() if v.requires_grad}
    return result


# ---------------------------------------------------------------- element-wise

LINE = [-4.0, -2.5, -1.0, -0.375, -0.0625, 0.0, 0.0625, 0.5, 1.0, 1.75, 3.0, 5.0]
SATURATING = [-20.0, -12.0, -8.0, -3.0, -1.0, -0.25, 0.0, 0.125, 1.0, 4.0, 9.0, 20.0]
POSITIVE = [1e-30, 1e-12, 1e-5, 0.03125, 0.5, 0.96875, 1.0, 1.0625, 2.0, 10.0, 1e6, 1e30]

UNARY = [
    # op, attributes, function, range that stresses it
    ('neg', {}, torch.neg, LINE),
    ('abs', {}, torch.abs, LINE),
    ('relu', {}, torch.relu, LINE),
    ('exp', {}, torch.exp, [-80.0, -30.0, -10.0, -2.0, -1.0, -0.0625, 0.0, 0.5, 1.0, 10.0, 40.0, 80.0]),
    ('log', {}, torch.log, POSITIVE),
    ('sqrt', {}, torch.sqrt, POSITIVE),
    ('tanh', {}, torch.tanh, SATURATING),
    ('sigmoid', {}, torch.sigmoid, SATURATING),
    ('silu', {}, F.silu, SATURATING),
    ('erf', {}, torch.erf, [-6.0, -3.875, -2.5, -1.0, -0.25, -0.0625, 0.0, 0.125, 0.875, 1.5, 3.0, 5.5]),
    ('gelu', {}, F.gelu, [-20.0, -4.0, -2.5, -1.0, -0.75, -0.0625, 0.0, 0.125, 0.875, 1.5, 5.5, 20.0]),
    ('softplus', {'beta': 1, 'threshold': 20}, F.softplus, SATURATING + [25.0, 60.0, -60.0, 15.0]),
    ('elu', {'alpha': 1}, F.elu, SATURATING),
    ('leaky_relu', {'negativeSlope': 0.01}, lambda x: F.leaky_relu(x, 0.01), LINE + [-1000.0, 1000.0]),
    ('pow', {'exponent': 2}, lambda x: x**2, LINE + [-300.0, 300.0]),
    ('clamp', {'min': -1, 'max': 1.5}, lambda x: x.clamp(-1, 1.5), LINE),
]

BINARY = [
    ('add', torch.add),
    ('sub', torch.sub),
    ('mul', torch.mul),
    ('div', torch.div),
    ('maximum', torch.maximum),
    ('minimum', torch.minimum),
    ('where', lambda x, y: torch.where(x > y, x, y)),
]

BROADCASTS = [
    ('same shape', [2, 3, 4], [2, 3, 4]),
    ('[2, 3, 4] with [4]', [2, 3, 4], [4]),
    ('[3, 1] with [1, 4]', [3, 1], [1, 4]),
    ('[2, 1, 3] with [4, 1]', [2, 1, 3], [4, 1]),
    ('tensor with scalar', [2, 3], []),
    ('scalar with tensor', [], [2, 3]),
    ('per channel, [2, 3, 2, 2] with [3, 1, 1]', [2, 3, 2, 2], [3, 1, 1]),
]


def elementwise():
    for op, attrs, fn, values in UNARY:
        yield case('over its range', op, attrs, {'x': exact(values)}, fn)
        if op not in ('log', 'sqrt'):
            yield case('[2, 3, 4]', op, attrs, {'x': grid(rng_of(op), [2, 3, 4], step=1 / 64)}, fn)
    for op, fn in BINARY:
        attrs = {'condition': 'x > y'} if op == 'where' else {}
        for name, x_shape, y_shape in BROADCASTS:
            rng = rng_of(f'{op} {name}')
            # Multiples of 1/16 against odd multiples of 1/32: never equal (so no tie) and never a division by zero.
            x, y = grid(rng, x_shape), grid(rng, y_shape) + 1 / 32
            yield case(name, op, attrs, {'x': x, 'y': y}, fn)
    for op in ('maximum', 'minimum', 'where'):
        # PyTorch halves the gradient of a tied maximum or minimum; `where` gives all of it to the chosen side.
        attrs = {'condition': 'x > y'} if op == 'where' else {'ties': True}
        x, y = exact([1.0, -2.0, 0.0, 3.0, -1.5, 0.25]), exact([1.0, -3.0, 0.0, 4.0, -1.5, 0.25])
        yield case('ties', op, attrs, {'x': x, 'y': y}, dict(BINARY)[op])
    large = {'x': exact([1e6, -1e6, 1e-6, 3.0, 0.0, -7.0]), 'y': exact([1e-3, 1e4, -1e3, 7.0, -5.0, 3.0])}
    for op in ('add', 'sub', 'mul', 'div'):
        yield case('large and small magnitudes', op, {}, large, dict(BINARY)[op])


# ---------------------------------------------------------------- matrix product


def matmul():
    for m, k, n in [(1, 1, 1), (7, 5, 3), (8, 16, 12), (13, 9, 17)]:
        for ta, tb in itertools.product([False, True], repeat=2):
            name = f'[{m}, {k}] x [{k}, {n}]' + (', a transposed' if ta else '') + (', b transposed' if tb else '')
            rng = rng_of(f'matmul {name}')
            inputs = {'a': grid(rng, [k, m] if ta else [m, k]), 'b': grid(rng, [n, k] if tb else [k, n])}
            attrs = {'transposeA': ta, 'transposeB': tb}
            yield case(name, 'matmul', attrs, inputs, lambda a, b: (a.T if ta else a) @ (b.T if tb else b))


# ---------------------------------------------------------------- convolution


def pair(value):
    return list(value) if isinstance(value, tuple) else [value, value]


def sides(padding):
    """Padding as the fixtures write it, from a number, (vertical, horizontal), or (top, bottom, left, right)."""
    if not isinstance(padding, tuple):
        padding = (padding,) * 4
    elif len(padding) == 2:
        padding = (padding[0], padding[0], padding[1], padding[1])
    return dict(zip(('top', 'bottom', 'left', 'right'), padding))


CONVOLUTIONS = [
    # name, x, w [out, in / groups, kh, kw], options
    ('1x1', [2, 3, 4, 5], [4, 3, 1, 1], {}),
    ('1x1, stride 2', [1, 3, 5, 6], [2, 3, 1, 1], {'stride': 2}),
    ('1x1, padding 1', [1, 2, 3, 3], [2, 2, 1, 1], {'padding': 1}),
    ('3x3', [1, 2, 6, 7], [3, 2, 3, 3], {}),
    ('3x3, padding 1', [2, 2, 5, 5], [3, 2, 3, 3], {'padding': 1}),
    ('3x3, padding 2 (full)', [1, 2, 4, 5], [2, 2, 3, 3], {'padding': 2}),
    ('3x3, stride 2', [1, 2, 7, 9], [3, 2, 3, 3], {'stride': 2}),
    ('3x3, stride 2, padding 1', [3, 2, 6, 6], [2, 2, 3, 3], {'stride': 2, 'padding': 1}),
    ('3x3, stride 3 on 7x7 does not divide', [1, 2, 7, 7], [2, 2, 3, 3], {'stride': 3}),
    ('3x3, stride 3, padding 2 does not divide', [1, 2, 7, 6], [2, 2, 3, 3], {'stride': 3, 'padding': 2}),
    ('3x3, stride (2, 1)', [1, 2, 7, 6], [3, 2, 3, 3], {'stride': (2, 1)}),
    ('3x3, stride (2, 1), padding (1, 2)', [2, 2, 5, 4], [2, 2, 3, 3], {'stride': (2, 1), 'padding': (1, 2)}),
    ('3x3, dilation 2', [1, 2, 7, 8], [2, 2, 3, 3], {'dilation': 2}),
    ('3x3, dilation 2, padding 2', [1, 2, 6, 5], [3, 2, 3, 3], {'dilation': 2, 'padding': 2}),
    ('3x3, dilation (1, 2), padding 1', [1, 2, 5, 6], [2, 2, 3, 3], {'dilation': (1, 2), 'padding': 1}),
    ('3x3, stride 2, dilation 2, padding 1', [1, 2, 8, 9], [2, 2, 3, 3], {'stride': 2, 'dilation': 2, 'padding': 1}),
    ('3x3, stride 2, dilation 2, groups 2', [1, 4, 8, 7], [4, 2, 3, 3], {'stride': 2, 'dilation': 2, 'groups': 2}),
    ('3x3, groups 2, padding 1', [1, 4, 5, 5], [6, 2, 3, 3], {'groups': 2, 'padding': 1}),
    ('1x1, groups 2', [2, 4, 3, 4], [6, 2, 1, 1], {'groups': 2}),
    ('3x3, depthwise, padding 1', [1, 4, 6, 5], [4, 1, 3, 3], {'groups': 4, 'padding': 1}),
    ('3x3, depthwise, multiplier 2, stride 2', [1, 3, 7, 7], [6, 1, 3, 3], {'groups': 3, 'stride': 2}),
    ('5x5', [1, 1, 8, 9], [2, 1, 5, 5], {}),
    ('5x5, padding 2', [2, 1, 7, 6], [3, 1, 5, 5], {'padding': 2}),
    ('5x5, stride 2, padding 2', [1, 3, 9, 8], [2, 3, 5, 5], {'stride': 2, 'padding': 2}),
    ('(3, 5)', [1, 2, 6, 8], [2, 2, 3, 5], {}),
    ('(3, 5), padding (1, 2)', [1, 2, 5, 6], [3, 2, 3, 5], {'padding': (1, 2)}),
    ('(3, 5), stride (2, 1), padding (1, 2)', [2, 1, 7, 6], [2, 1, 3, 5], {'stride': (2, 1), 'padding': (1, 2)}),
    ('3x3, stride 2, padding bottom 1, right 1', [1, 2, 6, 6], [2, 2, 3, 3], {'stride': 2, 'padding': (0, 1, 0, 1)}),
    ('3x3, padding top 2, bottom 0, left 1, right 3', [1, 2, 5, 4], [2, 2, 3, 3], {'padding': (2, 0, 1, 3)}),
    ('kernel as large as the input', [3, 2, 5, 5], [4, 2, 5, 5], {}),
    ('3x3, padding 1, batch 3', [3, 1, 4, 5], [3, 1, 3, 3], {'padding': 1}),
    ('3x3, batch 8', [8, 1, 5, 4], [4, 1, 3, 3], {}),
    ('3x3, stride 2, padding 1, batch 8', [8, 2, 4, 4], [3, 2, 3, 3], {'stride': 2, 'padding': 1}),
    ('3x3, padding 1, 9 channels to 5', [1, 9, 4, 4], [5, 9, 3, 3], {'padding': 1}),
]

LECTURE_IMAGE = [
    [1, 0, 0, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 1, 0, 0],
    [1, 0, 0, 0, 1, 0],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 0, 1, 0],
]
LECTURE_KERNEL_1 = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
LECTURE_KERNEL_2 = [[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]]
# Worked by hand from the two tables above.
LECTURE_MAP_1 = [[3, -1, -3, -1], [-3, 1, 0, -3], [-3, -3, 0, 1], [3, -2, -2, -1]]
LECTURE_MAP_2 = [[-1, -1, -1, -1], [-1, -1, -2, 1], [-1, -1, -2, 1], [-1, 0, -4, 3]]


def conv_case(name, x, w, stride=1, padding=0, dilation=1, groups=1):
    attrs = {'stride': pair(stride), 'padding': sides(padding), 'dilation': pair(dilation), 'groups': groups}
    p = attrs['padding']

    def compute(x, w):
        if p['top'] == p['bottom'] and p['left'] == p['right']:
            return F.conv2d(x, w, None, attrs['stride'], (p['top'], p['left']), attrs['dilation'], groups)
        padded = F.pad(x, (p['left'], p['right'], p['top'], p['bottom']))
        return F.conv2d(padded, w, None, attrs['stride'], 0, attrs['dilation'], groups)

    return case(name, 'conv2d', attrs, {'x': x, 'w': w}, compute)


def conv2d():
    for name, x_shape, w_shape, options in CONVOLUTIONS:
        rng = rng_of(f'conv2d {name}')
        yield conv_case(name, grid(rng, x_shape, step=1 / 8), grid(rng, w_shape, step=1 / 8), **options)
    x = torch.tensor(LECTURE_IMAGE, dtype=torch.float64).reshape(1, 1, 6, 6)
    w = torch.tensor([LECTURE_KERNEL_1, LECTURE_KERNEL_2], dtype=torch.float64).reshape(2, 1, 3, 3)
    maps = torch.tensor([LECTURE_MAP_1, LECTURE_MAP_2], dtype=torch.float64)
    for stride in (1, 2):
        result = conv_case(f"the lecture's 6x6 image and kernels 1 and 2, stride {stride}", x, w, stride)
        expected = maps[:, ::stride, ::stride].flatten().tolist()
        assert result['output']['data'] == expected, result['output']['data']
        yield result


# ---------------------------------------------------------------- pooling


def pool():
    geometries = [
        # x, kernel, stride, padding
        ([2, 2, 4, 6], 2, 2, 0),
        ([1, 2, 5, 4], 2, 1, 0),
        ([1, 2, 5, 7], 2, 2, 0),
        ([1, 1, 7, 8], 2, 3, 0),
        ([1, 2, 4, 5], 2, 2, 1),
        ([1, 2, 5, 6], 3, 1, 0),
        ([1, 1, 5, 4], 3, 1, 1),
        ([2, 2, 7, 7], 3, 2, 0),
        ([1, 2, 6, 7], 3, 2, 1),
        ([1, 2, 7, 8], 3, 3, 0),
        ([1, 2, 8, 7], 3, 3, 1),
        ([1, 2, 6, 7], (2, 3), (1, 2), (0, 1)),
        ([3, 2, 4, 4], 4, 4, 0),
    ]
    for x_shape, kernel, stride, padding in geometries:
        attrs = {'kernel': pair(kernel), 'stride': pair(stride), 'padding': sides(padding)}
        geometry = [attrs['kernel'], attrs['stride'], pair(padding)]
        name = f'{x_shape}, kernel {kernel}, stride {stride}, padding {padding}'

        def maximum(x):
            output, switches = F.max_pool2d(x, *geometry, return_indices=True)
            return output, {'switches': switches}

        x = distinct(rng_of(f'pool {name}'), x_shape)
        yield case(name, 'max_pool2d', attrs, {'x': x}, maximum)
        ties = grid(rng_of(f'ties {name}'), x_shape, -1, 1, 1)
        if kernel in (2, 3) and stride in (1, 2):
            yield case(f'{name}, with ties', 'max_pool2d', {**attrs, 'ties': True}, {'x': ties}, maximum)
        for include in (True, False) if padding else (True,):
            average = lambda x: F.avg_pool2d(x, *geometry, count_include_pad=include)
            attrs_avg = {**attrs, 'countIncludePad': include}
            suffix = '' if include else ', padding not counted'
            yield case(name + suffix, 'avg_pool2d', attrs_avg, {'x': x}, average)


# ---------------------------------------------------------------- reductions


def reduce():
    functions = {'sum': torch.sum, 'mean': torch.mean, 'amax': torch.amax, 'amin': torch.amin}
    choices = [([5], [0]), ([3, 4], [0]), ([3, 4], [1]), ([2, 3, 4], [1]), ([2, 3, 4], [0, 2]), ([2, 3, 4], [0, 1, 2])]
    choices += [([2, 3, 2, 4], [0, 2, 3]), ([2, 3, 2, 4], [2, 3]), ([1, 4, 1], [0, 2])]
    for (op, fn), (shape, axes), keep in itertools.product(functions.items(), choices, [False, True]):
        x = distinct(rng_of(f'reduce {shape} {axes}'), shape)
        name = f'{shape} over {axes}' + (', axes kept' if keep else '')
        yield case(name, op, {'axes': axes, 'keepAxes': keep}, {'x': x}, lambda x: fn(x, dim=axes, keepdim=keep))
    for (shape, axis), keep in itertools.product([([7], 0), ([3, 5], 0), ([3, 5], 1), ([2, 3, 4], 1)], [False, True]):
        x = distinct(rng_of(f'argmax {shape} {axis}'), shape)
        name = f'{shape} over {axis}' + (', axis kept' if keep else '')
        yield case(name, 'argmax', {'axis': axis, 'keepAxes': keep}, {'x': x}, lambda x: x.argmax(axis, keepdim=keep))


# ---------------------------------------------------------------- shape


def shape():
    def x(*sizes):
        return {'x': distinct(rng_of(f'shape {sizes}'), sizes)}

    for source, target in [((2, 3, 4), [6, 4]), ((2, 3, 4), [2, 12]), ((6,), [1, 3, 2]), ((1, 1), []), ((), [1])]:
        name = f'{list(source)} to {target}'
        yield case(name, 'reshape', {'shape': target}, x(*source), lambda x: x.reshape(target))
    for source, order in [
        ((3, 5), [1, 0]),
        ((2, 3, 4), [2, 0, 1]),
        ((2, 3, 4), [0, 2, 1]),
        ((2, 3, 2, 4), [0, 2, 3, 1]),
        ((2, 3, 2, 4), [3, 1, 0, 2]),
    ]:
        yield case(f'{list(source)} by {order}', 'permute', {'order': order}, x(*source), lambda x: x.permute(order))
    for source, target in [((3,), [2, 3]), ((2, 1, 3), [2, 4, 3]), ((), [2, 2])]:
        name = f'{list(source)} to {target}'
        yield case(name, 'expand', {'shape': target}, x(*source), lambda x: x.expand(target))
    slices = [
        # source, starts, ends (exclusive), steps
        ((7,), [2], [5], [1]),
        ((7,), [1], [7], [3]),
        ((4, 6), [1, 0], [4, 6], [2, 1]),
        ((4, 7), [0, 1], [4, 7], [1, 2]),
        ((2, 5, 6), [0, 1, 2], [1, 5, 6], [1, 3, 2]),
        ((3, 4), [1, 2], [1, 4], [1, 1]),
    ]
    for source, starts, ends, steps in slices:
        index = tuple(slice(*s) for s in zip(starts, ends, steps))
        attrs = {'starts': starts, 'ends': ends, 'steps': steps}
        yield case(f'{list(source)} from {starts} to {ends} by {steps}', 'slice', attrs, x(*source), lambda x: x[index])
    for source, before, after, value in [
        ((3,), [2], [1], 0),
        ((2, 3), [1, 0], [0, 2], 0),
        ((2, 3), [1, 2], [3, 0], -1.5),
        ((1, 2, 2, 3), [0, 0, 2, 1], [0, 0, 1, 2], 0),
    ]:
        flat = [n for b, a in reversed(list(zip(before, after))) for n in (b, a)]
        attrs = {'before': before, 'after': after, 'value': value}
        name = f'{list(source)}, {before} before, {after} after, value {value}'
        yield case(name, 'pad', attrs, x(*source), lambda x: F.pad(x, flat, value=value))
    for axis, shapes in [
        (0, [(2, 3), (1, 3)]),
        (1, [(2, 3), (2, 1), (2, 2)]),
        (1, [(2, 1, 2), (2, 2, 2)]),
        (2, [(1, 2, 3), (1, 2, 1)]),
    ]:
        inputs = {f'x{i}': distinct(rng_of(f'cat {axis} {i} {s}'), s) for i, s in enumerate(shapes)}
        name = ' and '.join(str(list(s)) for s in shapes) + f' along {axis}'
        yield case(name, 'cat', {'axis': axis}, inputs, lambda *parts: torch.cat(parts, axis))
    for axis, source, index in [
        (0, (4, 3), [2, 0, 3]),
        (0, (4, 3), [1, 1, 3, 1, 0]),
        (1, (2, 5), [4, 4, 0]),
        (1, (2, 3, 4), [2, 0]),
    ]:
        inputs = {**x(*source), 'index': torch.tensor(index, dtype=torch.int32)}
        name = f'{list(source)} along {axis} at {index}'
        yield case(name, 'index_select', {'axis': axis}, inputs, lambda x, index: x.index_select(axis, index))
    for axis, source, index in [(1, (3, 4), [[2], [0], [3]]), (0, (3, 2), [[0, 2], [0, 1], [0, 2], [1, 0]])]:
        inputs = {**x(*source), 'index': torch.tensor(index, dtype=torch.int32)}
        name = f'{list(source)} along {axis} at {index}'
        yield case(name, 'gather', {'axis': axis}, inputs, lambda x, index: x.gather(axis, index.long()))
    for classes, index in [(4, [2, 0, 3, 3]), (10, [9, 0, 5]), (3, [[0, 2], [1, 1]])]:
        inputs = {'index': torch.tensor(index, dtype=torch.int32)}
        name = f'{index} of {classes}'
        encode = lambda index: F.one_hot(index.long(), classes).double()
        yield case(name, 'one_hot', {'classes': classes}, inputs, encode)


# ---------------------------------------------------------------- losses


def loss():
    def logits(name, *sizes, low=-4.0, high=4.0):
        return grid(rng_of(f'logits {name}'), sizes, low, high)

    spread = exact([[100.0, -100.0, 0.0], [-100.0, -100.0, 100.0], [100.0, 100.0, 100.0], [-100.0, -99.5, -101.0]])
    sources = [
        ('[5, 10]', logits('a', 5, 10)),
        ('[1, 3]', logits('b', 1, 3)),
        ('[8, 4]', logits('c', 8, 4)),
        ('[4, 3] up to ±100', spread),
    ]
    for name, x in sources:
        labels = torch.tensor([(3 * i + 1) % x.shape[1] for i in range(x.shape[0])], dtype=torch.int32)
        for reduction in ('none', 'mean', 'sum'):
            attrs = {'reduction': reduction}
            entropy = lambda logits, labels: F.cross_entropy(logits, labels.long(), reduction=reduction)
            yield case(f'{name}, {reduction}', 'cross_entropy', attrs, {'logits': x, 'labels': labels}, entropy)
    for op, fn in (('softmax', F.softmax), ('log_softmax', F.log_softmax)):
        others = [('[3, 4]', logits('d', 3, 4), 0), ('[2, 3, 4]', logits('e', 2, 3, 4), 1)]
        for name, x, axis in [(name, x, 1) for name, x in sources] + others:
            yield case(f'{name} along {axis}', op, {'axis': axis}, {'x': x}, lambda x: fn(x, axis))


# ---------------------------------------------------------------- optimizers


def optim():
    """Ten steps on f(w) = sum(curvature * w^2 / 2); row t of the output is w after step t + 1."""
    adam, decay = {'betas': [0.9, 0.999], 'eps': 1e-8}, {'weightDecay': 0.01}
    recipes = [
        # name, op, attributes, w after the first three steps from w = 1
        ('plain', 'sgd', {}, [0.9, 0.81, 0.729]),
        ('momentum 0.9', 'sgd', {'momentum': 0.9}, [0.9, 0.72, 0.486]),
        ('Nesterov momentum 0.9', 'sgd', {'momentum': 0.9, 'nesterov': True}, [0.81, 0.5751, 0.327321]),
        ('weight decay 0.01', 'sgd', decay, [0.899, 0.808201, 0.726572699]),
        ('momentum 0.9, weight decay 0.01', 'sgd', {'momentum': 0.9, **decay}, None),
        ('Nesterov momentum 0.9, weight decay 0.01', 'sgd', {'momentum': 0.9, 'nesterov': True, **decay}, None),
        ('defaults', 'adam', adam, [0.900000001, 0.800412229712, 0.701586274504]),
        ('weight decay 0.01 (in the gradient)', 'adam', {**adam, **decay}, None),
        ('weight decay 0.01 (decoupled)', 'adamw', {**adam, **decay}, [0.899000001, 0.798519028189, 0.698911184716]),
    ]
    problems = [
        ('w = 1', [1.0], [1.0], [0.1] * 10),
        ('3 curvatures, learning rate / 10 after step 5', [1.0, -2.0, 0.5], [1.0, 0.125, 4.0], [0.1] * 5 + [0.01] * 5),
    ]
    classes = {'sgd': torch.optim.SGD, 'adam': torch.optim.Adam, 'adamw': torch.optim.AdamW}
    for (name, op, attrs, golden), (problem, start, curvature, rates) in itertools.product(recipes, problems):
        start, curvature = exact(start), exact(curvature)
        w = start.clone().requires_grad_()
        options = {{'weightDecay': 'weight_decay'}.get(k, k): tuple(v) if k == 'betas' else v for k, v in attrs.items()}
        optimizer = classes[op]([w], lr=rates[0], **options)
        rows = []
        for rate in rates:
            optimizer.param_groups[0]['lr'] = rate
            optimizer.zero_grad()
            (curvature * w * w / 2).sum().backward()
            optimizer.step()
            rows.append(w.detach().clone())
        if golden and len(start) == 1:
            assert all(abs(row.item() - g) < 1e-11 for row, g in zip(rows, golden)), (name, rows[:3])
        yield {
            'name': f'{op}: {name}, {problem}',
            'op': op,
            'attrs': {'learningRates': rates, **attrs},
            'inputs': {'w': tensor(start), 'curvature': tensor(curvature)},
            'output': tensor(torch.stack(rows), 12),
        }


# ---------------------------------------------------------------- LeNet-5

# Knuth's quick and dirty generator (Numerical Recipes): every step is exact in 32-bit integers and in float64.
LCG = 'x[0] = seed; x[n+1] = (1664525 x[n] + 1013904223) mod 2^32; value[i] = (x[i+1] / 2^32 - 0.5) * scale'
LENET = {
    # PyTorch's parameter name: shape, scale (weights: about sqrt(24 / fan in), the spread of He et al. 2015)
    'conv1.weight': ([6, 1, 5, 5], 0.96),
    'conv1.bias': ([6], 0.2),
    'conv2.weight': ([16, 6, 5, 5], 0.4),
    'conv2.bias': ([16], 0.2),
    'fc1.weight': ([120, 400], 0.24),
    'fc1.bias': ([120], 0.2),
    'fc2.weight': ([84, 120], 0.44),
    'fc2.bias': ([84], 0.2),
    'fc3.weight': ([10, 84], 0.52),
    'fc3.bias': ([10], 0.2),
}


def lcg_values(count, seed, scale):
    x, values = seed, []
    for _ in range(count):
        x = (1664525 * x + 1013904223) % 2**32
        values.append((x / 2**32 - 0.5) * scale)
    return values


def lcg_tensor(spec):
    values = lcg_values(math.prod(spec['shape']), spec['seed'], spec['scale'])
    return torch.tensor(values, dtype=torch.float64).reshape(spec['shape'])


def summary(t):
    """Sum, L2 norm and up to 16 evenly spaced entries of a tensor (flat, row-major indices)."""
    flat = t.detach().flatten()
    samples = min(16, flat.numel())
    indices = [i * flat.numel() // samples for i in range(samples)]
    values = [number(flat[i], 9) for i in indices]
    total, norm = number(flat.sum(), 9), number(flat.norm(), 9)
    return {'shape': list(t.shape), 'sum': total, 'norm': norm, 'indices': indices, 'values': values}


def lenet_forward(p, x):
    """Logits [N, 10], and how near a ReLU or a pooling window came to choosing otherwise."""
    margins = []

    def relu_and_pool(z):
        margins.append(z.abs().min().item())
        windows = torch.relu(z).unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).sort(-1).values
        gaps = (windows[..., 3] - windows[..., 2])[windows[..., 3] > 0]
        margins.append(gaps.min().item())
        return F.max_pool2d(torch.relu(z), 2)

    def relu(z):
        margins.append(z.abs().min().item())
        return torch.relu(z)

    h = relu_and_pool(F.conv2d(x, p['conv1.weight'], p['conv1.bias'], padding=2))
    h = relu_and_pool(F.conv2d(h, p['conv2.weight'], p['conv2.bias']))
    h = relu(F.linear(h.flatten(1), p['fc1.weight'], p['fc1.bias']))
    h = relu(F.linear(h, p['fc2.weight'], p['fc2.bias']))
    return F.linear(h, p['fc3.weight'], p['fc3.bias']), min(margins)


def lenet():
    """LeNet-5 (LeCun et al. 1998, with ReLU and max pooling): batch 8, three SGD steps, from weights the LCG makes."""
    first = LENET_SEED
    source = {'shape': [8, 1, 28, 28], 'seed': first, 'scale': 2}
    specs = {}
    for name, (sizes, scale) in LENET.items():
        specs[name] = {'shape': sizes, 'seed': first + 1 + len(specs), 'scale': scale}
    labels = [(3 * i + 1) % 10 for i in range(8)]
    x, target = lcg_tensor(source), torch.tensor(labels)
    p = {name: lcg_tensor(spec).requires_grad_() for name, spec in specs.items()}
    optimizer = torch.optim.SGD(p.values(), lr=0.05, momentum=0.9)
    file = {
        **VERSIONS,
        'lcg': {'formula': LCG, 'check': [
            {'seed': seed, 'scale': scale, 'index': index, 'value': lcg_values(index + 1, seed, scale)[index]}
            for seed, scale, index in [(1, 1, 0), (first + 1, 0.96, 149), (4294967295, 0.1, 47999)]
        ]},
        'input': source,
        'labels': labels,
        'optimizer': {'learningRate': 0.05, 'momentum': 0.9},
        'parameters': specs,
        'initial': {name: summary(v) for name, v in p.items()},
    }
    losses, nearest, after = [], math.inf, {}
    for step in range(4):
        logits, margin = lenet_forward(p, x)
        value = F.cross_entropy(logits, target)
        losses.append(number(value.item(), 9))
        nearest = min(nearest, margin)
        optimizer.zero_grad()
        value.backward()
        if step == 0:
            file['logits'] = tensor(logits, 9)
            file['gradients'] = {name: summary(v.grad) for name, v in p.items()}
        if step in (1, 3):
            after[str(step)] = {'loss': losses[step], 'parameters': {name: summary(v) for name, v in p.items()}}
        optimizer.step()
    # Nearer than this, float32 could round a ReLU or a maximum the other way and the gradients would rightly differ.
    assert nearest > 2e-6, f'choose another LENET_SEED: margin {nearest}'
    return {**file, 'margin': number(nearest, 3), 'losses': losses, 'after': after}


# One of twenty tried: the one whose activations stay farthest from a tie.
LENET_SEED = 1040

# ---------------------------------------------------------------- files


def text_of(file):
    """JSON with one case, or one entry, a line: small, and a changed case is a one-line diff."""
    compact = lambda value: json.dumps(value, separators=(',', ':'), allow_nan=False, ensure_ascii=False)
    lines = []
    for key, value in file.items():
        if key == 'cases':
            body = '[\n' + ',\n'.join(compact(c) for c in value) + '\n]'
        else:
            body = compact(value)
        lines.append(f'{json.dumps(key)}: {body}')
    return '{\n' + ',\n'.join(lines) + '\n}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='compare with the committed files instead of writing them')
    check = parser.parse_args().check
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    makers = [elementwise, matmul, conv2d, pool, reduce, shape, loss, optim]
    files = {m.__name__: {**VERSIONS, 'cases': list(m())} for m in makers}
    files['lenet'] = lenet()
    for name, file in files.items():
        names = [c['name'] for c in file.get('cases', [])]
        assert len(names) == len(set(names)), f'{name}: two cases of one name'

    texts = {f'{name}.json': text_of(file) for name, file in files.items()}
    sizes = {name: len(text.encode()) for name, text in texts.items()}
    too_big = [name for name, size in sizes.items() if size > MAX_FILE_BYTES]
    if too_big or sum(sizes.values()) > MAX_TOTAL_BYTES:
        sys.exit(f'too large: {too_big or "the total"}: {sizes}')

    FOLDER.mkdir(parents=True, exist_ok=True)
    differing = []
    for name, text in texts.items():
        path = FOLDER / name
        if not check:
            path.write_text(text, encoding='utf-8')
        elif not path.exists() or path.read_text(encoding='utf-8') != text:
            differing.append(name)
        print(f'{name:18} {len(files[name[:-5]].get("cases", [])):4} cases {sizes[name]:8,} bytes')
    print(f'{sum(sizes.values()):,} bytes, torch {torch.__version__}')
    if differing:
        sys.exit(f'differ from the committed files: {", ".join(differing)}')


if __name__ == '__main__':
    main()
