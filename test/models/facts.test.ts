/**
 * The published numbers of the networks, computed: parameters, multiply-adds, volumes layer by layer, memory and receptive
 * fields. Where lecture, paper and torchvision differ, each form has its own entry.
 */
import { describe, expect, test } from 'vitest'
import { formatSummary, type Summary, type SummaryRow, summarize } from '../../src/inspect/index.ts'
import {
  alexnet2012,
  findModel,
  googlenet,
  googlenet2014,
  type ModelName,
  modelNameOf,
  models,
} from '../../src/models/index.ts'
import type { Module } from '../../src/nn/index.ts'

const known = new Map<ModelName, Summary>()

/** The summary of a model of the catalog, made once, or of another one for the same images. */
function summaryOf(name: ModelName, model?: Module): Summary {
  const { create, inputShape } = findModel(name)
  if (model) return summarize(model, inputShape)
  const summary = known.get(name) ?? summarize(create().assignPaths(), inputShape)
  known.set(name, summary)
  return summary
}

const rowAt = ({ rows }: Summary, path: string): SummaryRow => {
  const row = rows.find(candidate => candidate.path === path)
  if (!row) throw new Error(`no row '${path}': ${rows.map(r => r.path).join(', ')}`)
  return row
}

/** Height, width and channels, as the lectures write volumes. */
const volume = ({ output: [channels, height, width] }: SummaryRow): string => `${height}×${width}×${channels}`

test.each<[ModelName, parameters: number, multiplyAdds: number]>([
  ['lenet5', 61_706, 416_520],
  ['lenet5-1998', 60_000, 325_680],
  ['alexnet', 61_100_840, 714_188_480],
  ['alexnet-2012', 60_965_224, 724_406_816],
  ['zfnet', 62_357_608, 1_168_032_896],
  ['vgg11', 132_863_336, 7_609_090_048],
  ['vgg11-bn', 132_868_840, 7_609_090_048],
  ['vgg-a-lrn', 132_863_336, 7_609_090_048],
  ['vgg13', 133_047_848, 11_308_466_176],
  ['vgg13-bn', 133_053_736, 11_308_466_176],
  ['vgg16-1x1', 133_638_952, 11_770_888_192],
  ['vgg16', 138_357_544, 15_470_264_320],
  ['vgg16-bn', 138_365_992, 15_470_264_320],
  ['vgg19', 143_667_240, 19_632_062_464],
  ['vgg19-bn', 143_678_248, 19_632_062_464],
  ['googlenet', 6_624_904, 1_498_376_192],
  ['googlenet-2014', 6_998_552, 1_582_671_872],
  ['resnet18', 11_689_512, 1_814_073_344],
  ['resnet34', 21_797_672, 3_663_761_408],
  ['resnet50', 25_557_032, 4_089_184_256],
  ['resnet101', 44_549_160, 7_801_405_440],
  ['resnet152', 60_192_808, 11_513_626_624],
  ['resnet50-v1', 25_557_032, 3_857_973_248],
  ['resnet101-v1', 44_549_160, 7_570_194_432],
  ['resnet152-v1', 60_192_808, 11_282_415_616],
  ['resnet20-cifar', 269_722, 40_551_040],
  ['resnet32-cifar', 464_154, 68_862_592],
  ['resnet44-cifar', 658_586, 97_174_144],
  ['resnet56-cifar', 853_018, 125_485_696],
  ['resnet110-cifar', 1_727_962, 252_887_680],
  ['resnet20-cifar-b', 272_474, 40_813_184],
  ['resnet32-cifar-b', 466_906, 69_124_736],
  ['resnet44-cifar-b', 661_338, 97_436_288],
  ['resnet56-cifar-b', 855_770, 125_747_840],
  ['resnet110-cifar-b', 1_730_714, 253_149_824],
  ['plain20-cifar', 269_722, 40_551_040],
  ['plain56-cifar', 853_018, 125_485_696],
  ['se-resnet18', 11_778_592, 1_814_160_384],
  ['se-resnet34', 21_958_868, 3_663_918_592],
  ['se-resnet50', 28_088_024, 3_860_488_192],
  ['se-resnet101', 49_326_872, 7_574_937_600],
  ['se-resnet152', 66_821_848, 11_288_993_792],
  ['senet154', 115_088_984, 20_688_363_520],
  ['squeezenet1-0', 1_248_424, 818_924_576],
  ['squeezenet1-1', 1_235_496, 349_151_936],
  ['mobilenet-v2', 3_504_872, 300_774_272],
])('%s: %d parameters, %d multiply-adds', (name, parameters, multiplyAdds) => {
  const { totals } = summaryOf(name)
  expect(totals.parameters).toBe(parameters)
  expect(totals.multiplyAdds).toBe(multiplyAdds)
})

