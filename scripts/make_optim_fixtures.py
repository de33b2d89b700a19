"""Makes the PyTorch fixtures of src/optim: update rules, gradient treatment, averages of weights, schedules.

    python scripts/make_optim_fixtures.py            write test/fixtures/torch/optimizers.json and schedules.json
    python scripts/make_optim_fixtures.py --check    write nothing; exit 1 if a committed file is not what this run makes

PyTorch computes in float64 and inputs are exact in float32, as in `make_fixtures.py`. Options are stored under the names they
have in src/optim.

Every optimizer takes ten steps on two tensors, a matrix and a bias. In step t the loss is sum(curvature * (x - target[t])^2 / 2):
the targets jump about, so gradients change size and sign. Row t of the output is the tensor after step t + 1.
"""

import argparse
import sys
import warnings

import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from make_fixtures import FOLDER, MAX_FILE_BYTES, VERSIONS, grid, number, rng_of, tensor, text_of

VERSIONS = {**VERSIONS, 'generator': 'scripts/make_optim_fixtures.py'}
STEPS = 10
SHAPES = {'weight': [2, 3], 'bias': [3]}

# ---------------------------------------------------------------- optimizers

START = {name: grid(rng_of(f'{name} start'), shape) for name, shape in SHAPES.items()}
CURVATURE = {name: grid(rng_of(f'{name} curvature'), shape, 0.25, 2.0) for name, shape in SHAPES.items()}
TARGETS = {name: grid(rng_of(f'{name} targets'), [STEPS, *shape], -1.0, 1.0) for name, shape in SHAPES.items()}

TORCH_NAMES = {
    'weightDecay': 'weight_decay', 'lrDecay': 'lr_decay', 'initialSum': 'initial_accumulator_value',
    'momentumDecay': 'momentum_decay', 'decoupled': 'decoupled_weight_decay',
}
CLASSES = {
    'sgd': torch.optim.SGD, 'adagrad': torch.optim.Adagrad, 'adadelta': torch.optim.Adadelta, 'rmsprop': torch.optim.RMSprop,
    'adam': torch.optim.Adam, 'adamW': torch.optim.AdamW, 'adamax': torch.optim.Adamax, 'nadam': torch.optim.NAdam,
    'radam': torch.optim.RAdam,
}
OPTIMIZERS = [
    ('sgd', {'lr': 0.1}),
    ('sgd', {'lr': 0.1, 'momentum': 0.9, 'dampening': 0.25, 'weightDecay': 0.01}),
    ('sgd', {'lr': 0.1, 'momentum': 0.9, 'nesterov': True, 'weightDecay': 0.01}),
    ('adagrad', {}),
    ('adagrad', {'lr': 0.1, 'lrDecay': 0.125, 'initialSum': 0.5, 'eps': 1e-6, 'weightDecay': 0.01}),
    ('adadelta', {}),
    ('adadelta', {'lr': 0.5, 'rho': 0.75, 'eps': 1e-3, 'weightDecay': 0.01}),
    ('rmsprop', {}),
    ('rmsprop', {'lr': 0.02, 'alpha': 0.75, 'eps': 1e-3, 'momentum': 0.9, 'weightDecay': 0.01}),
    ('rmsprop', {'alpha': 0.75, 'eps': 0.125, 'centered': True}),
    ('rmsprop', {'alpha': 0.875, 'eps': 0.125, 'centered': True, 'momentum': 0.5}),
    ('adam', {}),
    ('adam', {'lr': 0.1, 'betas': [0.75, 0.875], 'eps': 1e-3, 'weightDecay': 0.01}),
    ('adam', {'lr': 0.1, 'betas': [0.75, 0.5], 'amsgrad': True}),
    ('adamW', {}),
    ('adamW', {'lr': 0.1, 'betas': [0.75, 0.5], 'weightDecay': 0.125, 'amsgrad': True}),
    ('adamax', {}),
    ('adamax', {'lr': 0.1, 'betas': [0.75, 0.5], 'eps': 1e-3, 'weightDecay': 0.01}),
    ('nadam', {}),
    ('nadam', {'lr': 0.1, 'betas': [0.75, 0.875], 'momentumDecay': 0.25, 'weightDecay': 0.01}),
    ('nadam', {'lr': 0.1, 'weightDecay': 0.125, 'decoupled': True}),
    ('radam', {}),
    ('radam', {'lr': 0.1, 'betas': [0.75, 0.875], 'eps': 1e-3, 'weightDecay': 0.01}),
    ('radam', {'lr': 0.1, 'weightDecay': 0.125, 'decoupled': True}),
]


