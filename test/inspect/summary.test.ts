/** The layer table: the published numbers, derived from the graph. */
import { describe, expect, test } from 'vitest'
import { add, relu as reluOf } from '../../src/graph/ops/elementwise.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { formatSummary, summarize } from '../../src/inspect/index.ts'
import { findModel, lenet5 } from '../../src/models/index.ts'
import {
  conv2d,
  dropout,
  type ForwardContext,
  flatten,
  linear,
  Module,
  maxPool2d,
  relu,
  sequential,
} from '../../src/nn/index.ts'

describe('LeNet-5', () => {
  const summary = summarize(lenet5(), [1, 28, 28])
  const rows = new Map(summary.rows.map(row => [row.path, row]))

  test('totals', () => {
    expect(summary.totals).toEqual({
      parameters: 61_706,
      parameterBytes: 4 * 61_706,
      multiplyAdds: 416_520,
      // Image, C1, S2, C3, S4, C5, F6 and output; ReLU and flatten take nothing.
      activationBytes: 4 * (784 + 4704 + 1176 + 1600 + 400 + 120 + 84 + 10),
    })
  })

  test('volumes and arithmetic of the lecture', () => {
    expect(summary.rows.map(({ path, output }) => [path, output])).toEqual([
      ['input', [1, 28, 28]],
      ['conv1', [6, 28, 28]],
      ['relu1', [6, 28, 28]],
      ['pool1', [6, 14, 14]],
      ['conv2', [16, 10, 10]],
      ['relu2', [16, 10, 10]],
      ['pool2', [16, 5, 5]],
      ['flatten', [400]],
      ['fc1', [120]],
      ['relu3', [120]],
      ['fc2', [84]],
      ['relu4', [84]],
      ['fc3', [10]],
    ])
    expect(rows.get('conv1')?.arithmetic).toBe('(5·5·1+1)·6 = 156')
    expect(rows.get('conv2')?.arithmetic).toBe('(5·5·6+1)·16 = 2,416')
    expect(rows.get('fc1')?.arithmetic).toBe('(400+1)·120 = 48,120')
    expect(rows.get('conv1')?.multiplyAdds).toBe(117_600)
  })

  test('receptive fields: C5 sees 32 pixels at stride 4', () => {
    const seen = (path: string) => rows.get(path)?.receptiveField
    expect(seen('conv1')).toMatchObject({ size: [5, 5], stride: [1, 1] })
    expect(seen('pool1')).toMatchObject({ size: [6, 6], stride: [2, 2] })
    expect(seen('conv2')).toMatchObject({ size: [14, 14], stride: [2, 2] })
    expect(seen('pool2')).toMatchObject({ size: [16, 16], stride: [4, 4] })
    expect(seen('fc1')).toMatchObject({ size: [32, 32], stride: [4, 4] })
    expect(seen('fc3')).toMatchObject({ size: [32, 32], stride: [4, 4] })
  })

  test('memory grows with the batch, multiply-adds and parameters do not', () => {
    const larger = summarize(lenet5(), [1, 28, 28], { batch: 128 })
    expect(larger.totals.activationBytes).toBe(128 * summary.totals.activationBytes)
    expect(larger.totals.multiplyAdds).toBe(summary.totals.multiplyAdds)
    expect(larger.totals.parameters).toBe(summary.totals.parameters)
  })

  test('leaves the model as it was', () => {
    const model = lenet5().initialize(1)
    const fields = Object.keys(model.layers.conv1)
    summarize(model, [1, 28, 28])
    expect(Object.keys(model.layers.conv1)).toEqual(fields)
    expect(Object.hasOwn(model.layers.conv1, 'forward')).toBe(false)
    expect(() => summarize(model, [3, 28, 28])).toThrow('conv1: expected 1 input channels, got 3')
    expect(Object.hasOwn(model, 'forward')).toBe(false)
  })

  test('survives a trip through JSON', () => {
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
  })

  test('as text', () => {
    expect(
      formatSummary(summarize(lenet5(), [1, 28, 28], { batch: 128, arenaBytes: 12_345_678 })),
    ).toMatchInlineSnapshot(`
      "layer    type       kernel          output    parameters            multiply-adds  memory (128 images)  receptive field
      ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      input    Input                      28×28×1   –                                 –            392.0 KiB
      conv1    Conv2d     5×5, padding 2  28×28×6   (5·5·1+1)·6 = 156           117,600              2.3 MiB              5/1
      relu1    ReLU                       28×28×6   –                                 –                    –              5/1
      pool1    MaxPool2d  2×2, stride 2   14×14×6   –                                 –            588.0 KiB              6/2
      conv2    Conv2d     5×5             10×10×16  (5·5·6+1)·16 = 2,416        240,000            800.0 KiB             14/2
      relu2    ReLU                       10×10×16  –                                 –                    –             14/2
      pool2    MaxPool2d  2×2, stride 2   5×5×16    –                                 –            200.0 KiB             16/4
      flatten  Flatten                    400       –                                 –                    –             16/4
      fc1      Linear                     120       (400+1)·120 = 48,120         48,000             60.0 KiB             32/4
      relu3    ReLU                       120       –                                 –                    –             32/4
      fc2      Linear                     84        (120+1)·84 = 10,164          10,080             42.0 KiB             32/4
      relu4    ReLU                       84        –                                 –                    –             32/4
      fc3      Linear                     10        (84+1)·10 = 850                 840              5.0 KiB             32/4
      ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
      total                                         61,706                      416,520              4.3 MiB

      Parameters take 241.0 KiB; multiply-adds are for one image; a receptive field is written size/stride.
      Training with 128 images a step is planned in one arena of 11.8 MiB."
    `)
  })
})