describe('receptive field and total stride', () => {
  test.each<[ModelName, path: string, size: number, stride: number]>([
    ['lenet5-1998', 'c5', 32, 4],
    ['alexnet', 'features.12', 195, 32],
    ['alexnet-2012', 'pool5', 195, 32],
    ['zfnet', 'pool5', 171, 32],
    ['vgg16', 'features.28', 196, 16],
    ['vgg16', 'features.30', 212, 32],
    ['vgg-a-lrn', 'features.21', 150, 32],
    ['vgg19', 'features.36', 268, 32],
    ['resnet18', 'layer4.1', 435, 32],
    ['resnet34', 'layer4.2', 899, 32],
    ['resnet50', 'layer4.2', 427, 32],
    ['resnet101', 'layer4.2', 971, 32],
    ['resnet152', 'layer4.2', 1451, 32],
    ['resnet50-v1', 'layer4.2', 483, 32],
    ['resnet101-v1', 'layer4.2', 1027, 32],
    ['resnet152-v1', 'layer4.2', 1507, 32],
  ])('%s %s: %d, %d', (name, path, size, stride) => {
    expect(rowAt(summaryOf(name), path).receptiveField).toMatchObject({ size: [size, size], stride: [stride, stride] })
  })
})

describe('LeNet-5 of 1998', () => {
  test.each([
    ['c1', '28×28×6', 156],
    ['s2', '14×14×6', 12],
    ['c3', '10×10×16', 0],
    ['s4', '5×5×16', 32],
    ['c5', '1×1×120', 48_120],
  ])('%s: %s, %d parameters of its own', (path, size, parameters) => {
    const row = rowAt(summaryOf('lenet5-1998'), path)
    expect(volume(row)).toBe(size)
    expect(row.parameters).toBe(parameters)
  })

  test('C3 has 1,516 parameters in three groups of maps, F6 10,164', () => {
    const summary = summaryOf('lenet5-1998')
    const groups = ['c3.parts.0', 'c3.parts.1', 'c3.parts.2'].map(path => rowAt(summary, path).parameters)
    expect(groups).toEqual([(3 * 25 + 1) * 6, (4 * 25 + 1) * 9, 6 * 25 + 1])
    expect(groups.reduce((a, b) => a + b)).toBe(1_516)
    expect(rowAt(summary, 'f6').parameters).toBe(10_164)
  })
})

describe('AlexNet of 2012', () => {
  test.each([
    ['conv1', '55×55×96', 34_944],
    ['norm1', '55×55×96', 0],
    ['pool1', '27×27×96', 0],
    ['conv2', '27×27×256', 307_456],
    ['pool2', '13×13×256', 0],
    ['conv3', '13×13×384', 885_120],
    ['conv4', '13×13×384', 663_936],
    ['conv5', '13×13×256', 442_624],
    ['pool5', '6×6×256', 0],
  ])('%s: %s, %d parameters', (path, size, parameters) => {
    const row = rowAt(summaryOf('alexnet-2012'), path)
    expect(volume(row)).toBe(size)
    expect(row.parameters).toBe(parameters)
  })

  test('fully connected layers', () => {
    const summary = summaryOf('alexnet-2012')
    expect(['fc6', 'fc7', 'fc8'].map(path => rowAt(summary, path).parameters)).toEqual([
      37_752_832, 16_781_312, 4_097_000,
    ])
  })

  test('the lectures normalize after pooling: 27×27×96 and 13×13×256', () => {
    const summary = summaryOf('alexnet-2012', alexnet2012({ normalization: 'afterPooling' }))
    const paths = summary.rows.map(row => row.path)
    expect(paths.indexOf('norm1')).toBe(paths.indexOf('pool1') + 1)
    expect(volume(rowAt(summary, 'norm1'))).toBe('27×27×96')
    expect(volume(rowAt(summary, 'norm2'))).toBe('13×13×256')
  })

  test('one tower has 62,378,344 parameters', () => {
    expect(summaryOf('alexnet-2012', alexnet2012({ towers: 1 })).totals.parameters).toBe(62_378_344)
  })

  test('224×224, as the paper prints, is reported not to divide', () => {
    expect(rowAt(summaryOf('alexnet-2012'), 'conv1').note).toBeUndefined()
    const model = alexnet2012()
    // The fully connected layers refuse the smaller volume, and say so by name.
    expect(() => summarize(model, [3, 224, 224])).toThrow('fc6: expected 9216 input features, got 6400')
    const { conv1: layer } = model.layers
    expect(summarize(layer, [3, 224, 224]).rows.at(-1)?.note).toContain('(224−11)/4+1 = 54.25: does not divide')
  })
})