def train(make, before_step=lambda step, optimizer: None):
    """The parameters after each of ten steps."""
    parameters = {name: start.clone().requires_grad_() for name, start in START.items()}
    optimizer = make(parameters)
    rows = {name: [] for name in SHAPES}
    for step in range(STEPS):
        before_step(step, optimizer)
        optimizer.zero_grad()
        sum((CURVATURE[n] * (p - TARGETS[n][step]) ** 2).sum() / 2 for n, p in parameters.items()).backward()
        optimizer.step()
        for name, p in parameters.items():
            rows[name].append(p.detach().clone())
    return {name: tensor(torch.stack(values), 12) for name, values in rows.items()}


def torch_options(options):
    return {TORCH_NAMES.get(k, k): tuple(v) if k == 'betas' else v for k, v in options.items()}


def optimizers():
    for op, options in OPTIMIZERS:
        text = ', '.join(f'{k} {v}' for k, v in options.items()) or 'defaults'
        output = train(lambda p: CLASSES[op](p.values(), **torch_options(options)))
        yield {'name': f'{op}: {text}', 'op': op, 'options': options, 'output': output}

    # A group of its own for the bias: a tenth of the rate, no decay.
    for op, options in [('sgd', {'lr': 0.1, 'momentum': 0.9, 'weightDecay': 0.125}), ('adamW', {'lr': 0.1, 'weightDecay': 0.125})]:
        def grouped(p):
            bias = {'params': [p['bias']], 'lr': 0.01, 'weight_decay': 0.0}
            return CLASSES[op]([{'params': [p['weight']]}, bias], **torch_options(options))
        groups = [{'match': 'bias', 'lrFactor': 0.1, 'weightDecay': 0}]
        yield {'name': f'{op}: groups', 'op': op, 'options': {**options, 'groups': groups}, 'output': train(grouped)}

    # One cycle of learning rate and momentum.
    for op, options in [('sgd', {'lr': 0.5, 'momentum': 0.9}), ('rmsprop', {'lr': 0.02, 'momentum': 0.9})]:
        rates, momenta, schedulers = [], [], []

        def cycled(p):
            optimizer = CLASSES[op](p.values(), **torch_options(options))
            schedulers.append(lr_scheduler.OneCycleLR(optimizer, max_lr=options['lr'], total_steps=STEPS))
            return optimizer

        def before(step, optimizer):
            if step > 0:
                schedulers[0].step()
            rates.append(optimizer.param_groups[0]['lr'])
            momenta.append(optimizer.param_groups[0]['momentum'])
        output = train(cycled, before)
        yield {'name': f'{op}: one cycle of rate and momentum', 'op': op, 'options': options, 'rates': rates, 'momenta': momenta,
               'output': output}


# ---------------------------------------------------------------- gradients and weights


def clipping():
    for limit in (0.5, 3, 100):
        gradients = {name: target[0].clone() for name, target in TARGETS.items()}
        parameters = [torch.zeros_like(g).requires_grad_() for g in gradients.values()]
        for kind, clip in [('clipByValue', torch.nn.utils.clip_grad_value_), ('clipByGlobalNorm', torch.nn.utils.clip_grad_norm_)]:
            for p, g in zip(parameters, gradients.values()):
                p.grad = g.clone()
            clip(parameters, limit)
            yield {'name': f'{kind}: {limit}', 'op': kind, 'limit': limit,
                   'output': {name: tensor(p.grad, 12) for name, p in zip(gradients, parameters)}}


def max_norm():
    for limit in (0.5, 1.5, 100):
        yield {'name': f'maxNorm: {limit}', 'op': 'maxNorm', 'limit': limit,
               'output': {'weight': tensor(torch.renorm(START['weight'], 2, 0, limit), 12)}}


def averages():
    """Averages of the weights that `sgd` with lr 0.1 goes through; SWA takes the weights of steps 4, 6, 8 and 10."""
    for op, every, make in [
        ('ema', range(STEPS), lambda m: AveragedModel(m, avg_fn=get_ema_avg_fn(0.75))),
        ('swa', (3, 5, 7, 9), lambda m: AveragedModel(m)),
    ]:
        model = torch.nn.Linear(3, 2).double()
        averaged = make(model)
        with torch.no_grad():
            model.weight.copy_(START['weight'])
            model.bias.copy_(START['bias'][:2])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        rows = []
        for step in range(STEPS):
            optimizer.zero_grad()
            (CURVATURE['weight'] * (model.weight - TARGETS['weight'][step]) ** 2).sum().div(2).backward()
            optimizer.step()
            if step in every:
                averaged.update_parameters(model)
                rows.append(averaged.module.weight.detach().clone())
        yield {'name': f'{op}: of sgd', 'op': op, 'steps': [step + 1 for step in every], 'output': tensor(torch.stack(rows), 12)}


# ---------------------------------------------------------------- schedules


def factors(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    scheduler = make(optimizer)
    result = []
    for _ in range(steps):
        result.append(number(optimizer.param_groups[0]['lr'], 15))
        optimizer.step()
        scheduler.step()
    return result


def plateau(metrics, **options):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, eps=0, **options)
    result = []
    for metric in metrics:
        scheduler.step(metric)
        result.append(number(optimizer.param_groups[0]['lr'], 15))
    return result


