/** Files of `torch.save`: what PyTorch reads in them is what is read. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ElementType, WeightsFile } from '../../src/formats/index.ts'
import { opcode as op } from '../../src/formats/pickleOpcodes.ts'
import { PyTorchFileError } from '../../src/formats/pytorch.ts'
import {
  call,
  dictionary,
  floats,
  global,
  int,
  legacyFile,
  list,
  oldText,
  type Part,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  yes,
  zipFile,
} from './buildPickle.ts'
import { openBytes, valuesOf } from './openBytes.ts'

interface Expected {
  readonly files: Record<string, Record<string, { dtype: ElementType; shape: number[]; values: (number | string)[] }>>
  readonly unread: Record<string, { readonly kind: string; readonly shape: number[] }>
}

/** Made by scripts/make_pth_fixtures.py. */
const folder = new URL('../fixtures/pth/', import.meta.url)
const expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Expected
const load = (name: string) => openBytes(readFileSync(new URL(name, folder)), name)
const fileNames = Object.keys(expected.files)

const texts: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity, '-0': -0 }
const numberOf = (value: number | string) => (typeof value === 'string' ? texts[value]! : value)

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  float8_e4m3fn: Float32Array,
  float8_e5m2: Float32Array,
  float8_e4m3fnuz: Float32Array,
  float8_e5m2fnuz: Float32Array,
  float8_e8m0fnu: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

const arrayOf = (dtype: ElementType, values: readonly (number | string)[]) => {
  const array = arrays[dtype]
  if (array === BigInt64Array || array === BigUint64Array) return array.from(values.map(BigInt))
  return (array as typeof Float32Array).from(values.map(numberOf))
}

describe('what PyTorch wrote', () => {
  it('is there in both formats, and every type that is read', () => {
    expect(fileNames.filter(name => name.endsWith('.zip.pth')).length).toBe(12)
    expect(fileNames.filter(name => name.endsWith('.legacy.pth')).length).toBe(9)
    const types = Object.values(expected.files).flatMap(file => Object.values(file).map(({ dtype }) => dtype))
    expect(new Set(types)).toEqual(new Set(Object.keys(arrays)))
  })

  it.each(fileNames)('%s: every tensor equals what PyTorch reads', async name => {
    const { tensors } = await load(name)
    const wanted = expected.files[name]!
    expect([...tensors.keys()]).toEqual(Object.keys(wanted))
    for (const [path, { dtype, shape, values }] of Object.entries(wanted)) {
      const found = tensors.get(path)!
      expect(found.dtype, path).toBe(dtype)
      expect(found.shape, path).toEqual(shape)
      expect(await found.read(), path).toEqual(arrayOf(dtype, values))
    }
  })

  it.each(Object.entries(expected.unread))(
    '%s: its tensor is listed, refused when it is asked for, and in no way',
    async (name, { kind, shape }) => {
      const { tensors } = await load(name)
      expect(tensors.get('w')).toMatchObject({ dtype: kind, shape })
      await expect(tensors.get('w')!.read()).rejects.toThrow(PyTorchFileError)
      await expect(tensors.get('w')!.read()).rejects.toThrow(`${name}: tensor "w": ${kind} tensors are not read`)
      expect(await tensors.get('other')!.read()).toEqual(Float32Array.of(7))
    },
  )

  it.each(['zip', 'legacy'])(
    'a checkpoint (%s) gives its epoch, scores and settings, and says what was skipped',
    async form => {
      const { other } = await load(`checkpoint.${form}.pth`)
      expect(Object.fromEntries(other)).toMatchObject({
        epoch: 12,
        arch: 'tiny',
        best_prec1: 91.75,
        score: { skipped: 'numpy scalar' },
        'optimizer.param_groups.0.lr': 0.1,
        'optimizer.param_groups.0.nesterov': false,
        'optimizer.param_groups.0.params': { skipped: 'list of 6 values' },
        'scheduler.milestones.3': 1,
        args: { skipped: 'argparse.Namespace' },
        losses: { skipped: 'list of 3 values' },
        size: { skipped: 'tuple of 3 values' },
        mean: { skipped: 'numpy array' },
        labels: { skipped: 'set of 2 values' },
        seed: 2n ** 63n + 1n,
        nothing: null,
        amp: false,
        dtype: { skipped: 'torch.float32' },
        raw: { skipped: 'bytes' },
        'by class.3': 4,
        'numbers.1.1.1': 'text',
      })
    },
  )

  it.each(['zip', 'legacy'])('objects of any class (%s) are skipped, by name', async form => {
    const { other } = await load(`objects.${form}.pth`)
    const skipped = (key: string) => (other.get(key) as { readonly skipped: string }).skipped
    expect(skipped('hook')).toMatch(/^(__builtin__|builtins)\.print$/)
    expect(skipped('module')).toBe('torch.nn.modules.linear.Linear')
    expect(skipped('path')).toBe('pathlib.PosixPath')
    expect(skipped('date')).toBe('datetime.datetime')
    expect(skipped('partial')).toBe('functools.partial')
    expect(skipped('deque')).toBe('collections.deque')
    expect(skipped('version')).toBe('torch.torch_version.TorchVersion')
    expect(skipped('settings')).toBe('__main__.Settings')
  })

  it('is read from an odd address too', async () => {
    for (const name of ['types.zip.pth', 'types.legacy.pth', 'views.zip.pth']) {
      const file = readFileSync(new URL(name, folder))
      const shifted = new Uint8Array(file.length + 1)
      shifted.set(file, 1)
      expect(await valuesOf(await openBytes(shifted.subarray(1), name))).toEqual(await valuesOf(await load(name)))
    }
  })
})

