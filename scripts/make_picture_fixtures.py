"""Makes test/fixtures/pillow/pictures.json: small picture files of every kind, and their pixels as Pillow decodes them.

    python scripts/make_picture_fixtures.py            write the file
    python scripts/make_picture_fixtures.py --check    write nothing; exit 1 if the committed file is not what this run makes

Needs Pillow with libjpeg-turbo, WebP and TIFF, as its wheels have them, and NumPy. Each file has its bytes and, in base64, its
pixels in color (RGB, alpha pasted on white, upright as EXIF says) and in gray ('L'). Where Pillow is known to be wrong, or
gives nothing to compare with, the pixels are those the file was made of, see `made_of`.

Damaged JPEGs are stored as edits of whole ones, with Pillow's verdict: refused, or a hash of the pixels.
"""

import argparse
import base64
import hashlib
import io
import json
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy
from PIL import Image, ImageCms, ImageOps

FILE = Path(__file__).resolve().parent.parent / 'test' / 'fixtures' / 'pillow' / 'pictures.json'
HEIGHT, WIDTH = 9, 13
warnings.simplefilter('ignore')


def waves(channels, height=HEIGHT, width=WIDTH, seed=1):
    """Waves with some noise, so that neighbors resemble each other, as in photographs."""
    random = numpy.random.default_rng(seed)
    y, x, c = numpy.meshgrid(numpy.arange(height), numpy.arange(width), numpy.arange(channels), indexing='ij')
    values = 127 + 110 * numpy.sin(0.35 * x + 0.8 * c) * numpy.cos(0.3 * y - 0.5 * c) + random.normal(0, 15, x.shape)
    return numpy.clip(values, 0, 255).astype(numpy.uint8)


COLOR, GRAY = Image.fromarray(waves(3)), Image.fromarray(waves(1)[..., 0])
COLOR_ALPHA, GRAY_ALPHA = Image.fromarray(waves(4)), Image.fromarray(waves(2), 'LA')
PALETTE, BITS, INKS = COLOR.quantize(20), GRAY.convert('1'), COLOR.convert('CMYK')


def pack(data):
    return base64.b64encode(bytes(data)).decode()


def saved(image, extension, **options):
    file = io.BytesIO()
    formats = {'jpg': 'JPEG', 'tif': 'TIFF', 'pgm': 'PPM', 'pbm': 'PPM'}
    image.save(file, formats.get(extension, extension.upper()), **options)
    return file.getvalue()


def on_white(image):
    """The picture in color, without alpha."""
    image = ImageOps.exif_transpose(image)
    if 'A' not in image.mode and 'transparency' not in image.info:
        return image.convert('RGB')
    whole = image.convert('RGBA')
    paper = Image.new('RGB', whole.size, 'white')
    paper.paste(whole, mask=whole.getchannel('A'))
    return paper


FILES = []


def add(name, data, made_of=None):
    """A file and what it shows: `made_of`, an array of gray or color, or what Pillow decodes."""
    shown = on_white(Image.open(io.BytesIO(data))) if made_of is None else Image.fromarray(made_of).convert('RGB')
    color, gray = numpy.array(shown), numpy.array(shown.convert('L'))
    FILES.append({
        'name': name, 'file': pack(data), 'height': color.shape[0], 'width': color.shape[1],
        'color': pack(color.tobytes()), 'gray': pack(gray.tobytes()),
    })


