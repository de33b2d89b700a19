/** Files of `torch.save`: what PyTorch reads in them is what is read. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type PyTorchFile, PyTorchFileError, type PyTorchType, readPyTorch } from '../../src/formats/index.ts'
import { opcode as op } from '../../src/formats/pickleOpcodes.ts'
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

interface Expected {
  readonly files: Record<string, Record<string, { dtype: PyTorchType; shape: number[]; values: (number | string)[] }>>
  readonly refused: Record<string, string>
}

/** Made by scripts/make_pth_fixtures.py. */
const folder = new URL('../fixtures/pth/', import.meta.url)
const expected = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) as Expected
const load = (name: string) => readPyTorch(readFileSync(new URL(name, folder)), name)
const fileNames = Object.keys(expected.files)

const texts: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity, '-0': -0 }
const numberOf = (value: number | string) => (typeof value === 'string' ? texts[value]! : value)

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int64: Int32Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

describe('what PyTorch wrote', () => {
  it('is there in both formats', () => {
    expect(fileNames.filter(name => name.endsWith('.zip.pth')).length).toBe(8)
    expect(fileNames.filter(name => name.endsWith('.legacy.pth')).length).toBe(8)
  })

  it.each(fileNames)('%s: every tensor equals what PyTorch reads', name => {
    const { tensors } = load(name)
    const wanted = expected.files[name]!
    expect([...tensors.keys()]).toEqual(Object.keys(wanted))
    for (const [path, { dtype, shape, values }] of Object.entries(wanted)) {
      const read = tensors.get(path)!
      expect(read.dtype, path).toBe(dtype)
      expect(read.shape, path).toEqual(shape)
      expect(read.values, path).toEqual(arrays[dtype].from(values.map(numberOf)))
    }
  })

  it.each(Object.entries(expected.refused))('%s is refused: %s', (name, what) => {
    expect(() => load(name)).toThrow(PyTorchFileError)
    expect(() => load(name)).toThrow(what)
    expect(() => load(name)).toThrow(new RegExp(`^${name}: `))
  })

  it.each(['zip', 'legacy'])(
    'a checkpoint (%s) gives its epoch, scores and settings, and says what was skipped',
    form => {
      const { other } = load(`checkpoint.${form}.pth`)
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

  it('is nested in `root` as in the file', () => {
    const { root, tensors } = load('checkpoint.zip.pth')
    expect([...root.dictionaries.keys()]).toEqual(['state_dict', 'optimizer', 'numbers'])
    expect([...root.tensors.keys()]).toEqual(['best_acc'])
    expect(root.dictionaries.get('state_dict')!.tensors.get('module.4.bias')).toBe(
      tensors.get('state_dict.module.4.bias'),
    )
  })

  it('shares memory where tensors share a storage', () => {
    const { tensors } = load('views.legacy.pth')
    expect(tensors.get('last')!.values.buffer).toBe(tensors.get('base')!.values.buffer)
  })

  it('is read from an odd address too', () => {
    for (const name of ['types.zip.pth', 'types.legacy.pth', 'views.zip.pth']) {
      const file = readFileSync(new URL(name, folder))
      const shifted = new Uint8Array(file.length + 1)
      shifted.set(file, 1)
      expect(readPyTorch(shifted.subarray(1), name).tensors).toEqual(load(name).tensors)
    }
  })
})

const one = storage('0', 4)
const values = { '0': floats(1, 2, 3, 4) }
const read = (...parts: Part[]) => readPyTorch(zipFile(pickle(...parts), values), 'x.pth')
const only = ({ tensors }: PyTorchFile, name = 'w') => [...tensors.get(name)!.values]

describe('older writers', () => {
  it('_rebuild_tensor of four arguments', () => {
    const w = call(global('torch._utils', '_rebuild_tensor'), one, int(1), tuple(int(2)), tuple(int(2)))
    expect(only(read(dictionary(text('w'), w)))).toEqual([2, 4])
  })

  it('an OrderedDict of pairs and `str` keys, as Python 2 wrote them', () => {
    const pairs = list(list(oldText(0x77), tensor(one, [4], [1])))
    expect(only(read(call(global('collections', 'OrderedDict'), pairs)))).toEqual([1, 2, 3, 4])
  })

  it('a Parameter made as an instance', () => {
    const w: Part = [...global('torch.nn.parameter', 'Parameter'), ...tuple(tensor(one, [1], [1]), yes), op.NEWOBJ]
    expect(only(read(dictionary(text('w'), w)))).toEqual([1])
  })

  it('storages of the GPU', () => {
    const cuda: Part = [
      ...tuple(text('storage'), global('torch.cuda', 'FloatStorage'), text('0'), text('cuda:0'), int(4)),
      op.BINPERSID,
    ]
    expect(only(read(dictionary(text('w'), tensor(cuda, [2], [2]))))).toEqual([1, 3])
  })

  it('views of storages', () => {
    const view = storage('7', 6, 'FloatStorage', tuple(text('8'), int(2), int(3)))
    const file = legacyFile(pickle(dictionary(text('w'), tensor(view, [2], [1], 1))), [
      ['7', 6, floats(0, 1, 2, 3, 4, 5)],
    ])
    expect(only(readPyTorch(file))).toEqual([3, 4])
    const over = dictionary(text('w'), tensor(view, [3], [1], 1))
    expect(() => readPyTorch(legacyFile(pickle(over), [['7', 6, floats(0, 1, 2, 3, 4, 5)]]))).toThrow(
      /tensor "w": shape \[3\] with strides \[1\] at offset 1 goes past its 3 elements/,
    )
  })

  it('zip archives without byte order', () => {
    expect(only(read(dictionary(text('w'), tensor(one, [4], [1]))))).toEqual([1, 2, 3, 4])
  })
})