const one = storage('0', 4)
const values = { '0': floats(1, 2, 3, 4) }
const read = (...parts: Part[]) => openBytes(zipFile(pickle(...parts), values), 'x.pth')
const only = async (file: Promise<WeightsFile>, name = 'w') => [...(await (await file).tensors.get(name)!.read())]

describe('older writers', () => {
  it('_rebuild_tensor of four arguments', async () => {
    const w = call(global('torch._utils', '_rebuild_tensor'), one, int(1), tuple(int(2)), tuple(int(2)))
    expect(await only(read(dictionary(text('w'), w)))).toEqual([2, 4])
  })

  it('an OrderedDict of pairs and `str` keys, as Python 2 wrote them', async () => {
    const pairs = list(list(oldText(0x77), tensor(one, [4], [1])))
    expect(await only(read(call(global('collections', 'OrderedDict'), pairs)))).toEqual([1, 2, 3, 4])
  })

  it('a Parameter made as an instance', async () => {
    const w: Part = [...global('torch.nn.parameter', 'Parameter'), ...tuple(tensor(one, [1], [1]), yes), op.NEWOBJ]
    expect(await only(read(dictionary(text('w'), w)))).toEqual([1])
  })

  it('storages of the GPU', async () => {
    const cuda: Part = [
      ...tuple(text('storage'), global('torch.cuda', 'FloatStorage'), text('0'), text('cuda:0'), int(4)),
      op.BINPERSID,
    ]
    expect(await only(read(dictionary(text('w'), tensor(cuda, [2], [2]))))).toEqual([1, 3])
  })

  it('views of storages', async () => {
    const view = storage('7', 6, 'FloatStorage', tuple(text('8'), int(2), int(3)))
    const file = legacyFile(pickle(dictionary(text('w'), tensor(view, [2], [1], 1))), [
      ['7', 6, floats(0, 1, 2, 3, 4, 5)],
    ])
    expect(await only(openBytes(file))).toEqual([3, 4])
    const over = dictionary(text('w'), tensor(view, [3], [1], 1))
    await expect(openBytes(legacyFile(pickle(over), [['7', 6, floats(0, 1, 2, 3, 4, 5)]]))).rejects.toThrow(
      /tensor "w": shape \[3\] with strides \[1\] at offset 1 goes past its 3 elements/,
    )
  })

  it('zip archives without byte order', async () => {
    expect(await only(read(dictionary(text('w'), tensor(one, [4], [1]))))).toEqual([1, 2, 3, 4])
  })
})
