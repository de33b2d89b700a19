/** Which tensors of a file are a model's weights, and what is done to their names. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ChooseWeightsOptions, chooseWeights, type FileTensor, WeightsError } from '../../src/formats/index.ts'
import { openBytes } from './openBytes.ts'

/** A tensor of which only the shape matters. */
const tensor = (...shape: number[]): FileTensor => ({ dtype: 'float32', shape, read: async () => new Float32Array(0) })

/** Tensors of a scalar each, by nested names. */
type Nested = { readonly [name: string]: Nested | FileTensor }

function flat(nested: Nested, path = ''): [string, FileTensor][] {
  return Object.entries(nested).flatMap(([name, value]) =>
    'read' in value ? [[path + name, value as FileTensor]] : flat(value as Nested, `${path}${name}.`),
  )
}

const net = { 'stem.weight': tensor(3), 'stem.bias': tensor(), 'fc.weight': tensor(2, 3), 'fc.bias': tensor(2) }
const names = Object.keys(net)
const behind = (prefix: string, of: Nested = net) =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [prefix + name, value]))

const fileOf = (nested: Nested) => ({ name: 'x.pth', tensors: new Map(flat(nested)), other: new Map() })
const choose = (nested: Nested, options?: ChooseWeightsOptions, wanted: Nested = net) => {
  const file = fileOf(nested)
  const { tensors, notes } = chooseWeights(file, new Map(flat(wanted)), options)
  // Where each came from: the path in the file.
  const paths = new Map([...file.tensors].map(([path, found]) => [found, path]))
  return { names: [...tensors.keys()], from: [...tensors.values()].map(found => paths.get(found)), notes }
}
/** As `net`, but with tensors of its own, so that it can be told where one came from. */
function another(): Nested {
  return Object.fromEntries(Object.entries(net).map(([name, { shape }]) => [name, tensor(...shape)]))
}

describe("names that are the model's", () => {
  it.each(['net', 'model', 'network', 'module', 'state_dict', '_orig_mod', 'average'])(
    'stay as they are, also when all begin with %s.',
    field => {
      const own = behind(`${field}.`)
      expect(choose(own, {}, own)).toEqual({ names: Object.keys(own), from: Object.keys(own), notes: [] })
    },
  )

  it('stay as they are beside other tensors, which are left to the caller', () => {
    const { names: found, notes } = choose({ ...net, seed: tensor(), ema: another() })
    expect(found).toEqual([...names, 'seed', ...names.map(name => `ema.${name}`)])
    expect(notes).toEqual([])
  })
})

describe('what stands before the names', () => {
  it.each<[what: string, file: Nested, prefix: string, left: number]>([
    ['DataParallel', behind('module.'), 'module.', 0],
    ['torch.compile', behind('_orig_mod.'), '_orig_mod.', 0],
    ['both', behind('_orig_mod.module.'), '_orig_mod.module.', 0],
    ['a checkpoint', { state_dict: net, optimizer: { state: { 0: { exp_avg: tensor(3) } } } }, 'state_dict.', 1],
    ['Lightning', { state_dict: { ...behind('model.'), 'loss_fn.weight': tensor(4) } }, 'state_dict.model.', 1],
    ['Lightning, compiled', { state_dict: behind('model._orig_mod.') }, 'state_dict.model._orig_mod.', 0],
    ['AveragedModel', { n_averaged: tensor(), ...behind('module.') }, 'module.', 1],
    ['a name that nobody knows', { epoch: tensor(), classifier_weights: net }, 'classifier_weights.', 1],
    ['an optimizer of equal names', { optimizer: { momentum: another() }, weights: net }, 'weights.', 4],
    ['another network beside it', { student: net, teacher: { 'stem.weight': tensor(9) } }, 'student.', 1],
    ['a network of other shapes', { small: net, large: { ...another(), 'fc.weight': tensor(2, 9) } }, 'small.', 4],
  ])('is found: %s', (_what, file, prefix, left) => {
    const others = left === 0 ? '' : left === 1 ? ', and left out one other' : `, and left out ${left} others`
    const found = choose(file)
    expect(found.names).toEqual(names)
    expect(found.from).toEqual(names.map(name => prefix + name))
    expect(found.notes).toEqual([`took ${JSON.stringify(prefix)} off the names of 4 tensors${others}`])
  })

  it('is found when the last layer is called otherwise', () => {
    const file = { model: { 'stem.weight': tensor(3), 'stem.bias': tensor(), 'head.weight': tensor(5, 3) } }
    expect(choose(file).names).toEqual(['stem.weight', 'stem.bias', 'head.weight'])
  })

  it('is not guessed from less than half of the names', () => {
    const file = { 'layer1.fc.bias': tensor(2), 'layer2.fc.bias': tensor(2), 'conv.weight': tensor(1) }
    expect(choose(file)).toEqual({ names: Object.keys(file), from: Object.keys(file), notes: [] })
  })
})

