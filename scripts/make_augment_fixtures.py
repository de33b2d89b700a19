"""Makes test/fixtures/torchvision/augment.json: transforms of byte images as torchvision computes them.

    python scripts/make_augment_fixtures.py            write the file
    python scripts/make_augment_fixtures.py --check    write nothing; exit 1 if the committed file is not what this run makes

The oracle is torchvision.transforms.functional on uint8 tensors, and on Pillow's pictures for other sizes, which Pillow alone
computes in whole numbers; AlexNet's color shift, which torchvision does not have, is the
paper's formula in NumPy, and the mixing of batches is that of torchvision.transforms.v2 (MixUp, CutMix) in float32. Images are stored as [height, width, channels] bytes in base64. Each case has the name of its image, the operation with its arguments, the
result, and by how much a byte may differ: 0 where both sides do the same arithmetic, 1 where rounding may go either way.
"""

import argparse
import base64
import json
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image

# torchvision's compiled operators are not needed here; without this, builds of them for another torch, or none, keep it
# from being imported.
_register_fake = torch.library.register_fake
torch.library.register_fake = lambda *_, **__: lambda function: function
import torchvision.transforms.functional as F  # noqa: E402
from torchvision.transforms import InterpolationMode  # noqa: E402

torch.library.register_fake = _register_fake

FILE = Path(__file__).resolve().parent.parent / 'test' / 'fixtures' / 'torchvision' / 'augment.json'


def image(height, width, channels, seed):
    """Waves with some noise: neighbors resemble each other, as in photographs, and every byte occurs."""
    random = numpy.random.default_rng(seed)
    y, x, c = numpy.meshgrid(numpy.arange(height), numpy.arange(width), numpy.arange(channels), indexing='ij')
    waves = 127 + 110 * numpy.sin(0.35 * x + 0.8 * c) * numpy.cos(0.3 * y - 0.5 * c)
    return numpy.clip(waves + random.normal(0, 18, waves.shape), 0, 255).astype(numpy.uint8)


IMAGES = {
    'color': image(15, 22, 3, 1),
    'tall': image(23, 14, 3, 2),
    'gray': image(12, 12, 1, 3),
    # More than a hundred times as high as wide: Pillow takes the axes in the other order.
    'thread': image(210, 2, 1, 5),
    'dots': numpy.random.default_rng(4).integers(0, 256, (9, 11, 3), dtype=numpy.uint8),
}
# Grays, primaries and the ends of the range, for hues.
IMAGES['palette'] = numpy.array(
    [[0, 0, 0], [255, 255, 255], [90, 90, 90], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255],
     [255, 0, 255], [1, 0, 0], [254, 255, 255], [200, 100, 50], [50, 200, 100], [100, 50, 200], [7, 7, 8]],
    dtype=numpy.uint8,
).reshape(3, 5, 3)


def tensor(array):
    return torch.from_numpy(array.copy()).permute(2, 0, 1)


def array(result):
    return result.permute(1, 2, 0).contiguous().numpy()


def pack(values):
    return {'shape': list(values.shape), 'bytes': base64.b64encode(values.astype(numpy.uint8).tobytes()).decode()}


CASES = []


def case(name, op, arguments, result, tolerance=0):
    CASES.append({'image': name, 'op': op, 'arguments': arguments, 'result': pack(result), 'tolerance': tolerance})


def crops():
    for name, top, left, height, width in [('color', 2, 3, 7, 9), ('gray', 0, 0, 12, 12), ('tall', 20, 10, 3, 4)]:
        box = {'top': top, 'left': left, 'height': height, 'width': width}
        case(name, 'crop', {'box': box}, array(F.crop(tensor(IMAGES[name]), top, left, height, width)))
    for mode in ['constant', 'edge', 'reflect', 'symmetric']:
        for top, left in [(0, 0), (3, 8), (8, 1)]:
            padded = F.pad(tensor(IMAGES['color']), [4, 4, 4, 4], 0, mode)
            result = array(F.crop(padded, top, left, 15, 22))
            box = {'top': top - 4, 'left': left - 4, 'height': 15, 'width': 22}
            case('color', 'crop', {'box': box, 'border': mode}, result)
    padded = F.pad(tensor(IMAGES['gray']), [3, 3, 3, 3], 77, 'constant')
    case('gray', 'crop', {'box': {'top': -3, 'left': -3, 'height': 18, 'width': 18}, 'fill': 77}, array(padded))
    # Smaller, of odd and even differences, and larger than the picture along one side or both.
    for name, size in [('color', 9), ('tall', 10), ('gray', 5), ('gray', 12), ('gray', 15), ('color', 20), ('tall', 17), ('dots', 12)]:
        case(name, 'centerCrop', {'size': size}, array(F.center_crop(tensor(IMAGES[name]), [size, size])))
    for name, size in [('color', 9), ('tall', 10), ('gray', 5), ('gray', 12)]:
        for k, view in enumerate(F.five_crop(tensor(IMAGES[name]), [size, size])):
            case(name, 'fiveCrop', {'size': size, 'view': k}, array(view))
    for k, view in enumerate(F.ten_crop(tensor(IMAGES['tall']), [11, 11])):
        case('tall', 'tenCrop', {'size': 11, 'view': k}, array(view))