test.each([
  ['conv1', '110×110×96'],
  ['pool1', '55×55×96'],
  ['conv2', '26×26×256'],
  ['pool2', '13×13×256'],
  ['conv3', '13×13×384'],
  ['conv4', '13×13×384'],
  ['conv5', '13×13×256'],
  ['pool5', '6×6×256'],
])('ZFNet %s: %s', (path, size) => {
  expect(volume(rowAt(summaryOf('zfnet'), path))).toBe(size)
})

describe("the lectures' table of VGG-16", () => {
  const summary = summaryOf('vgg16')
  const rows = summary.rows.filter(({ type }) => ['Conv2d', 'MaxPool2d', 'Linear'].includes(type))

  test('volumes, numbers held and weights', () => {
    const table = rows.map(({ output, activationBytes, arithmetic, path }) => {
      const weight = findVggWeight(path)
      return [
        output.length === 3 ? `${output[1]}×${output[2]}×${output[0]}` : `${output[0]}`,
        activationBytes / 4,
        weight,
        arithmetic?.split(' = ')[0],
      ]
    })
    expect(table).toEqual([
      ['224×224×64', 224 * 224 * 64, 1_728, '(3·3·3+1)·64'],
      ['224×224×64', 224 * 224 * 64, 36_864, '(3·3·64+1)·64'],
      ['112×112×64', 112 * 112 * 64, 0, undefined],
      ['112×112×128', 112 * 112 * 128, 73_728, '(3·3·64+1)·128'],
      ['112×112×128', 112 * 112 * 128, 147_456, '(3·3·128+1)·128'],
      ['56×56×128', 56 * 56 * 128, 0, undefined],
      ['56×56×256', 56 * 56 * 256, 294_912, '(3·3·128+1)·256'],
      ['56×56×256', 56 * 56 * 256, 589_824, '(3·3·256+1)·256'],
      ['56×56×256', 56 * 56 * 256, 589_824, '(3·3·256+1)·256'],
      ['28×28×256', 28 * 28 * 256, 0, undefined],
      ['28×28×512', 28 * 28 * 512, 1_179_648, '(3·3·256+1)·512'],
      ['28×28×512', 28 * 28 * 512, 2_359_296, '(3·3·512+1)·512'],
      ['28×28×512', 28 * 28 * 512, 2_359_296, '(3·3·512+1)·512'],
      ['14×14×512', 14 * 14 * 512, 0, undefined],
      ['14×14×512', 14 * 14 * 512, 2_359_296, '(3·3·512+1)·512'],
      ['14×14×512', 14 * 14 * 512, 2_359_296, '(3·3·512+1)·512'],
      ['14×14×512', 14 * 14 * 512, 2_359_296, '(3·3·512+1)·512'],
      ['7×7×512', 7 * 7 * 512, 0, undefined],
      ['4096', 4096, 102_760_448, '(25088+1)·4096'],
      ['4096', 4096, 16_777_216, '(4096+1)·4096'],
      ['1000', 1000, 4_096_000, '(4096+1)·1000'],
    ])
  })

  test('15,237,608 numbers in all, 61 MB: the 24 million of the slides are a slip', () => {
    expect(summary.totals.activationBytes / 4).toBe(15_237_608)
  })

  test('14,714,688 parameters in the convolutions, 123,642,856 after them', () => {
    const sum = (type: string): number =>
      rows.filter(row => row.type === type).reduce((total, row) => total + row.parameters, 0)
    expect(sum('Conv2d')).toBe(14_714_688)
    expect(sum('Linear')).toBe(123_642_856)
  })

  const parameters = findModel('vgg16').create().parameters()
  function findVggWeight(path: string): number {
    return parameters.get(`${path}.weight`)?.value.length ?? 0
  }
})