describe('wrappers within names', () => {
  it('are left out where the names need it', () => {
    const file = {
      'stem._orig_mod.weight': tensor(3),
      'stem._orig_mod.bias': tensor(),
      ...behind('', { 'fc.weight': tensor(2, 3), 'fc.bias': tensor(2) }),
    }
    expect(choose(file)).toMatchObject({ names, notes: ['left "_orig_mod" out of the names'] })
  })

  it('of several kinds, behind a prefix', () => {
    const file = {
      'state_dict.net.stem._checkpoint_wrapped_module.weight': tensor(3),
      'state_dict.net.stem._checkpoint_wrapped_module.bias': tensor(),
      'state_dict.net.fc.module.weight': tensor(2, 3),
      'state_dict.net.fc.module.bias': tensor(2),
    }
    expect(choose(file)).toMatchObject({
      names,
      notes: [
        'left "_checkpoint_wrapped_module", "module" out of the names',
        'took "state_dict.net." off the names of 4 tensors',
      ],
    })
  })

  it('stay where two tensors would get the same name', () => {
    const file = {
      'stem.weight': tensor(3),
      'stem.bias': tensor(),
      'fc.module.weight': tensor(1),
      'fc.weight': tensor(2, 3),
    }
    expect(choose(file).names).toEqual(Object.keys(file))
  })
})

describe('averaged weights and those of the last step', () => {
  it.each<[what: string, file: Nested, averaged: string, last: string]>([
    ['timm', { state_dict: net, state_dict_ema: another() }, 'state_dict_ema.', 'state_dict.'],
    [
      "torchvision's reference",
      { model: net, model_ema: { n_averaged: tensor(), ...behind('module.', another()) } },
      'model_ema.module.',
      'model.',
    ],
    [
      'a Lightning module with an average',
      { state_dict: { ...behind('model.'), ...behind('ema_model.', another()) } },
      'state_dict.ema_model.',
      'state_dict.model.',
    ],
    [
      "Lightning's WeightAveraging",
      { state_dict: behind('model.', another()), current_model_state: behind('model.') },
      'state_dict.model.',
      'current_model_state.model.',
    ],
    ['params_ema', { params: net, params_ema: another() }, 'params_ema.', 'params.'],
  ])('of %s: the averaged ones, or on request the others', (_what, file, averaged, last) => {
    const by = (average: boolean) => choose(file, { average })
    expect(by(true).from).toEqual(names.map(name => averaged + name))
    expect(by(true).notes[0]).toBe(
      `took the averaged weights, ${JSON.stringify(averaged)}, and not ${JSON.stringify(last)}`,
    )
    expect(by(false).from).toEqual(names.map(name => last + name))
    expect(by(false).notes[0]).toBe(
      `took the weights of the last step, ${JSON.stringify(last)}, and not ${JSON.stringify(averaged)}`,
    )
  })

  it('of a run of Fovea: averages in place of what they are averages of, without optimizer and preprocessing', () => {
    const file = {
      ...behind('model.'),
      'model.normalize.mean': tensor(3),
      'average.stem.weight': tensor(3),
      'average.fc.weight': tensor(2, 3),
      'optimizer.momentum.stem.weight': tensor(3),
    }
    const paths = names.map(name => `model.${name}`)
    const averaged = ['average.stem.weight', 'model.stem.bias', 'average.fc.weight', 'model.fc.bias']
    expect(choose(file)).toEqual({
      names,
      from: averaged,
      notes: [
        'took the averages of 2 tensors ("average.")',
        'took "model." off the names of 4 tensors, and left out 4 others',
      ],
    })
    expect(choose(file, { average: false }).from).toEqual(paths)
    // Whoever names the prefix gets the same weights.
    expect(choose(file, { prefix: 'model.' }).from).toEqual(averaged)
    expect(choose(file, { prefix: '' }).names).toEqual(Object.keys(file))
  })
})

