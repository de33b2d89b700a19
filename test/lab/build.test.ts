/** Build without a page: layers as data and as code, what does not fit and what mends it, and the file that trains. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { formatNetwork, formatRecipe, packNetwork } from '../../lab/src/network/code.ts'
import { type KindName, kindOf, kinds, type Layer } from '../../lab/src/network/kinds.ts'
import { layersOf } from '../../lab/src/network/layersOf.ts'
import { makeNetwork } from '../../lab/src/network/make.ts'
import { walk } from '../../lab/src/network/misfits.ts'
import { parseNetwork, unpackNetwork } from '../../lab/src/network/parse.ts'
import { Build } from '../../lab/src/screens/build/state.ts'
import { templates } from '../../lab/src/screens/build/templates.ts'
import { formatLink, parseLink } from '../../lab/src/state/link.ts'
import { firstRecipe, recipeFor } from '../../lab/src/state/recipe.ts'
import { factsOf } from '../../lab/src/worker/facts.ts'
import { createModel } from '../../lab/src/worker/networks.ts'
import { networkGraph } from '../../src/inspect/index.ts'
import { findModel, type ModelName, models } from '../../src/models/index.ts'
import { readCheckpoint } from '../../src/runs/checkpointFile.node.ts'
import { checkpointOf, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const lenet = (): readonly Layer[] => templates[0]!.make(factsOf('mnist'))
const input = [1, 28, 28] as const
const wrong = (layers: readonly Layer[]) => walk(layers, input, 10).misfits.filter(({ isWrong }) => isWrong)
const set = (layers: readonly Layer[], name: string, values: Layer['values']): Layer[] =>
  layers.map(layer => (layer.name === name ? { ...layer, values: { ...layer.values, ...values } } : layer))

describe('the code of a network', () => {
  it.each(templates)('of $title is read as the layers that it was written from', ({ make }) => {
    const layers = make(factsOf('cifar10'))
    expect(parseNetwork(formatNetwork(layers))).toEqual(layers)
    expect(unpackNetwork(packNetwork(layers))).toEqual(layers)
  })

  it('leaves out what is as usual, and keeps the place of what is not', () => {
    const code =
      'sequential({ a: conv2d(1, 6, 5, { padding: 2, bias: false }), b: new BasicBlock(6, 6, 2), c: dropout(0.25) })'
    expect(formatNetwork(parseNetwork(code)).replace(/\s+/g, ' ')).toBe(
      'sequential({ a: conv2d(1, 6, 5, { padding: 2, bias: false }), b: new BasicBlock(6, 6, 2), c: dropout(0.25), })',
    )
  })

  it('is found in a whole file, with comments, quotes, underscores and a list without names', () => {
    const file = `import { relu } from 'fovea/nn' // sequential
      export default { model: () => sequential(/* first */ conv2d(1, 1_0, 5), relu(),) }`
    expect(parseNetwork(file).map(({ name, kind }) => [name, kind])).toEqual([
      ['conv1', 'conv2d'],
      ['relu1', 'relu'],
    ])
    expect(parseNetwork(`sequential({ 'a': relu() })`)[0]!.name).toBe('a')
  })

  it.each([
    ['model()', 'line 1: there is no sequential({ … }). A network is a list of layers in it'],
    ['sequential({\n  a: conv3d(1) })', /^line 2: conv3d is no layer that Build knows\. It knows conv2d, /],
    ['sequential({ a: sequential(relu()) })', /layers stand in one list here/],
    ['sequential({ a: conv2d(1, 6) })', 'line 1: conv2d needs its kernel'],
    [
      'sequential({ a: conv2d(1, 6, size) })',
      'line 1: the kernel of conv2d must be a number, got size: names of numbers are not read',
    ],
    ['sequential({ a: conv2d(1, 6, 0) })', 'line 1: the kernel of conv2d (=0) must be a whole number from 1 to 64'],
    [
      'sequential({ a: conv2d(1, 6, 3, { dilation: 2 }) })',
      /^line 1: conv2d has no option dilation here: Build knows stride, padding/,
    ],
    ['sequential({ a: conv2d(1, 6, 3, { bias: 1 }) })', 'line 1: the bias of conv2d must be true or false'],
    ['sequential({ a: relu(), a: relu() })', 'line 1: there are two layers of the name a'],
    ['sequential({ a: relu() b: relu() })', 'line 1: expected a comma or }, got b'],
    ['sequential({ a: relu(1) })', /^line 1: relu has 0 numbers/],
    ['sequential({ a: relu(', 'line 1: relu has 0 numbers by their place, not more'],
    ['sequential({ a: alert(1) })', /^line 1: alert is no layer/],
  ])('%s: says what is wrong with it', (code, message) => {
    expect(() => parseNetwork(code)).toThrow(message)
  })
})

describe('what does not fit', () => {
  it('is nothing in the templates, for any pictures', () => {
    for (const data of ['mnist', 'cifar10'] as const) {
      const { shape, classes } = factsOf(data)
      for (const { make } of templates)
        expect(
          walk(make(factsOf(data)), [shape[2], shape[0], shape[1]], classes.length).misfits.filter(
            ({ isWrong }) => isWrong,
          ),
        ).toEqual([])
    }
  })

  it.each([
    ['conv2', { in: 32 }, 'conv2 has 32 input channels, but pool1 gives 6', 'set in = 6'],
    ['fc1', { in: 256 }, 'fc1 has 256 inputs, but flatten gives 400 (5 · 5 · 16)', 'set in = 400'],
    [
      'fc3',
      { out: 12 },
      'the network gives 12 numbers in a row, but there are 10 classes: it must end in 10 numbers',
      'set fc3 out = 10',
    ],
    [
      'conv2',
      { kernel: 20 },
      'the window of conv2, 20×20, is larger than what it reads, 14×14: (14 − 20 + 2 · 0) / 1 + 1 = −5',
      'set padding = 3',
    ],
    [
      'conv2',
      { groups: 4 },
      'conv2 has 4 groups, which must divide its 6 input and 16 output channels',
      'set groups = 2',
    ],
  ])('%s %o: %s', (name, values, message, remedy) => {
    const layers = set(lenet(), name, values)
    const [first] = wrong(layers)
    expect(first).toMatchObject({ message, remedy: { name: remedy } })
    expect(wrong(first!.remedy!.layers).map(misfit => misfit.message)).not.toContain(message)
  })

  it('is a fully connected layer without flatten, which one press mends', () => {
    const [first] = wrong(lenet().filter(({ kind }) => kind !== 'flatten'))
    expect(first).toMatchObject({
      message: 'fc1 reads numbers in a row, but pool2 gives a volume of 5×5×16',
      remedy: { name: 'flatten it before' },
    })
    expect(wrong(first!.remedy!.layers)).toEqual([])
  })

  it('is an end in a volume, which a layer mends', () => {
    const [first] = wrong(lenet().slice(0, 3))
    expect(first!.remedy!.name).toBe('add a fully connected layer of 10')
    expect(wrong(first!.remedy!.layers)).toEqual([])
  })

  it('is remarked where columns are not read, with the formula', () => {
    const layers = set(lenet(), 'conv2', { stride: 2, padding: 0 })
    const remark = walk(layers, input, 10).misfits.find(({ isWrong }) => !isWrong)
    expect(remark).toMatchObject({
      message: 'conv2: (14 − 5 + 2 · 0) / 2 + 1 = 5.5 is not whole; the last row and column are not read',
    })
  })

  // The library has the last word: what is said of shapes here is what it computes.
  it.each(Object.keys(kinds) as KindName[])('%s gives the shape that the library computes', kind => {
    const needed: Readonly<Record<string, number>> = { in: 16, out: 8, kernel: 3, size: 3, width: 4, reduction: 4 }
    for (const ceilMode of [0, 1]) {
      const values = Object.fromEntries(
        kindOf(kind).arguments.flatMap(({ key, usual }): [string, number][] =>
          key === 'ceilMode' ? [[key, ceilMode]] : usual === undefined ? [[key, needed[key] ?? 2]] : [],
        ),
      )
      const layers: Layer[] = [{ name: 'layer', kind, values }]
      const shape = kind === 'linear' ? [16] : [16, 13, 13]
      const [given] = walk(layers, shape, 10).shapes
      expect(given).toEqual(networkGraph(makeNetwork(layers), shape).nodes.at(-1)!.output)
    }
  })
})

describe('a module as layers', () => {
  const editable = (Object.keys(models) as ModelName[]).filter(name => layersOf(findModel(name).create()))

  it('is there for chains and blocks that have a kind', () => {
    expect(editable).toEqual(expect.arrayContaining(['lenet5', 'vgg16', 'vgg16-bn', 'resnet18', 'resnet50']))
    expect(editable).not.toContain('googlenet')
  })

  it.each(['lenet5', 'vgg11-bn', 'resnet18', 'resnet50'] as const)('%s has the parameters of its layers', name => {
    const { create, inputShape } = findModel(name)
    const made = makeNetwork(layersOf(create())!)
    expect(made.countParameters()).toBe(create().countParameters())
    expect(networkGraph(made, inputShape).nodes.at(-1)!.output).toEqual([models[name].classes])
  })
})

describe('the state', () => {
  it('measures as it is edited, and shows what fits', () => {
    const build = new Build(firstRecipe)
    const conv1 = () => build.shown.value!.graph.nodes.find(({ path }) => path === 'conv1')!
    expect(conv1().parameters).toBe(156)
    build.set(0, kindOf('conv2d').arguments[1]!, 12)
    expect(conv1().parameters).toBe(312)
    expect(build.isRight.value).toBe(false)
    expect(build.shown.value!.graph.nodes.map(({ path }) => path)).toEqual([
      'input',
      'conv1',
      'relu1',
      'pool1',
      'output',
    ])
    build.edit(build.misfits.value[0]!.remedy!.layers)
    expect(build.isRight.value).toBe(true)
    build.undo()
    build.undo()
    expect(conv1().parameters).toBe(156)
    build.redo()
    expect(conv1().parameters).toBe(312)
  })

  it('inserts layers that fit where they stand, moves, renames and removes them', () => {
    const build = new Build(firstRecipe)
    for (const kind of ['batchNorm2d', 'BasicBlock', 'SEModule'] as const) build.insert(1, kind)
    expect(build.misfits.value).toEqual([])
    build.insert(build.layers.value.length, 'linear')
    expect(build.layers.value.at(-1)!.values.in).toBe(10)
    build.move(0, 1)
    expect(build.layers.value[1]!.name).toBe('conv1')
    expect(build.rename(0, 'conv1')).toBe('there is another conv1')
    expect(build.rename(0, '1x')).toMatch(/a name has letters/)
    expect(build.rename(0, 'first')).toBeUndefined()
    build.remove(0)
    expect(build.layers.value.map(({ name }) => name)).not.toContain('first')
  })

  it('follows a link to a network, which gives the same weights', () => {
    const build = new Build(firstRecipe)
    build.edit(set(build.layers.value, 'fc2', { out: 40 }))
    build.edit(set(build.layers.value, 'fc3', { in: 40 }))
    const link = formatLink({ recipe: build.recipe(), interventions: [], screen: 'train', step: 3 })
    const { recipe } = parseLink(link)
    expect(recipe).toEqual(build.recipe())
    expect(new Build(recipe).layers.value).toEqual(build.layers.value)
    const weights = () => [...createModel(recipe).network.parameters()].map(([path, { value }]) => [path, value])
    expect(weights()).toEqual(weights())
    expect(createModel(recipe).network.parameters().get('fc2.weight')!.shape).toEqual([40, 120])
  })

  it('trains on the graphics processor that its link asks for, until another link does not', () => {
    const build = new Build(parseLink('#screen=build&model=resnet20&data=mnist&backend=webgpu').recipe)
    expect(formatLink({ recipe: build.recipe(), interventions: [], screen: 'train' })).toContain('&backend=webgpu')
    build.take(firstRecipe)
    expect(build.recipe()).not.toHaveProperty('backend')
  })

  it('refuses a link without layers', () => {
    expect(() => parseLink('#model=custom')).toThrow('This link has layers=; expected the layers of the network')
  })

  it('says what is wrong with the layers of a link', () => {
    const recipe = { ...recipeFor('custom'), layers: 'a:conv2d(1)' }
    expect(() => createModel(recipe)).toThrow('conv2d needs its output channels')
  })
})

describe('recipe.ts', () => {
  const folder = temporaryFolder()
  afterAll(folder.remove)

  it('trains by the command line, with the layers that were built', async () => {
    const layers = set(set(lenet(), 'fc2', { out: 40 }), 'fc3', { in: 40 })
    const words = {
      ...recipeFor('custom', 'mnist'),
      data: "{ name: 'mnist', directory: 'data', limit: 64, validation: 16 }",
      epochs: 1,
      seed: 0,
    }
    mkdirSync(join(folder.path, 'node_modules'))
    mkdirSync(join(folder.path, 'data'))
    const root = join(import.meta.dirname, '../..')
    symlinkSync(root, join(folder.path, 'node_modules/fovea'))
    symlinkSync(join(root, 'node_modules/tsx'), join(folder.path, 'node_modules/tsx'))
    await writeSmallMnist(join(folder.path, 'data'), { train: 128, test: 16 })
    writeFileSync(join(folder.path, 'recipe.ts'), formatRecipe(layers, words))
    await succeed(folder.path, ['train', 'recipe.ts', '--quiet', '--no-test'])
    const { tensors } = await readCheckpoint(checkpointOf(join(folder.path, 'runs/recipe')))
    expect(tensors.get('model.fc2.weight')!.shape).toEqual([40, 120])
  })
})
