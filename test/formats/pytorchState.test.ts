/** Which weights of a file are taken, and by what names. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PyTorchFileError, readPyTorch, stateDict } from '../../src/formats/index.ts'
import { dictionary, floats, int, list, type Part, pickle, storage, tensor, text, zipFile } from './buildPickle.ts'

const w = tensor(storage('0', 1), [1], [1])
const file = (part: Part) => readPyTorch(zipFile(pickle(part), { '0': floats(7) }), 'x.pth')
const named = (...names: string[]) => dictionary(...names.flatMap(name => [text(name), w]))
const names = (part: Part, prefix?: string) => [...stateDict(file(part), prefix === undefined ? {} : { prefix }).keys()]

describe("prefix 'auto'", () => {
  it.each<[string, Part, string[]]>([
    ['a plain state dict stays as it is', named('conv.weight', 'fc.bias'), ['conv.weight', 'fc.bias']],
    ['module. of DataParallel goes', named('module.conv.weight', 'module.fc.bias'), ['conv.weight', 'fc.bias']],
    ['several prefixes go', named('_orig_mod.module.a', '_orig_mod.module.b'), ['a', 'b']],
    ['only if all names have it', named('model.conv.weight', 'head.bias'), ['model.conv.weight', 'head.bias']],
    ['not if nothing would be left', named('module.'), ['module.']],
    ['names that only begin alike stay', named('module1.a', 'module2.b'), ['module1.a', 'module2.b']],
    ['state_dict of a checkpoint', dictionary(text('epoch'), int(3), text('state_dict'), named('module.a')), ['a']],
    ['beside a score that is a tensor', dictionary(text('best_acc1'), w, text('state_dict'), named('a')), ['a']],
    ['beside the optimizer', dictionary(text('optimizer'), named('m'), text('model'), named('a')), ['a']],
    ['rather than a moving average', dictionary(text('ema'), named('m'), text('net'), named('a')), ['a']],
    ['in several layers', dictionary(text('model'), dictionary(text('state_dict'), named('model.a'))), ['a']],
    ['the only dictionary, whatever its name', dictionary(text('lr'), int(1), text('generator'), named('a')), ['a']],
    [
      'nested by layer',
      dictionary(text('state_dict'), dictionary(text('fc'), named('w'), text('x'), w)),
      ['x', 'fc.w'],
    ],
    ['a list of tensors', list(w, w), ['0', '1']],
  ])('%s', (_what, part, expected) => {
    expect(names(part)).toEqual(expected)
  })

  it('asks when there are several sets', () => {
    const part = dictionary(text('generator'), named('a'), text('critic'), named('b'))
    expect(() => names(part)).toThrow(PyTorchFileError)
    expect(() => names(part)).toThrow(
      'x.pth: holds several sets of tensors: say with prefix which of "generator", "critic"',
    )
    expect(names(part, 'critic.')).toEqual(['b'])
  })
})

describe('a prefix of your own', () => {
  const part = dictionary(text('epoch'), w, text('state_dict'), named('module.a', 'other.b'))
  it('selects and is taken off', () => {
    expect(names(part, 'state_dict.module.')).toEqual(['a'])
  })

  it("'' keeps every tensor and its path", () => {
    expect(names(part, '')).toEqual(['epoch', 'state_dict.module.a', 'state_dict.other.b'])
  })

  it('that nothing has is an error', () => {
    expect(() => names(part, 'net.')).toThrow(
      'x.pth: no tensor\'s path begins with "net."; there are "epoch", "state_dict.module.a", "state_dict.other.b", …',
    )
  })
})

it.each<[Part, string]>([
  [dictionary(text('epoch'), int(3), text('names'), list(int(1))), '"epoch" (number), "names" (list of 1 values)'],
  [dictionary(), 'empty containers'],
])('a file without tensors says what it holds', (part, what) => {
  expect(() => names(part)).toThrow(`x.pth: holds no tensors, only ${what}`)
})

it.each(['zip', 'legacy'])('a checkpoint of a training script (%s) gives the names of its model', form => {
  const name = `checkpoint.${form}.pth`
  const state = stateDict(readPyTorch(readFileSync(new URL(`../fixtures/pth/${name}`, import.meta.url)), name))
  expect([...state].map(([path, { shape }]) => `${path} ${shape.join('×')}`)).toEqual([
    '0.weight 2×1×3×3',
    '0.bias 2',
    '1.weight 2',
    '1.bias 2',
    '1.running_mean 2',
    '1.running_var 2',
    '1.num_batches_tracked ',
    '4.weight 3×8',
    '4.bias 3',
  ])
})
