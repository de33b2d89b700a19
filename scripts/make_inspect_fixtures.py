"""Makes the PyTorch fixtures of `fovea/inspect`: what each method gives for a small network, in plain PyTorch.

    python scripts/make_inspect_fixtures.py            write test/fixtures/torch/inspect.json
    python scripts/make_inspect_fixtures.py --check    write nothing; exit 1 if the committed file is not what this run makes

Numbers and format are those of `make_fixtures.py`: float64, inputs exact in float32, results with 9 significant digits.
Every method is written out here from its paper; none comes from a package of such methods.
"""


import numpy
import torch
import torch.nn.functional as F
from torch import nn

from keep_fixture import keep_fixture
from make_fixtures import VERSIONS, exact, rng_of, tensor

VERSIONS = {**VERSIONS, 'generator': 'scripts/make_inspect_fixtures.py'}
SIZE, CLASSES, IMAGES = 10, 4, 2
MEAN, STD = [0.5, 0.25, 0.375], [0.25, 0.5, 0.125]


def normal(name, shape, scale=1.0):
    rng = rng_of(f'inspect {name}')
    count = int(numpy.prod(shape))
    return exact([scale * rng.gauss(0, 1) for _ in range(count)]).reshape(shape)


def uniform(name, shape):
    rng = rng_of(f'inspect {name}')
    return exact([rng.random() for _ in range(int(numpy.prod(shape)))]).reshape(shape)


class Rectifier(torch.autograd.Function):
    """max(x, 0) with one of three rules for what goes back."""

    @staticmethod
    def forward(ctx, x, rule):
        ctx.save_for_backward(x)
        ctx.rule = rule
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        if ctx.rule == 'deconvnet':
            return g.clamp(min=0), None
        if ctx.rule == 'guided':
            return g.clamp(min=0) * (x > 0), None
        return g * (x > 0), None