def jpegs():
    for subsampling in range(3):
        add(f'color{subsampling}.jpg', saved(COLOR, 'jpg', quality=85, subsampling=subsampling))
    add('progressive.jpg', saved(COLOR, 'jpg', progressive=True))
    add('restarts.jpg', saved(COLOR, 'jpg', restart_marker_blocks=1))
    add('gray.jpg', saved(GRAY, 'jpg'))
    add('inks.jpg', saved(INKS, 'jpg'))
    whole = saved(COLOR, 'jpg')
    at, tables = whole.index(b'JFIF\0') + 5, whole.index(b'\xff\xdb')
    add('version 0.00.jpg', whole[:at] + b'\0\0' + whole[at + 2:])
    add('version 2.00.jpg', whole[:at] + b'\2\0' + whole[at + 2:])
    add('stray bytes.jpg', whole[:tables] + b'\0\0\1' + whole[tables:])
    add('fill bytes.jpg', whole[:tables] + b'\xff\xff' + whole[tables:])
    add('unknown transform.jpg', whole[:2] + b'\xff\xee\0\x0eAdobe\0d\0\0\0\0\7' + whole[2:])
    add('stray before the end.jpg', whole[:-2] + bytes(range(1, 66)) + whole[-2:])
    add('trailing.jpg', whole + bytes(100))


def other_formats():
    for name, image in [
        ('color', COLOR), ('gray', GRAY), ('color alpha', COLOR_ALPHA), ('gray alpha', GRAY_ALPHA), ('palette', PALETTE), ('bits', BITS),
    ]:
        add(f'{name}.png', saved(image, 'png'))
        add(f'{name}.tif', saved(image, 'tif', compression='tiff_lzw'))
    add('inks.tif', saved(INKS, 'tif'))
    add('palette with a transparent color.png', saved(PALETTE, 'png', transparency=3))
    add('color that is transparent.png', saved(COLOR, 'png', transparency=tuple(int(v) for v in numpy.array(COLOR)[4, 5])))
    add('lossy.webp', saved(COLOR, 'webp'))
    add('lossless.webp', saved(COLOR_ALPHA, 'webp', lossless=True, exact=True))
    add('palette.gif', saved(PALETTE, 'gif'))
    turned = Image.Exif()
    turned[0x112] = 6
    add('turned.jpg', saved(COLOR, 'jpg', exif=turned))
    add('turned.png', saved(COLOR, 'png', exif=turned))
    # A profile that exchanges red and blue: it is not used.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    red, blue = profile.find(b'rXYZ'), profile.find(b'bXYZ')
    profile = profile[:red] + b'bXYZ' + profile[red + 4:blue] + b'rXYZ' + profile[blue + 4:]
    # The date and hash of a profile are its maker's.
    profile = profile[:24] + bytes(12) + profile[36:84] + bytes(16) + profile[100:]
    add('profile.png', saved(COLOR, 'png', icc_profile=profile))