describe('GoogLeNet', () => {
  const paper = summaryOf('googlenet-2014')
  /** Sum over the rows of a block and of its layers. */
  const sum = ({ rows }: Summary, block: string, part: (row: SummaryRow) => number): number =>
    rows.filter(({ path }) => path === block || path.startsWith(`${block}.`)).reduce((n, row) => n + part(row), 0)

  // The paper's table rounds these, and is wrong in places: it gives conv1 2.7K, 4c 463K, 5a 1072K and conv1 34M.
  test.each([
    ['conv1', '112×112×64', 9_408, 9_472, 118_013_952],
    ['inception3a', '28×28×256', 163_328, 163_696, 128_049_152],
    ['inception3b', '28×28×480', 388_096, 388_736, 304_267_264],
    ['inception4a', '14×14×512', 375_552, 376_176, 73_608_192],
    ['inception4b', '14×14×512', 448_512, 449_160, 87_908_352],
    ['inception4c', '14×14×512', 509_440, 510_104, 99_850_240],
    ['inception4d', '14×14×528', 604_672, 605_376, 118_515_712],
    ['inception4e', '14×14×832', 867_328, 868_352, 169_996_288],
    ['inception5a', '7×7×832', 1_042_432, 1_043_456, 51_079_168],
    ['inception5b', '7×7×1024', 1_442_816, 1_444_080, 70_697_984],
  ])('%s: %s, %d weights, %d with biases, %d multiply-adds', (path, size, weights, withBiases, multiplyAdds) => {
    const at = path === 'conv1' ? 'conv1.conv' : path
    expect(volume(rowAt(paper, at))).toBe(size)
    const parameters = [...findModel('googlenet-2014').create().parameters()]
    const count = parameters
      .filter(([name]) => name.startsWith(`${path}.`) && name.endsWith('weight'))
      .reduce((n, [, { value }]) => n + value.length, 0)
    expect(count).toBe(weights)
    expect(sum(paper, path, row => row.parameters)).toBe(withBiases)
    expect(sum(paper, path, row => row.multiplyAdds)).toBe(multiplyAdds)
  })

  test('6,990,272 weights without biases', () => {
    const weights = [...googlenet2014({ auxiliary: false }).parameters()].filter(([name]) => name.endsWith('weight'))
    expect(weights.reduce((n, [, { value }]) => n + value.length, 0)).toBe(6_990_272)
  })

  test.each([
    ["torchvision's", googlenet, 13_004_888],
    ["the paper's", googlenet2014, 13_378_280],
  ])('%s with the auxiliary classifiers: %d parameters', (_, make, count) => {
    expect([...make().parameters().values()].reduce((n, { value }) => n + value.length, 0)).toBe(count)
  })

  test('the summary names the auxiliary classifiers and counts them nowhere', () => {
    const aux = { path: 'aux1', type: 'InceptionAux', parameters: 3_188_840 }
    expect(paper.trainingOnly).toEqual([aux, { ...aux, path: 'aux2', parameters: 3_190_888 }])
    expect(paper.rows.some(({ path }) => path.startsWith('aux'))).toBe(false)
    const without = summaryOf('googlenet-2014', googlenet2014({ auxiliary: false }))
    expect(without).toEqual({ ...paper, trainingOnly: undefined })
    expect(formatSummary(paper)).toContain(
      'Only training uses aux1 (InceptionAux, 3,188,840 parameters), aux2 (InceptionAux, 3,190,888 parameters): not counted above.',
    )
  })
})

describe("ResNet's stages", () => {
  test.each<[ModelName, blocks: number[], channels: number[]]>([
    ['resnet18', [2, 2, 2, 2], [64, 128, 256, 512]],
    ['resnet34', [3, 4, 6, 3], [64, 128, 256, 512]],
    ['resnet50', [3, 4, 6, 3], [256, 512, 1024, 2048]],
    ['resnet101', [3, 4, 23, 3], [256, 512, 1024, 2048]],
    ['resnet152', [3, 8, 36, 3], [256, 512, 1024, 2048]],
  ])('%s', (name, blocks, channels) => {
    const summary = summaryOf(name)
    blocks.forEach((count, stage) => {
      const size = 56 / 2 ** stage
      expect(volume(rowAt(summary, `layer${stage + 1}.${count - 1}`))).toBe(`${size}×${size}×${channels[stage]}`)
      expect(summary.rows.some(({ path }) => path === `layer${stage + 1}.${count}`)).toBe(false)
    })
  })
})

test('every model of the catalog says what it is and where it was published', () => {
  for (const { description, reference } of Object.values(models)) {
    expect(description.length).toBeGreaterThan(5)
    expect(reference).toMatch(/, (19|20)\d\d$/)
  }
})

test("torchvision's underscores are hyphens", () => {
  expect(['squeezenet1_0', 'mobilenet_v2', 'vgg16_bn', 'resnet18', 'resnet19'].map(modelNameOf)).toEqual([
    'squeezenet1-0',
    'mobilenet-v2',
    'vgg16-bn',
    'resnet18',
    undefined,
  ])
  expect(findModel('mobilenet_v2')).toBe(models['mobilenet-v2'])
})