def schedules():
    s = lr_scheduler
    plain = [
        ('step', {'every': 0.25, 'factor': 0.5}, 12, lambda o: s.StepLR(o, 3, 0.5)),
        ('step', {}, 90, lambda o: s.StepLR(o, 30)),
        ('multiStep', {'at': [0.5, 0.7]}, 10, lambda o: s.MultiStepLR(o, [5, 7])),
        ('exponential', {'end': 0.9**12}, 12, lambda o: s.ExponentialLR(o, 0.9)),
        ('polynomial', {}, 10, lambda o: s.PolynomialLR(o, 10)),
        ('polynomial', {'power': 2.5}, 10, lambda o: s.PolynomialLR(o, 10, power=2.5)),
        ('cosine', {'end': 0.125}, 10, lambda o: s.CosineAnnealingLR(o, 10, eta_min=0.125)),
        ('cosineWithRestarts', {'cycles': 3}, 12, lambda o: s.CosineAnnealingWarmRestarts(o, 4)),
        ('cosineWithRestarts', {'cycles': 3, 'growth': 2, 'end': 0.125}, 21,
         lambda o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.125)),
        ('oneCycle', {}, 10, lambda o: s.OneCycleLR(o, 1.0, total_steps=10)),
        ('oneCycle', {'rise': 0.4, 'startDivisor': 10, 'endDivisor': 100}, 17,
         lambda o: s.OneCycleLR(o, 1.0, total_steps=17, pct_start=0.4, div_factor=10, final_div_factor=100)),
        ('oneCycle', {'anneal': 'linear'}, 20, lambda o: s.OneCycleLR(o, 1.0, total_steps=20, anneal_strategy='linear')),
        ('constant', {'warmup': 5}, 8, lambda o: s.LinearLR(o, start_factor=1 / 5, total_iters=4)),
        ('constant', {'warmup': 4, 'warmupStart': 0.25}, 8, lambda o: s.LinearLR(o, start_factor=0.25, total_iters=4)),
        ('cosine', {'warmup': 4, 'warmupStart': 0.125}, 14, lambda o: s.SequentialLR(
            o, [s.LinearLR(o, start_factor=0.125, total_iters=4), s.CosineAnnealingLR(o, 10)], [4])),
        ('lambda', {}, 10, lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t))),
    ]
    for op, options, steps, make in plain:
        yield {'name': f'{op}: {options}, {steps} steps', 'op': op, 'options': options, 'factors': factors(make, steps)}

    falling = [1.0, 0.5, 0.49, 0.48999, 0.6, 0.489, 0.489, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    rising = [1 - x for x in falling]
    watching = [
        ({'patience': 2}, falling, {'patience': 2}),
        ({'patience': 1, 'cooldown': 2, 'factor': 0.5}, falling, {'patience': 1, 'cooldown': 2, 'factor': 0.5}),
        ({'patience': 0, 'threshold': 0.05, 'thresholdMode': 'absolute', 'factor': 0.5, 'end': 0.125}, falling,
         {'patience': 0, 'threshold': 0.05, 'threshold_mode': 'abs', 'factor': 0.5, 'min_lr': 0.125}),
        ({'metric': 'accuracy', 'patience': 1}, rising, {'mode': 'max', 'patience': 1}),
    ]
    for options, metrics, torch_side in watching:
        yield {'name': f'onPlateau: {options}', 'op': 'onPlateau', 'options': options, 'metrics': metrics,
               'factors': plateau(metrics, **torch_side)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='compare with the committed files instead of writing them')
    check = parser.parse_args().check
    warnings.filterwarnings('ignore', category=UserWarning)
    torch.set_num_threads(1)
    # Also for what optimizers keep as scalars, such as NAdam's product of momenta.
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)

    stored = lambda tensors: {name: tensor(t) for name, t in tensors.items()}
    problem = {'start': stored(START), 'curvature': stored(CURVATURE), 'targets': stored(TARGETS)}
    steps = [*optimizers(), *clipping(), *max_norm(), *averages()]
    files = {'optimizers': {**VERSIONS, 'problem': problem, 'cases': steps}, 'schedules': {**VERSIONS, 'cases': list(schedules())}}
    differing = []
    for name, file in files.items():
        names = [c['name'] for c in file['cases']]
        assert len(names) == len(set(names)), f'{name}: two cases of one name'
        text = text_of(file)
        size = len(text.encode())
        if size > MAX_FILE_BYTES:
            sys.exit(f'too large: {name}: {size}')
        path = FOLDER / f'{name}.json'
        if not check:
            path.write_text(text, encoding='utf-8')
        elif not path.exists() or path.read_text(encoding='utf-8') != text:
            differing.append(name)
        print(f'{name:12} {len(names):4} cases {size:8,} bytes')
    if differing:
        sys.exit(f'differ from the committed files: {", ".join(differing)}')


if __name__ == '__main__':
    main()
