"""Makes the PyTorch files that the tests of the reader read, and what PyTorch itself reads in them.

    python scripts/make_pth_fixtures.py        write test/fixtures/pth/

Each file comes in the zip format (`*.zip.pth`) and in the stream that PyTorch wrote before 1.6 (`*.legacy.pth`).
`expected.json` holds, for every file, each tensor's type, shape and values by path, those of 8 bits as `.float()` gives them.
Values that JSON cannot say are texts: 'nan', 'inf', '-inf', '-0', and integers beyond 2^53. Under `unread` are files whose
tensor `w` is of a kind that is listed and not read, with what it is called. Another run gives the same tensors, not the same bytes: PyTorch names old storages by their addresses.
"""

import argparse
import collections
import datetime
import functools
import io
import json
import math
import platform
import warnings
from pathlib import Path

import numpy
import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent.parent / 'test' / 'fixtures' / 'pth'
MAX_TOTAL_BYTES = 150_000
FORMATS = {'zip': True, 'legacy': False}


def every_type():
    """Every element type that is read, with the values at its edges."""
    floats = [0.0, -0.0, 1.0, -2.5, 1 / 3, math.inf, -math.inf, math.nan]
    return collections.OrderedDict(
        float64=torch.tensor([*floats, 1e308, 5e-324], dtype=torch.float64),
        float32=torch.tensor([*floats, 3.4e38, 1e-45], dtype=torch.float32),
        float16=torch.tensor([*floats, 65504.0, 6e-8], dtype=torch.float16),
        bfloat16=torch.tensor([*floats, 3.3e38, 1e-40], dtype=torch.bfloat16),
        int64=torch.tensor([0, 1, -1, 2**31 - 1, -(2**31), 2**53 + 1, -(2**63)], dtype=torch.int64),
        int32=torch.tensor([0, 1, -1, 2**31 - 1, -(2**31)], dtype=torch.int32),
        int16=torch.tensor([0, -1, 32767, -32768], dtype=torch.int16),
        int8=torch.tensor([0, -1, 127, -128], dtype=torch.int8),
        uint8=torch.tensor([0, 1, 128, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]),
        scalar=torch.tensor(7.25),
        empty=torch.zeros(0, 3),
    )


def newer_types():
    """Types that came after the old stream: unsigned integers, and every value of every floating-point type of 8 bits."""
    types = ['float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz', 'float8_e8m0fnu']
    tensors = {name: torch.arange(256, dtype=torch.uint8).view(getattr(torch, name)) for name in types}
    return {
        **tensors,
        'every second': tensors['float8_e5m2'][1::2],
        'uint16': torch.tensor([0, 1, 65535], dtype=torch.uint16),
        'uint32': torch.tensor([0, 1, 2**32 - 1], dtype=torch.uint32),
        'uint64': torch.tensor([0, 1, 2**64 - 1], dtype=torch.uint64),
        'column': torch.arange(6).to(torch.uint16).reshape(2, 3)[:, 1],
    }


def views():
    """Tensors that are views: transposed, strided, with an offset, repeated, of shared storages."""
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    longs = torch.arange(-6, 6).reshape(3, 4)
    halves = torch.arange(12, dtype=torch.float16).reshape(3, 4)
    tied = torch.arange(8, dtype=torch.float64).reshape(2, 4)
    return {
        'base': base,
        'transposed': base.permute(2, 0, 1),
        'last': base[2],
        'column': base[:, :, 1],
        'every second': base[:, ::2, 1::3],
        'expanded': base[0, 0, :1].expand(3, 1, 1),
        'one axis of 1': base[1:2, :, 2:3].transpose(0, 2),
        'empty slice': base[3:],
        'longs': longs.t(),
        'halves': halves.t()[1:],
        'tied.encoder': tied,
        'tied.decoder': tied.t(),
        'channels_last': torch.arange(48.0).reshape(2, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        'double columns': tied[:, 1:3],
        'bytes': torch.arange(6, dtype=torch.uint8).reshape(2, 3).t(),
    }


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))


def checkpoint():
    """What a training script saves: DataParallel's names, optimizer, schedule, scores, arguments."""
    model = nn.DataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    model(torch.ones(4, 1, 4, 4)).sum().backward()
    optimizer.step()
    schedule.step()
    return {
        'epoch': 12,
        'arch': 'tiny',
        'state_dict': model.state_dict(),
        'best_prec1': 91.75,
        'best_acc': torch.tensor(0.9175),
        'score': numpy.float64(0.5),
        'optimizer': optimizer.state_dict(),
        'scheduler': schedule.state_dict(),
        'args': argparse.Namespace(lr=0.1, device=torch.device('cpu')),
        'losses': [2.3, 1.1, 0.7],
        'size': torch.Size([1, 28, 28]),
        'mean': numpy.array([0.5, 0.25]),
        'labels': {'a', 'b'},
        'seed': 2**63 + 1,
        'nothing': None,
        'amp': False,
        'dtype': torch.float32,
        'raw': b'\x00\xff',
        'by class': collections.defaultdict(int, {3: 4}),
        'numbers': {0: torch.tensor([1.0]), 1: [torch.tensor([2.0]), (torch.tensor([3.0]), 'text')]},
    }


def averaged():
    """The weights of an average, whose names begin with `module.`."""
    return torch.optim.swa_utils.AveragedModel(network()).state_dict()


def compiled_parts():
    """A network of which two layers are compiled: a part of their names is `_orig_mod`."""
    model = network()
    model[0] = torch.compile(model[0])
    model[4] = torch.compile(model[4])
    return model.state_dict()


class Settings:
    """A class of the script's own."""

    def __init__(self):
        self.rate = 0.1