def flips():
    for name in ['color', 'gray', 'tall']:
        case(name, 'flipHorizontally', {}, array(F.hflip(tensor(IMAGES[name]))))
        case(name, 'flipVertically', {}, array(F.vflip(tensor(IMAGES[name]))))


def picture(array):
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def resized(name, height, width, interpolation, box=None):
    source = picture(IMAGES[name])
    if box:
        source = F.crop(source, box['top'], box['left'], box['height'], box['width'])
    result = numpy.array(F.resize(source, [height, width], InterpolationMode(interpolation)))
    return result.reshape(height, width, -1)


def sizes():
    for interpolation in ['bilinear', 'bicubic', 'nearest']:
        for name, height, width in [
            ('color', 8, 11), ('color', 30, 44), ('color', 7, 40), ('color', 15, 9), ('color', 31, 22), ('tall', 5, 5), ('gray', 28, 28),
            ('gray', 13, 25), ('dots', 4, 9), ('dots', 1, 1), ('dots', 29, 3), ('thread', 40, 5), ('thread', 300, 3),
        ]:
            arguments = {'height': height, 'width': width, 'interpolation': interpolation}
            case(name, 'resize', arguments, resized(name, height, width, interpolation))
    for name, side in [('color', 10), ('color', 31), ('tall', 20), ('tall', 9), ('gray', 7)]:
        result = numpy.array(F.resize(picture(IMAGES[name]), side))
        case(name, 'resizeShorterSide', {'side': side}, result.reshape(*result.shape[:2], -1))
    box = {'top': 3, 'left': 5, 'height': 9, 'width': 12}
    case('color', 'resizedCrop', {'box': box, 'height': 16, 'width': 16}, resized('color', 16, 16, 'bilinear', box))
    for name, side in [('color', 10), ('tall', 20), ('gray', 5)]:
        result = numpy.array(F.center_crop(F.resize(picture(IMAGES[name]), side), [side, side]))
        case(name, 'cover', {'size': side}, result.reshape(side, side, -1))


def maps():
    modes = {'bilinear': InterpolationMode.BILINEAR, 'nearest': InterpolationMode.NEAREST}
    for interpolation, mode in modes.items():
        for name in ['color', 'gray']:
            # No color outside is not the same as black: with one, pixels at the border are blended twice.
            for fill in [None, 0, 77, [10, 200, 90]] if name == 'color' else [None, 0, 255]:
                given = {} if fill is None else {'fill': fill}
                channels = IMAGES[name].shape[2]
                floats = fill if fill is None else [float(v) for v in (fill if isinstance(fill, list) else [fill] * channels)]
                tolerance = 1 if interpolation == 'bilinear' else 0
                # A quarter turn of an oblong picture falls halfway between pixels, where rounding decides.
                for degrees in [0, 7.5, -33, 90, 180, 271] if fill is None else [-33, 90]:
                    result = array(F.rotate(tensor(IMAGES[name]), degrees, mode, fill=floats))
                    case(name, 'rotate', {'degrees': degrees, 'interpolation': interpolation, **given}, result, tolerance)
                affine_maps = [
                    (20, [1, 2], 0.9, [10, -5]), (0, [1, 0], 0.5, [0, 0]), (0, [3, -2], 1, [0, 0]), (0, [0, 0], 1.3, [0, 0]),
                    (-160, [0, 0], 1.1, [0, 25]),
                ]
                for angle, translate, scale, shear in affine_maps if fill is None else affine_maps[:2]:
                    arguments = {'angle': angle, 'translate': translate, 'scale': scale, 'shear': shear, 'interpolation': interpolation}
                    result = array(F.affine(tensor(IMAGES[name]), angle, translate, scale, shear, mode, fill=floats))
                    case(name, 'affine', {**arguments, **given}, result, tolerance)