/** VGG's convolutions: channels, and M for a pool (configuration D of the paper). */
const vgg16 = [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'] as const

describe('other networks of the lectures', () => {
  test("VGG-16's features: parameters, memory and receptive field", () => {
    let channels = 3
    const layers = vgg16.flatMap((entry): Module[] => {
      if (entry === 'M') return [maxPool2d(2)]
      const conv = conv2d(channels, entry, 3, { padding: 1 })
      channels = entry
      return [conv, relu()]
    })
    const { rows, totals } = summarize(sequential(...layers), [3, 224, 224])
    expect(totals.parameters).toBe(14_714_688)
    // The volumes of the lecture's table sum to 15,237,608 numbers, 9,192 of them in the fully connected layers.
    expect(totals.activationBytes).toBe(4 * (15_237_608 - 9_192))
    expect(rows[rows.length - 3].receptiveField).toMatchObject({ size: [196, 196], stride: [16, 16] })
    expect(rows[rows.length - 1].receptiveField).toMatchObject({ size: [212, 212], stride: [32, 32] })
  })

  test("AlexNet's features: groups, and the receptive field 195/32 of pool5", () => {
    const model = sequential({
      conv1: conv2d(3, 96, 11, { stride: 4 }),
      pool1: maxPool2d(3, { stride: 2 }),
      conv2: conv2d(96, 256, 5, { padding: 2, groups: 2 }),
      pool2: maxPool2d(3, { stride: 2 }),
      conv3: conv2d(256, 384, 3, { padding: 1 }),
      conv4: conv2d(384, 384, 3, { padding: 1, groups: 2 }),
      conv5: conv2d(384, 256, 3, { padding: 1, groups: 2 }),
      pool5: maxPool2d(3, { stride: 2 }),
    })
    const rows = new Map(summarize(model, [3, 227, 227]).rows.map(row => [row.path, row]))
    expect(rows.get('conv1')?.arithmetic).toBe('(11·11·3+1)·96 = 34,944')
    expect(rows.get('conv1')?.output).toEqual([96, 55, 55])
    expect(rows.get('conv2')?.arithmetic).toBe('(5·5·48+1)·256 = 307,456')
    expect(rows.get('conv2')?.window).toBe('5×5, padding 2, groups 2')
    expect(rows.get('pool5')?.output).toEqual([256, 6, 6])
    expect(rows.get('pool5')?.receptiveField).toMatchObject({ size: [195, 195], stride: [32, 32] })
  })

  test('a block that adds gets a row of its own, and the larger of its two receptive fields', () => {
    class Residual extends Module {
      readonly conv1 = conv2d(4, 4, 3, { padding: 1, bias: false })
      readonly conv2 = conv2d(4, 4, 3, { padding: 1, bias: false })
      override forward(x: Tensor, context: ForwardContext): Tensor {
        const y = this.conv2.forward(reluOf(this.conv1.forward(x, context)), context)
        return this.label(reluOf(add(x, y)))
      }
    }
    const { rows, totals } = summarize(sequential({ stem: conv2d(1, 4, 1), layer1: new Residual() }), [1, 8, 8])
    expect(rows.map(row => row.path)).toEqual(['input', 'stem', 'layer1.conv1', 'layer1.conv2', 'layer1'])
    expect(rows[2].arithmetic).toBe('3·3·4·4 = 144')
    expect(rows[4]).toMatchObject({
      type: 'Residual',
      parameters: 0,
      multiplyAdds: 0,
      receptiveField: { size: [5, 5] },
    })
    expect(totals.multiplyAdds).toBe(64 * (4 + 144 + 144))
  })

  test('a layer that is used twice works twice and counts its parameters once', () => {
    const shared = linear(6, 6)
    const { rows, totals } = summarize(
      sequential({ flatten: flatten(), a: shared, drop: dropout(), b: shared }),
      [1, 2, 3],
    )
    expect(rows.map(row => row.path)).toEqual(['input', 'flatten', 'a', 'drop', 'a'])
    expect(totals.parameters).toBe(42)
    expect(totals.multiplyAdds).toBe(72)
  })
})

describe('what each layer reads', () => {
  const reads = (name: 'resnet18' | 'googlenet' | 'se-resnet18', ...paths: string[]) => {
    const { create, inputShape } = findModel(name)
    const { rows } = summarize(create().assignPaths(), inputShape)
    return paths.map(path => {
      const row = rows.find(row => row.path === path)
      return [row?.inputs.map(index => rows[index].path), row?.combines]
    })
  }

  test('a chain: each layer the row before, dropout at test time too', () => {
    const { rows } = summarize(sequential({ flatten: flatten(), drop: dropout(), fc: linear(4, 2) }), [1, 2, 2])
    expect(rows.map(row => row.inputs)).toEqual([[], [0], [1], [1]])
    expect(rows.some(row => row.combines)).toBe(false)
  })

  test('a residual block adds its input, or the shortcut', () => {
    expect(reads('resnet18', 'layer1.0', 'layer2.0', 'layer2.0.downsample.0')).toEqual([
      [['maxpool', 'layer1.0.bn2'], 'add'],
      [['layer2.0.bn2', 'layer2.0.downsample.1'], 'add'],
      [['layer1.1.relu'], undefined],
    ])
  })

  test('an inception module joins its branches, squeeze and excitation multiplies', () => {
    expect(reads('googlenet', 'inception3a.branch3.0.conv', 'inception3a')).toEqual([
      [['maxpool2'], undefined],
      [[1, 2, 3, 4].map(k => `inception3a.branch${k}${k === 1 ? '' : '.1'}.relu`), 'concatenate'],
    ])
    expect(reads('se-resnet18', 'layer1.0.se_module')).toEqual([
      [['layer1.0.relu', 'layer1.0.se_module.sigmoid'], 'multiply'],
    ])
  })
})

describe('geometry that does not divide is reported as the lecture does', () => {
  const note = (layer: Module, size: readonly [number, number, number]): string | undefined =>
    summarize(sequential({ layer }), size).rows[1].note

  test.each([
    [
      '7×7, 3×3, stride 3',
      conv2d(1, 1, 3, { stride: 3 }),
      [1, 7, 7],
      '(7−3)/3+1 = 2.33: does not divide; the last row and column are not covered',
    ],
    ['columns only', maxPool2d(2), [1, 6, 7], '(7−2)/2+1 = 3.5: does not divide; the last column is not covered'],
    ['rows only', maxPool2d(4), [1, 7, 8], '(7−4)/4+1 = 1.75: does not divide; the last 3 rows are not covered'],
    [
      'rows and columns differ',
      maxPool2d(3),
      [1, 7, 8],
      '(7−3)/3+1 = 2.33, (8−3)/3+1 = 2.67: does not divide; the last row and the last 2 columns are not covered',
    ],
    [
      'AlexNet on 224 pixels',
      conv2d(3, 96, 11, { stride: 4 }),
      [3, 224, 224],
      '(224−11)/4+1 = 54.25: does not divide; the last row and column are not covered',
    ],
    [
      'padding is lost first',
      conv2d(3, 64, 7, { stride: 2, padding: 3 }),
      [3, 224, 224],
      '(224−7+2·3)/2+1 = 112.5: does not divide; only padding is not covered',
    ],
    [
      'dilation widens the kernel',
      conv2d(1, 1, 3, { stride: 2, dilation: 2 }),
      [1, 8, 9],
      '(8−5)/2+1 = 2.5: does not divide; the last row is not covered',
    ],
    ['it divides', conv2d(1, 1, 3, { stride: 2 }), [1, 7, 7], undefined],
  ] as const)('%s', (_, layer, size, expected) => {
    expect(note(layer, size)).toBe(expected)
  })

  test('and in the text', () => {
    expect(formatSummary(summarize(sequential({ pool: maxPool2d(2) }), [1, 6, 7]))).toContain(
      '\npool: (7−2)/2+1 = 3.5: does not divide',
    )
  })
})

test('a batch that is no whole number is refused', () => {
  expect(() => summarize(lenet5(), [1, 28, 28], { batch: 0 })).toThrow('summary: batch (=0) must be a whole number ≥ 1')
})
