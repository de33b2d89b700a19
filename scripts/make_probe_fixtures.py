"""Makes the fixture of linear probes: scikit-learn's logistic regression of standardized features.

    python scripts/make_probe_fixtures.py            write test/fixtures/torch/probe.json
    python scripts/make_probe_fixtures.py --check    write nothing; exit 1 if the committed file is not what this run makes

Numbers and format are those of `make_fixtures.py`. Needs scikit-learn.
"""


import numpy
import sklearn
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from keep_fixture import keep_fixture
from make_fixtures import VERSIONS, tensor
from make_inspect_fixtures import normal

VERSIONS = {**VERSIONS, 'generator': 'scripts/make_probe_fixtures.py', 'scikit-learn': sklearn.__version__}
TRAIN, TEST, FEATURES, CLASSES = 60, 40, 6, 3


def samples(name, count):
    centers = normal('probe centers', [CLASSES, FEATURES], 1.0)
    labels = torch.arange(count) % CLASSES
    scales = torch.tensor([1.0, 10.0, 0.1, 1.0, 3.0, 0.5], dtype=torch.float64)
    x = (centers[labels] + normal(name, [count, FEATURES])) * scales + 2
    x[:, 3] = 7  # never changes
    return x.float().double(), labels


def fit(x, y, test_x, test_y, ridge):
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1 / (ridge * len(x)), tol=1e-12, max_iter=100_000).fit(scaler.transform(x), y)
    p = model.predict_proba(scaler.transform(x))
    weights = model.coef_ / scaler.scale_
    return {
        'ridge': ridge,
        'weights': tensor(torch.from_numpy(weights), 9),
        'bias': tensor(torch.from_numpy(model.intercept_ - model.coef_ @ (scaler.mean_ / scaler.scale_)), 9),
        'loss': float(-numpy.log(p[numpy.arange(len(y)), y]).mean()),
        'accuracy': float(model.score(scaler.transform(x), y)),
        'heldOut': float(model.score(scaler.transform(test_x), test_y)),
    }


def make():
    x, y = samples('probe train', TRAIN)
    test_x, test_y = samples('probe test', TEST)
    given = [a.numpy() for a in (x, y, test_x, test_y)]
    return {**VERSIONS, 'train': tensor(x), 'labels': y.tolist(), 'test': tensor(test_x), 'testLabels': test_y.tolist(),
            'fits': [fit(*given, ridge) for ridge in (0.001, 0.01, 0.3)]}


if __name__ == '__main__':
    keep_fixture('probe.json', make, __doc__)