class Net(nn.Module):
    """Pixels [N, 3, 10, 10] to logits: batch norm in evaluation, rectifiers as functions, a pool right behind one."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(6 * 9, CLASSES)
        self.rule = 'exact'
        self.kept = {}

    def forward(self, pixels):
        x = (pixels - torch.tensor(MEAN, dtype=torch.float64)[:, None, None]) / torch.tensor(STD, dtype=torch.float64)[:, None, None]
        x = F.max_pool2d(Rectifier.apply(self.bn1(self.conv1(x)), self.rule), 2)
        a = Rectifier.apply(self.conv2(x), self.rule)
        self.kept['conv2'] = a
        return self.fc(a.flatten(1))


def make_net():
    net = Net().double().eval()
    with torch.no_grad():
        for key, value in net.state_dict(keep_vars=True).items():
            if key.endswith('num_batches_tracked'):
                continue
            if key.endswith('running_var'):
                value.copy_(0.5 + uniform(key, value.shape))
            elif key == 'bn1.weight':
                value.copy_(0.75 + 0.5 * uniform(key, value.shape))
            else:
                value.copy_(normal(key, value.shape, 0.3))
        for value in net.state_dict(keep_vars=True).values():
            if value.dtype == torch.float64:
                value.copy_(value.float().double())
    return net


def score(net, x, labels):
    return net(x)[torch.arange(len(x)), labels]


def gradient(net, x, labels, rule='exact', of=None):
    net.rule = rule
    x = x.clone().requires_grad_()
    s = score(net, x, labels).sum()
    net.rule = 'exact'
    return torch.autograd.grad(s, x if of is None else net.kept[of])[0].detach()


def integrated(net, x, labels, steps):
    nodes, weights = numpy.polynomial.legendre.leggauss(steps)
    total = sum(w / 2 * gradient(net, (n + 1) / 2 * x, labels) for n, w in zip(nodes, weights))
    return x * total


def grad_cam(net, x, labels):
    g = gradient(net, x, labels, of='conv2')
    a = net.kept['conv2'].detach()
    return (g.mean((2, 3), keepdim=True) * a).sum(1).clamp(min=0)


def grad_cam_plus_plus(net, x, labels):
    g = gradient(net, x, labels, of='conv2')
    a = net.kept['conv2'].detach()
    divisor = 2 * g**2 + a.sum((2, 3), keepdim=True) * g**3
    alpha = torch.where(divisor == 0, torch.zeros_like(g), g**2 / torch.where(divisor == 0, torch.ones_like(g), divisor))
    w = (alpha * g.clamp(min=0)).sum((2, 3), keepdim=True)
    return (w * a).sum(1).clamp(min=0)


def occlusion(net, x, labels, window, stride, value):
    whole = score(net, x, labels)
    sums, covers = torch.zeros(len(x), SIZE, SIZE, dtype=torch.float64), torch.zeros(SIZE, SIZE, dtype=torch.float64)
    starts = range(0, -(-(SIZE - window) // stride) * stride + 1, stride)
    for top in starts:
        for left in starts:
            hidden = x.clone()
            hidden[:, :, top:top + window, left:left + window] = value
            sums[:, top:top + window, left:left + window] += (whole - score(net, hidden, labels))[:, None, None]
            covers[top:top + window, left:left + window] += 1
    return (sums / covers).detach()


def attributions():
    net = make_net()
    x = uniform('images', [IMAGES, 3, SIZE, SIZE])
    labels = torch.tensor([2, 0])
    draws = normal('draws', [4, 3, SIZE, SIZE], 0.1)
    g = gradient(net, x, labels)
    cam = grad_cam(net, x, labels)
    guided = gradient(net, x, labels, 'guided')
    large = F.interpolate(cam[:, None], size=(SIZE, SIZE), mode='bilinear', align_corners=False)
    maps = {
        'gradient': g,
        'saliency': g.abs().amax(1),
        'gradientTimesInput': x * g,
        'smoothGrad': sum(gradient(net, x + d, labels) for d in draws) / len(draws),
        'integratedGradients': integrated(net, x, labels, 16),
        'deconvnet': gradient(net, x, labels, 'deconvnet'),
        'guidedBackprop': guided,
        'gradCam': cam,
        'gradCamPlusPlus': grad_cam_plus_plus(net, x, labels),
        'gradCamEnlarged': large[:, 0],
        'guidedGradCam': guided * large,
        'occlusion': occlusion(net, x, labels, 4, 3, 0.5),
    }
    state = {k: tensor(v) for k, v in net.state_dict().items() if v.dtype == torch.float64}
    return {
        'mean': MEAN, 'std': STD, 'classes': labels.tolist(), 'variables': state, 'images': tensor(x), 'draws': tensor(draws),
        'logits': tensor(net(x), 9), 'maps': {k: tensor(v, 9) for k, v in maps.items()},
    }


def cka(x, y):
    """By the layers' own products, the other way round than the library's."""
    x, y = x - x.mean(0), y - y.mean(0)
    norm = numpy.linalg.norm
    return norm(y.T @ x) ** 2 / (norm(x.T @ x) * norm(y.T @ y))


def features():
    x = normal('features x', [12, 5]) * torch.tensor([3.0, 2.0, 1.5, 1.0, 0.5], dtype=torch.float64)
    x = x.float().double()
    y = (x @ normal('features map', [5, 7]) + normal('features noise', [12, 7], 0.5)).float().double()
    a = x.numpy()
    centered = a - a.mean(0)
    u, s, _ = numpy.linalg.svd(centered, full_matrices=False)
    points = u[:, :3] * s[:3]
    points = points * numpy.where(points[numpy.abs(points).argmax(0), range(3)] < 0, -1, 1)
    units = a / numpy.linalg.norm(a, axis=1, keepdims=True)
    return {
        'x': tensor(x), 'y': tensor(y), 'cka': cka(a, y.numpy()), 'points': tensor(torch.from_numpy(points), 9),
        'variances': (s[:3] ** 2 / 11).tolist(), 'shares': (s[:3] ** 2 / (s**2).sum()).tolist(),
        'cosines': (units @ units[0]).tolist(),
    }


def calibration():
    rng = rng_of('inspect calibration')
    p = numpy.array([0.3 + 0.7 * rng.random() for _ in range(200)])
    right = numpy.array([rng.random() < v**2 for v in p])
    index = numpy.clip(numpy.ceil(p * 10).astype(int) - 1, 0, 9)
    bins = [(right[index == k].mean(), p[index == k].mean(), (index == k).mean()) for k in range(10) if (index == k).any()]
    gaps = [abs(a - c) for a, c, _ in bins]
    return {
        'probability': p.tolist(), 'right': right.astype(int).tolist(),
        'ece': sum(g * w for g, (_, _, w) in zip(gaps, bins)), 'largestError': max(gaps),
    }


def make():
    return {**VERSIONS, 'attributions': attributions(), 'features': features(), 'calibration': calibration()}


if __name__ == '__main__':
    torch.set_num_threads(1)
    keep_fixture('inspect.json', make, __doc__)