def colors():
    for name in ['color', 'gray', 'dots']:
        for factor in [0, 0.3, 1, 1.37, 2.5]:
            case(name, 'adjustBrightness', {'factor': factor}, array(F.adjust_brightness(tensor(IMAGES[name]), factor)))
            case(name, 'adjustContrast', {'factor': factor}, array(F.adjust_contrast(tensor(IMAGES[name]), factor)))
            case(name, 'adjustSaturation', {'factor': factor}, array(F.adjust_saturation(tensor(IMAGES[name]), factor)))
    for name in ['color', 'gray', 'dots', 'palette']:
        for shift in [-0.5, -0.2, 0, 0.07, 1 / 3, 0.5]:
            case(name, 'adjustHue', {'shift': shift}, array(F.adjust_hue(tensor(IMAGES[name]), shift)), 1)


def erased():
    for name, top, left, height, width, color in [('color', 2, 3, 5, 8, [0, 0, 0]), ('color', 0, 0, 15, 22, [9, 99, 199]), ('gray', 7, 7, 5, 5, [128])]:
        value = torch.tensor(color, dtype=torch.uint8).view(-1, 1, 1)
        box = {'top': top, 'left': left, 'height': height, 'width': width}
        case(name, 'erase', {'box': box, 'fill': color}, array(F.erase(tensor(IMAGES[name]), top, left, height, width, value)))


def principal_components():
    values = numpy.array([0.2175, 0.0188, 0.0045])
    vectors = numpy.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.814], [-0.5836, -0.6948, 0.4203]])
    for alphas in [[0.1, -0.2, 0.05], [-0.4, 0.3, 0.9]]:
        shift = 255 * vectors @ (numpy.array(alphas) * values)
        result = numpy.clip(numpy.floor(IMAGES['color'] + shift + 0.5), 0, 255)
        case('color', 'shiftColor', {'alphas': alphas}, result)


def batches():
    """Three images of one size, mixed: the images after one another, then the labels."""
    batch = numpy.stack([image(8, 10, 3, 10 + k) for k in range(3)])
    labels = numpy.eye(4, dtype=numpy.float32)[[2, 0, 2]]
    x, y = torch.from_numpy(batch).permute(0, 3, 1, 2).float(), torch.from_numpy(labels)
    mixed = []
    for share in [0.3, 0.85]:
        images = x.roll(1, 0).mul(1 - share).add(x.mul(share))
        mixed.append({
            'op': 'mixBatch', 'share': share,
            'images': pack(numpy.floor(images.permute(0, 2, 3, 1).numpy() + 0.5)),
            'labels': y.roll(1, 0).mul(1 - share).add(y.mul(share)).flatten().tolist(),
        })
    top, left, height, width = 1, 2, 5, 6
    images = x.clone()
    images[..., top:top + height, left:left + width] = x.roll(1, 0)[..., top:top + height, left:left + width]
    share = 1 - height * width / (8 * 10)
    mixed.append({
        'op': 'pasteBatch', 'box': {'top': top, 'left': left, 'height': height, 'width': width},
        'images': pack(images.permute(0, 2, 3, 1).numpy()),
        'labels': y.roll(1, 0).mul(1 - share).add(y.mul(share)).flatten().tolist(),
    })
    return {'images': pack(batch), 'classes': 4, 'labels': labels.flatten().tolist(), 'mixed': mixed}


def make():
    CASES.clear()
    for part in [crops, flips, sizes, maps, colors, erased, principal_components]:
        part()
    return {
        'made by': 'scripts/make_augment_fixtures.py',
        'images': {name: pack(values) for name, values in IMAGES.items()},
        'cases': CASES,
        'batch': batches(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true')
    check = parser.parse_args().check
    contents = make()
    lines = ',\n'.join(f'    {json.dumps(entry)}' for entry in contents.pop('cases'))
    head = json.dumps(contents, indent=None)
    text = f'{head[:-1]},\n  "cases": [\n{lines}\n  ]\n}}\n'
    json.loads(text)
    if not check:
        FILE.write_text(text)
        print(f'{FILE.name}: {len(text)} bytes, {len(CASES)} cases')
    elif FILE.read_text() != text:
        sys.exit(f'{FILE} is not what this run makes')


if __name__ == '__main__':
    main()