describe('several sets that fit', () => {
  const file = { generator: net, critic: another() }

  it('are refused, and a prefix chooses', () => {
    expect(() => choose(file)).toThrow(WeightsError)
    expect(() => choose(file)).toThrow(
      'x.pth: holds several sets of weights that fit: say with prefix which of "generator.", "critic."',
    )
    expect(choose(file, { prefix: 'critic.' }).from).toEqual(names.map(name => `critic.${name}`))
  })

  it('of averages, too', () => {
    expect(() => choose({ model: net, ema: another(), swa: another() })).toThrow('which of "ema.", "swa."')
    expect(choose({ model: net, ema: another(), swa: another() }, { average: false }).from[0]).toBe('model.stem.weight')
  })
})

describe('a prefix of your own', () => {
  const file = { epoch: tensor(), state_dict: { ...behind('model._orig_mod.'), 'loss.weight': tensor(4) } }

  it.each(['state_dict.model._orig_mod.', 'model._orig_mod.', '_orig_mod.', 'state_dict.model.', 'model.'])(
    'may be the whole of it or its end, with wrappers or without: %s',
    prefix => {
      expect(choose(file, { prefix }).names).toEqual(names)
    },
  )

  it('holds for tensors of which the model has none', () => {
    expect(choose(file, { prefix: 'state_dict.loss.' }).names).toEqual(['weight'])
  })

  it('that nothing has is an error', () => {
    expect(() => choose(file, { prefix: 'net.' })).toThrow(
      'x.pth: no tensor\'s name begins with "net."; there are "epoch", "state_dict.model._orig_mod.stem.weight", "state_dict.model._orig_mod.stem.bias", …',
    )
  })

  it('that is the end of several is an error', () => {
    expect(() => choose({ a: behind('net.'), b: behind('net.', another()) }, { prefix: 'net.' })).toThrow(
      'say with prefix which of "a.net.", "b.net."',
    )
  })
})

it.each<[[string, string | number | { skipped: string }][], string]>([
  [
    [
      ['epoch', 3],
      ['names', { skipped: 'list of 1 values' }],
    ],
    'only "epoch" (number), "names" (list of 1 values)',
  ],
  [[], 'only empty containers'],
  [
    [['', { skipped: 'torch.nn.modules.linear.Linear' }]],
    'modules and other objects are not read, save model.state_dict() instead',
  ],
])('a file without tensors says what it holds', (other, what) => {
  const file = { name: 'x.pth', tensors: new Map(), other: new Map(other) }
  expect(() => chooseWeights(file, new Map())).toThrow('x.pth: holds no tensors, only')
  expect(() => chooseWeights(file, new Map())).toThrow(what)
})

describe('what PyTorch wrote', () => {
  /** The network of `scripts/make_pth_fixtures.py`. */
  const network = {
    '0.weight': tensor(2, 1, 3, 3),
    '0.bias': tensor(2),
    '1.weight': tensor(2),
    '1.bias': tensor(2),
    '1.running_mean': tensor(2),
    '1.running_var': tensor(2),
    '1.num_batches_tracked': tensor(),
    '4.weight': tensor(3, 8),
    '4.bias': tensor(3),
  }

  it.each([
    'checkpoint.zip',
    'checkpoint.legacy',
    'protocol4.zip',
    'objects.zip',
    'objects.legacy',
    'averaged.zip',
    'compiledParts.zip',
  ])('%s gives the names of its model, and nothing else', async name => {
    const bytes = readFileSync(new URL(`../fixtures/pth/${name}.pth`, import.meta.url))
    const { tensors } = chooseWeights(await openBytes(bytes), new Map(flat(network)))
    expect([...tensors].map(([path, { shape }]) => [path, shape])).toEqual(
      Object.entries(network).map(([path, { shape }]) => [path, shape]),
    )
  })
})