def png16(values):
    """A PNG of 16 bits: its high bytes are the picture, which Pillow finds for color and not for gray."""
    height, width, channels = values.shape
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in values)

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    header = struct.pack('>IIBBBBB', width, height, 16, {1: 0, 3: 2}[channels], 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def deep():
    values = numpy.random.default_rng(5).integers(0, 65536, (HEIGHT, WIDTH, 3))
    add('color of 16 bits.png', png16(values))
    add('gray of 16 bits.png', png16(values[..., :1]), (values[..., 0] >> 8).astype(numpy.uint8))


def pixmaps():
    random = numpy.random.default_rng(6)
    for most in [255, 1, 100, 1000, 65535]:
        for kind, channels in [(2, 1), (3, 3)]:
            values = random.integers(0, most + 1, (HEIGHT, WIDTH * channels))
            made_of = None if channels == 3 or most < 256 else numpy.rint(values / most * 255).astype(numpy.uint8)
            ending = {1: 'pgm', 3: 'ppm'}[channels]
            size = f'{WIDTH} # columns\n{HEIGHT}'
            text = '\n'.join(' '.join(str(v) for v in row) + ' # a row' for row in values.tolist())
            add(f'plain to {most}.{ending}', f'P{kind}\n{size}\n{most}\n{text}'.encode(), made_of)
            raw = values.astype('>u2' if most > 255 else numpy.uint8).tobytes()
            add(f'raw to {most}.{ending}', f'P{kind + 3} {size} {most}\n'.encode() + raw, made_of)
    bits = random.integers(0, 2, (HEIGHT, WIDTH))
    add('plain.pbm', f'P1 {WIDTH} {HEIGHT}\n'.encode() + b'\n'.join(''.join(str(v) for v in row).encode() for row in bits.tolist()))
    add('raw.pbm', f'P4\n{WIDTH} {HEIGHT}\n'.encode() + numpy.packbits(bits, axis=1).tobytes())


def bitmap(header, bits, data, palette=None, compression=0, masks=(0, 0, 0, 0), height=HEIGHT, pixels_at=None):
    """A BMP file with a header of so many bytes."""
    colors = 0 if palette is None or header == 12 else len(palette)
    if header == 12:
        head = struct.pack('<IHHHH', 12, WIDTH, height, 1, bits)
    else:
        head = struct.pack('<IiiHHIIiiII', header, WIDTH, height, 1, bits, compression, len(data), 2835, 2835, colors, 0)
        if header == 40 and compression == 3:
            head += struct.pack('<III', *masks[:3])
        if header == 52:
            head += struct.pack('<III', *masks[:3])
        elif header > 52:
            head += (struct.pack('<IIII', *masks) if header != 64 else b'').ljust(header - 40, b'\0')
    table = b'' if palette is None else b''.join(bytes(color[::-1]) + (b'' if header == 12 else b'\0') for color in palette.tolist())
    offset = 14 + len(head) + len(table)
    return b'BM' + struct.pack('<IHHI', offset + len(data), 0, 0, pixels_at or offset) + head + table + data


def run_lengths(indices, bits):
    """Rows from the bottom, as runs, literals and, over the last row's first pixels, a jump."""
    out = bytearray()
    for y in range(HEIGHT - 1, -1, -1):
        row = [int(v) for v in indices[y]]
        x = 0
        if y == 0:
            out += bytes([0, 2, 4, 0])
            x = 4
        while x < WIDTH:
            same = next((k for k in range(x, WIDTH) if row[k] != row[x]), WIDTH) - x
            if same > 1 or WIDTH - x < 3:
                out += bytes([same, row[x] if bits == 8 else row[x] * 17])
                x += same
                continue
            count = min(WIDTH - x, 5)
            part = row[x:x + count]
            data = bytes(part) if bits == 8 else bytes(a * 16 + b for a, b in zip(part[::2], (part + [0])[1::2]))
            out += bytes([0, count]) + data + bytes(len(data) % 2)
            x += count
        out += bytes([0, 0])
    return bytes(out) + bytes([0, 1])


def bitmaps():
    random = numpy.random.default_rng(7)
    for name, image in [('bits', BITS), ('gray', GRAY), ('palette', PALETTE), ('color', COLOR), ('alpha', COLOR_ALPHA)]:
        add(f'{name}, as Pillow writes it.bmp', saved(image, 'bmp'))

    def rows(bits):
        return random.integers(0, 256, 4 * -(-WIDTH * bits // 32) * HEIGHT, dtype=numpy.uint8).tobytes()

    def colors(count):
        return random.integers(0, 256, (count, 3))

    for header in [12, 40, 64, 124]:
        add(f'4 bits, header of {header}.bmp', bitmap(header, 4, rows(4), colors(16)))
        add(f'24 bits, header of {header}.bmp', bitmap(header, 24, rows(24)))
    add('1 bit.bmp', bitmap(40, 1, rows(1), colors(2)))
    add('8 bits, few colors, top-down.bmp', bitmap(40, 8, bytes(v % 30 for v in rows(8)), colors(30), height=-HEIGHT))
    add('offset before the palette.bmp', bitmap(40, 4, rows(4), colors(16), pixels_at=54))
    add('16 bits.bmp', bitmap(40, 16, rows(16)))
    add('32 bits, top-down.bmp', bitmap(40, 32, rows(32), height=-HEIGHT))
    add('5-6-5.bmp', bitmap(40, 16, rows(16), compression=3, masks=(0xF800, 0x7E0, 0x1F, 0)))
    add('fields of 32 bits.bmp', bitmap(52, 32, rows(32), compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0)))
    for header in [56, 108, 124]:
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000) if header == 124 else (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
        add(f'alpha, header of {header}.bmp', bitmap(header, 32, rows(32), compression=3, masks=masks))
    # Pillow has no field of 10 bits, and leaves the last byte of literals of odd length out of RLE4.
    words = random.integers(0, 2**32, (HEIGHT, WIDTH))
    shown = numpy.stack([(words >> shift & 1023) * 255 // 1023 for shift in [20, 10, 0]], -1).astype(numpy.uint8)
    ten = bitmap(124, 32, words[::-1].astype('<u4').tobytes(), compression=3, masks=(1023 << 20, 1023 << 10, 1023, 0))
    add('10 bits a color.bmp', ten, shown)
    for bits in [8, 4]:
        indices = random.integers(0, 1 << bits, (HEIGHT, WIDTH))
        indices[2:4] = indices[2:4, :1]
        indices[0, :4] = 0
        palette = colors(1 << bits)
        add(f'RLE{bits}.bmp', bitmap(40, bits, run_lengths(indices, bits), palette, compression=3 - bits // 4), palette[indices].astype(numpy.uint8))


def verdict(data):
    """`refused`, or a hash of the pixels."""
    try:
        return hashlib.sha1(numpy.array(Image.open(io.BytesIO(data)).convert('RGB')).tobytes()).hexdigest()
    except Exception:
        return 'refused'


def edited(data, edit):
    at, remove, insert = edit
    return data[:at] + bytes(insert) + data[at + remove:]


def damaged():
    """Per JPEG: edits [where, how many bytes are taken out, which are put in] and Pillow's verdict on each."""
    random = numpy.random.default_rng(8)
    big = Image.fromarray(waves(3, 24, 40))
    result = []
    for name, data in [
        ('baseline', saved(big, 'jpg', quality=80)), ('progressive', saved(big, 'jpg', quality=80, progressive=True)),
        ('restarts', saved(big, 'jpg', quality=80, restart_marker_blocks=2)), ('gray', saved(big.convert('L'), 'jpg', quality=80)),
    ]:
        size = len(data)
        edits = [[int(at), size, []] for at in sorted({*numpy.linspace(1, size - 1, 40).astype(int).tolist(), *range(size - 5, size)})]
        for _ in range(120):
            at = int(random.integers(2, size))
            edits.append([at, 1, [data[at] ^ 1 << int(random.integers(8))]])
        for _ in range(40):
            edits.append([int(random.integers(2, size)), 0, random.integers(0, 256, int(random.integers(1, 5))).tolist()])
            edits.append([int(random.integers(2, size)), int(random.integers(1, 5)), []])
        result.append({'name': name, 'file': pack(data), 'edits': [{'edit': edit, 'verdict': verdict(edited(data, edit))} for edit in edits]})
    return result


def make():
    FILES.clear()
    for part in [jpegs, other_formats, deep, pixmaps, bitmaps]:
        part()
    return {'made by': 'scripts/make_picture_fixtures.py', 'files': FILES, 'damaged': damaged()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true')
    check = parser.parse_args().check
    contents = make()
    parts = []
    for key in ['files', 'damaged']:
        rows = ',\n'.join(f'    {json.dumps(entry)}' for entry in contents[key])
        parts.append(f'  "{key}": [\n{rows}\n  ]')
    text = f'{{\n  "made by": "{contents["made by"]}",\n' + ',\n'.join(parts) + '\n}\n'
    json.loads(text)
    if not check:
        FILE.write_text(text)
        print(f'{FILE.name}: {len(text)} bytes, {len(FILES)} files')
    elif FILE.read_text() != text:
        sys.exit(f'{FILE} is not what this run makes')


if __name__ == '__main__':
    main()
