"""Makes the PyTorch fixtures of feature visualization: views, spectra, ten steps of ascent, and a dream of two octaves.

    python scripts/make_visualization_fixtures.py            write test/fixtures/torch/visualization.json
    python scripts/make_visualization_fixtures.py --check    write nothing; exit 1 if the committed file is not what this run makes

The network is that of `make_inspect_fixtures.py`, and numbers and format are those of `make_fixtures.py`. Views are `grid_sample`,
spectra `torch.fft.irfft2`, and steps `torch.optim.Adam`, none of which the library has.
"""

import math

import torch
import torch.nn.functional as F

from keep_fixture import keep_fixture
from make_fixtures import VERSIONS, tensor
from make_inspect_fixtures import MEAN, SIZE, STD, make_net, normal, uniform

VERSIONS = {**VERSIONS, 'generator': 'scripts/make_visualization_fixtures.py'}
STEPS, LR, ROLLS = 10, 0.05, [[3, -2], [0, 1], [-4, 5], [2, 2], [1, -3], [0, 0]]
COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float64)


def draws(count):
    """Views, all of them different: rows, columns, scale, degrees."""
    numbers = uniform('views', [count, 4])
    return [
        {'shift': [int(a * 5) - 2, int(b * 5) - 2], 'scale': float((0.9 + 0.2 * s).float()), 'angle': float((20 * r - 10).float())}
        for a, b, s, r in numbers
    ]


def view(x, v):
    _, _, height, width = x.shape
    turn = math.radians(v['angle'])
    c, s = math.cos(turn) / v['scale'], math.sin(turn) / v['scale']
    dy, dx = v['shift']
    theta = torch.tensor([[c, -s * height / width, 2 * dx / width], [s * width / height, c, 2 * dy / height]], dtype=torch.float64)
    grid = F.affine_grid(theta.expand(len(x), 2, 3), x.shape, align_corners=False)
    return F.grid_sample(x, grid, mode='bilinear', padding_mode='reflection', align_corners=False)


def decoded(z, width):
    """Spectrum [N, C, H, W // 2 + 1, 2] to a picture."""
    height = z.shape[2]
    f = torch.hypot(torch.fft.fftfreq(height, dtype=torch.float64)[:, None], torch.fft.rfftfreq(width, dtype=torch.float64)[None])
    scale = math.sqrt(height * width) / f.clamp(min=1 / max(height, width))
    x = torch.fft.irfft2(torch.view_as_complex(z.contiguous()) * scale, s=(height, width)) / 4
    if x.shape[1] == 3:
        x = torch.einsum('rc,nchw->nrhw', COLORS / COLORS.norm(dim=0).max(), x)
    return torch.sigmoid(x)


def views():
    x = uniform('view picture', [1, 2, 6, 9]).requires_grad_()
    g = normal('view gradient', [1, 2, 6, 9])
    list_ = draws(3) + [{'shift': [-9, 14], 'scale': 0.5, 'angle': 100}]
    seen = [view(x, v) for v in list_]
    slopes = [torch.autograd.grad((s * g).sum(), x)[0] for s in seen]
    return {'picture': tensor(x.detach()), 'gradient': tensor(g), 'views': list_,
            'seen': [tensor(s.detach(), 9) for s in seen], 'slopes': [tensor(s, 9) for s in slopes]}


def spectra():
    found = []
    for channels, height, width in [(3, 6, 8), (3, 5, 7), (1, 4, 9)]:
        z = normal(f'spectrum {channels} {height} {width}', [1, channels, height, width // 2 + 1, 2]).requires_grad_()
        g = normal(f'spectrum gradient {channels} {height} {width}', [1, channels, height, width])
        x = decoded(z, width)
        slope, = torch.autograd.grad((x * g).sum(), z)
        found.append({'size': [channels, height, width], 'spectrum': tensor(z.detach()), 'gradient': tensor(g),
                      'picture': tensor(x.detach(), 9), 'slope': tensor(slope, 9)})
    return found


def ascent(net, start, decode, objective, confine=None):
    z = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=LR, maximize=True)
    scores = []
    for v in draws(STEPS):
        optimizer.zero_grad()
        s = objective(net, view(decode(z), v))
        s.backward()
        optimizer.step()
        if confine:
            with torch.no_grad():
                confine(z)
        scores.append(float(s.detach()))
    x = decode(z).detach()
    return {'start': tensor(start), 'scores': scores, 'image': tensor(x, 9), 'score': float(objective(net, x).detach())}


def channel(net, x):
    net(x)
    return net.kept['conv2'][0, 2].mean()


def unit(net, x):
    net(x)
    return net.kept['conv2'][0, 1, 1, 2]


def ascents(net):
    z = normal('ascent spectrum', [1, 3, SIZE, SIZE // 2 + 1, 2], 0.5)
    x = uniform('ascent pixels', [1, 3, SIZE, SIZE])
    fourier = lambda p: decoded(p, SIZE)
    same = lambda p: p
    inside = lambda p: p.clamp_(0, 1)
    return {
        'fourier channel': ascent(net, z, fourier, channel),
        'fourier class': ascent(net, z, fourier, lambda net, x: net(x)[0, 2]),
        'pixels unit': ascent(net, x, same, unit, inside),
        'pixels class': ascent(net, x, same, lambda net, x: net(x)[0, 0], inside),
    }


def energy(net, x):
    """Of the layer conv2 alone, which takes any size."""
    y = (x - torch.tensor(MEAN, dtype=torch.float64)[:, None, None]) / torch.tensor(STD, dtype=torch.float64)[:, None, None]
    a = net.conv2(F.max_pool2d(F.relu(net.bn1(net.conv1(y))), 2)).relu()
    return 0.5 * (a**2).mean()


def dream(net):
    """Two octaves of three steps, from 10 × 14 to 14 × 20."""
    photo = uniform('dream', [1, 3, 14, 20])
    resize = lambda x, size: F.interpolate(x, size=size, mode='bilinear', align_corners=False)
    bases = [photo, resize(photo, (10, 14))]
    rolls = iter(ROLLS)
    added, scores = torch.zeros_like(bases[1]), []
    for base in reversed(bases):
        x = (base + resize(added, base.shape[2:])).clamp(0, 1)
        for _ in range(3):
            down, across = next(rolls)
            moved = torch.roll(x, (down, across), (2, 3)).requires_grad_()
            s = energy(net, moved)
            g, = torch.autograd.grad(s, moved)
            g = torch.roll(g, (-down, -across), (2, 3))
            x = (x + 0.01 * g / g.abs().mean()).clamp(0, 1)
            scores.append(float(s.detach()))
        added = x - base
    return {'photo': tensor(photo), 'rolls': ROLLS, 'scores': scores, 'image': tensor(x, 9)}


def make():
    net = make_net()
    return {**VERSIONS, 'views': views(), 'spectra': spectra(), 'draws': draws(STEPS), 'lr': LR, 'ascents': ascents(net), 'dream': dream(net)}


if __name__ == '__main__':
    torch.set_num_threads(1)
    keep_fixture('visualization.json', make, __doc__)