def objects():
    """A state dict beside all that may stand in a checkpoint: modules, functions, dates, enumerations, classes of one's own."""
    return {
        'hook': print,
        'module': nn.Linear(1, 1),
        'path': Path('data'),
        'date': datetime.datetime(2024, 1, 1),
        'partial': functools.partial(max, key=len),
        'generator': numpy.random.default_rng(0).bit_generator.state,
        'deque': collections.deque([1, 2]),
        'version': torch.__version__,
        'settings': Settings(),
        'state_dict': network().state_dict(),
    }


def parameters():
    """Wrapped tensors: parameters, with and without attributes of their own."""
    plain = nn.Parameter(torch.tensor([1.0, 2.0]))
    marked = nn.Parameter(torch.tensor([3.0]), requires_grad=False)
    marked.note = 'a'
    tensor = torch.tensor([[4, 5]])
    tensor.note = 'b'
    return {'plain': plain, 'marked': marked, 'tensor': tensor, 'buffer': nn.Buffer(torch.tensor([6.0]))}


def readable():
    for form, is_zip in FORMATS.items():
        yield f'types.{form}.pth', every_type(), {'_use_new_zipfile_serialization': is_zip}
        yield f'views.{form}.pth', views(), {'_use_new_zipfile_serialization': is_zip}
        yield f'checkpoint.{form}.pth', checkpoint(), {'_use_new_zipfile_serialization': is_zip}
        yield f'parameters.{form}.pth', parameters(), {'_use_new_zipfile_serialization': is_zip}
        yield f'tensor.{form}.pth', torch.tensor([[1.0, -1.0]]), {'_use_new_zipfile_serialization': is_zip}
        yield f'objects.{form}.pth', objects(), {'_use_new_zipfile_serialization': is_zip}
        for protocol in (3, 4, 5):
            options = {'_use_new_zipfile_serialization': is_zip, 'pickle_protocol': protocol}
            yield f'protocol{protocol}.{form}.pth', {'model': network().state_dict(), 'raw': b'\x00\xff'}, options
    yield 'newerTypes.zip.pth', newer_types(), {}
    yield 'averaged.zip.pth', averaged(), {}
    yield 'compiledParts.zip.pth', compiled_parts(), {}


def unread():
    """Tensors whose values are not read, and what they are called."""
    sparse = torch.tensor([[0.0, 1.0]]).to_sparse()
    quantized = torch.quantize_per_tensor(torch.tensor([1.0]), 0.5, 0, torch.qint8)
    for form, is_zip in FORMATS.items():
        options = {'_use_new_zipfile_serialization': is_zip}
        yield f'sparse.{form}.pth', sparse, 'sparse', options
        yield f'csr.{form}.pth', torch.tensor([[0.0, 1.0]]).to_sparse_csr(), 'sparse', options
        yield f'quantized.{form}.pth', quantized, 'quantized', options
        yield f'complex.{form}.pth', torch.tensor([1j]), 'complex64', options
        yield f'negative.{form}.pth', torch._neg_view(torch.tensor([1.0])), '"neg"', options
        yield f'meta.{form}.pth', torch.empty(4, device='meta'), 'meta', options


def number(value):
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value) or (value == 0 and math.copysign(1, value) < 0)):
        return 'nan' if math.isnan(value) else '-0' if value == 0 else 'inf' if value > 0 else '-inf'
    if isinstance(value, int) and abs(value) > 2**53:
        return str(value)
    return int(value) if isinstance(value, bool) else value


def tensors_of(value, path=None):
    if isinstance(value, torch.Tensor):
        yield path or '', value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else []
    for key, inner in items:
        yield from tensors_of(inner, str(key) if path is None else f'{path}.{key}')


def describe(tensor):
    wide = tensor.float() if 'float8' in str(tensor.dtype) else tensor
    return {
        'dtype': str(tensor.dtype).removeprefix('torch.'),
        'shape': list(tensor.shape),
        'values': [number(v) for v in wide.detach().flatten().tolist()],
    }


def without_source(_):
    """Whole modules carry the text and the path of their source in old files: no matter for a public repository."""
    raise OSError


def save(name, value, options):
    torch.save(value, FOLDER / name, **options)
    return (FOLDER / name).read_bytes()


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    torch.set_num_threads(1)
    torch.serialization.get_source_lines_and_file = without_source
    warnings.simplefilter('ignore')
    files = {}
    for name, value, options in readable():
        # What PyTorch reads back is the truth, not what was saved. The files are this script's own.
        read = torch.load(io.BytesIO(save(name, value, options)), weights_only=False)
        files[name] = {path: describe(tensor) for path, tensor in tensors_of(read)}
    kinds = {}
    for name, value, kind, options in unread():
        # Another tensor beside it, which is there all the same.
        save(name, {'w': value, 'other': torch.tensor([7.0])}, options)
        kinds[name] = {'kind': kind, 'shape': list(value.shape)}
    versions = {'torch': torch.__version__.split('+')[0], 'python': platform.python_version(), 'numpy': numpy.__version__}
    expected = {'generator': 'scripts/make_pth_fixtures.py', **versions, 'files': files, 'unread': kinds}
    text = json.dumps(expected, separators=(',', ':'), allow_nan=False).replace('"files":', '\n"files":')
    (FOLDER / 'expected.json').write_text(text.replace('},"', '},\n"') + '\n')
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f'{len(files) + len(kinds)} files, {total} bytes in {FOLDER}')
    if total > MAX_TOTAL_BYTES:
        raise SystemExit(f'over {MAX_TOTAL_BYTES} bytes')


if __name__ == '__main__':
    main()
