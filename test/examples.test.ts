/** The demonstrations of examples/ run as a user runs them, and show what they say they show. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../src/backends/createEngine.ts'
import { imageFolder } from '../src/data/folder.node.ts'
import { subsetOf } from '../src/data/split.ts'
import { writeSafetensors } from '../src/formats/safetensors.ts'
import { cifarResnet } from '../src/models/cifarResnet.ts'
import { ImageClassifier } from '../src/nn/imageClassifier.ts'
import { normalize } from '../src/nn/normalize.ts'
import { Evaluator } from '../src/train/evaluate.ts'
import { loadWeights } from '../src/train/weights.node.ts'
import { writePicture } from './data/pictures.ts'
import { setup as build } from './support/build.ts'
import { temporaryFolder } from './support/fovea.ts'
import { renderSvg } from './support/svg.ts'

const root = new URL('..', import.meta.url)
const folder = temporaryFolder()
beforeAll(build, 60_000)
afterAll(() => folder.remove())

/** What an example prints. */
async function output(name: string, given: readonly string[] = [folder.path]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', `examples/${name}.ts`, ...given], {
    cwd: root,
  })
  return stdout
}

/** The numbers of the line that begins with a text, percentages as shares. */
function numbersAfter(text: string, start: string): number[] {
  const line = text.split('\n').find(candidate => candidate.trim().replace(/ +/g, ' ').startsWith(start))
  if (line === undefined) throw new Error(`no line begins with '${start}':\n${text}`)
  const rest = line.trim().replace(/ +/g, ' ').slice(start.length)
  return [...rest.matchAll(/(-?[\d.]+(?:e-?\d+)?)( %)?/g)].map(([, number, isShare]) =>
    isShare ? Number(number) / 100 : Number(number),
  )
}

describe('zeroInitialization', () => {
  it('leaves all hidden neurons equal, and accuracy at chance under ReLU; He weights learn', async () => {
    const text = await output('zeroInitialization')
    const [chance] = numbersAfter(text, 'always the most frequent digit:')
    const [zeroRelu, zeroSigmoid, heRelu, heSigmoid] = [
      'zeros relu',
      'zeros sigmoid',
      'heNormal relu',
      'heNormal sigmoid',
    ].map(row => {
      const [accuracy, difference] = numbersAfter(text, row)
      return { accuracy, difference }
    })
    expect(chance).toBeGreaterThan(0.1)
    expect(chance).toBeLessThan(0.15)
    expect(zeroRelu.accuracy).toBeLessThanOrEqual(chance)
    expect([zeroRelu.difference, zeroSigmoid.difference]).toEqual([0, 0])
    // One neuron's worth of a hidden layer, however many there are.
    expect(zeroSigmoid.accuracy).toBeLessThan(0.4)
    for (const learned of [heRelu, heSigmoid]) {
      expect(learned.accuracy).toBeGreaterThan(0.8)
      expect(learned.difference).toBeGreaterThan(0.1)
    }
  }, 300_000)
})

describe('activationStatistics', () => {
  /**
   * Standard deviations of the hidden layers as lecture-0 prints them. The sixth number of the first row stands there as
   * 0.209116, between 0.320917 and 0.273387: 0.29… with its digits swapped; it is left out.
   */
  const lecture = {
    'tanh, xavier': [
      0.627953,
      0.480651,
      0.407723,
      0.357108,
      0.320917,
      Number.NaN,
      0.273387,
      0.254935,
      0.239266,
      0.228008,
    ],
    'relu, xavier': [0.582273, 0.403795, 0.276912, 0.196885, 0.140299, 0.10328, 0.072748, 0.051572, 0.038583, 0.026076],
    'relu, he': [0.825232, 0.825335, 0.813855, 0.826902, 0.836992, 0.8369935, 0.87061, 0.839348, 0.845357, 0.844523],
  }
  let sections: Map<string, { mean: number; std: number }[]>

  beforeAll(async () => {
    const text = await output('activationStatistics')
    sections = new Map(
      text.split('\n\n').map(section => {
        const [title, ...lines] = section.trim().split('\n')
        const rows = lines.map(line => /had mean +(\S+) and std (\S+)/.exec(line))
        return [title, rows.map(row => ({ mean: Number(row?.[1]), std: Number(row?.[2]) }))]
      }),
    )
  }, 300_000)
  const rowsOf = (title: string) => sections.get(title) ?? []
  const ratioOf = (title: string) => rowsOf(title)[10].std / rowsOf(title)[1].std

  // Two draws differ. Over 16 draws (made with NumPy) the standard deviation of a layer's std was at most 0.45 % of it with
  // tanh, and 1.3 % for each layer before it with ReLU; the difference of two draws has √2 times as much. Allowed: three times that.
  it.each([
    ['tanh, xavier', 0.0045, 0],
    ['relu, xavier', 0.003, 0.013],
    ['relu, he', 0.003, 0.013],
  ] as const)('%s: the table of lecture-0, within the spread between two draws', (title, first, perLayer) => {
    const rows = rowsOf(title)
    expect(rows).toHaveLength(11)
    lecture[title].forEach((std, i) => {
      if (Number.isNaN(std)) return
      const deviation = Math.abs(rows[i + 1].std / std - 1)
      expect(deviation, `hidden layer ${i + 1}`).toBeLessThan(3 * Math.SQRT2 * (first + perLayer * i))
    })
  })

  it('the first ReLU layer: mean 1/√(2π) and std √(1/2 − 1/(2π)), times √2 with He', () => {
    const [mean, std] = [1 / Math.sqrt(2 * Math.PI), Math.sqrt(1 / 2 - 1 / (2 * Math.PI))]
    for (const [title, scale] of [
      ['relu, xavier', 1],
      ['relu, he', Math.SQRT2],
    ] as const) {
      expect(rowsOf(title)[1].mean / (scale * mean)).toBeCloseTo(1, 2)
      expect(rowsOf(title)[1].std / (scale * std)).toBeCloseTo(1, 2)
    }
  })

  it('small Gaussian weights lose √(500 · 0.01²) = 0.2236 a layer with tanh: the signal dies', () => {
    const rows = rowsOf('tanh, gaussian(0.01)')
    for (let layer = 3; layer <= 10; layer++) expect(rows[layer].std / rows[layer - 1].std).toBeCloseTo(0.2236, 2)
    expect(rows[10].std).toBeLessThan(1e-6)
    expect(rowsOf('relu, gaussian(0.01)')[10].std).toBeLessThan(1e-6)
  })

  it('with ReLU, He keeps the signal and Xavier halves its variance in every layer', () => {
    expect(ratioOf('relu, he')).toBeGreaterThan(0.7)
    expect(ratioOf('relu, he')).toBeLessThan(1.4)
    // √(1/2) for each of nine layers: 0.044.
    expect(ratioOf('relu, xavier')).toBeGreaterThan(0.03)
    expect(ratioOf('relu, xavier')).toBeLessThan(0.065)
  })

  it('is drawn', () => expectDrawing('activationStatistics.svg', 1060, 300))
})

describe('poolingShift', () => {
  let text: string
  beforeAll(async () => {
    text = await output('poolingShift')
  })

  it("draws the lecture's picture: all inputs change, half of the outputs do", () => {
    const rows = text.split('\n').map(line => line.match(/\d\.\d/g)?.map(Number) ?? [])
    const [input, moved, pooled, pooledAfter] = rows
    expect(input.filter((value, i) => value !== moved[i])).toHaveLength(input.length)
    // The pools of three, recomputed.
    const pool = (row: number[]) => row.slice(2).map((_, i) => Math.max(...row.slice(i, i + 3)))
    expect([pooled, pooledAfter]).toEqual([pool(input), pool(moved)])
    expect(numbersAfter(text, 'inputs changed:')).toEqual([1, 0.5])
  })

  it('shows 2 / (k + 1) for random values, and everything for average pooling', () => {
    // 30,000 outputs: the share has a standard deviation below √(0.25 · 5 / 30,000) = 0.65 % (five overlap); allowed: 2 %.
    for (const width of [2, 3, 5]) {
      const [inputs, outputs] = numbersAfter(text, `max ${width} `)
      expect(inputs).toBe(1)
      expect(Math.abs(outputs - 2 / (width + 1))).toBeLessThan(0.02)
      expect(numbersAfter(text, `average ${width} `)[1]).toBeGreaterThan(0.99)
    }
  })
})

describe('equivariance', () => {
  it('holds exactly for the convolution and not for the fully connected layer; weights and reach as counted', async () => {
    const text = await output('equivariance')
    const compared = 6 * (28 - 3) * (28 - 5)
    expect(text).toMatch(new RegExp(`convolution +0 of ${compared} outputs differ`))
    const [different] = numbersAfter(text, 'fully connected')
    expect(different).toBeGreaterThan(0.9 * compared)
    const [convolution, connected] = text
      .split('\n')
      .slice(-3, -1)
      .map(line => line.match(/\d+/g)?.map(Number))
    // 6 kernels of 5·5 weights; a pixel lies under 5·5 windows of 6 maps; a weight is used once for each of 28·28 places.
    expect(convolution).toEqual([6 * 25, 6 * 25, 28 * 28])
    expect(connected).toEqual([784 * 6 * 784, 6 * 784, 1])
  })
})

describe('activationPlots', () => {
  it('prints values and derivatives, and draws them', async () => {
    const text = await output('activationPlots')
    const at = [-5, -2, -1, 0, 1, 2, 5]
    const sigma = (x: number) => 1 / (1 + Math.exp(-x))
    const lines = text.split('\n')
    const rows = (name: string): number[][] => {
      const first = lines.findIndex(line => line.startsWith(`${name} `))
      return [lines[first], lines[first + 1]].map(line =>
        (/f′? *(.*)$/.exec(line.slice(18))?.[1] ?? '').trim().split(/ +/).map(Number),
      )
    }
    const expected: Record<string, [f: (x: number) => number, derivative: (x: number) => number]> = {
      sigmoid: [sigma, x => sigma(x) * (1 - sigma(x))],
      tanh: [Math.tanh, x => 1 - Math.tanh(x) ** 2],
      ReLU: [x => Math.max(0, x), x => Number(x > 0)],
      'leaky ReLU (0.1)': [x => Math.max(0.1 * x, x), x => (x > 0 ? 1 : 0.1)],
      ELU: [x => (x > 0 ? x : Math.exp(x) - 1), x => (x > 0 ? 1 : Math.exp(x))],
      SiLU: [x => x * sigma(x), x => sigma(x) * (1 + x * (1 - sigma(x)))],
    }
    for (const [name, functions] of Object.entries(expected)) {
      functions.forEach((f, row) => {
        at.forEach((x, i) => {
          expect(rows(name)[row][i], `${name} ${row === 0 ? 'f' : 'f′'}(${x})`).toBeCloseTo(f(x), 3)
        })
      })
    }
    await expectDrawing('activationPlots.svg', 1040, 810)
  })
})

describe('denoising', () => {
  it('brings digits it has not seen nearer to what they are, and draws them', async () => {
    const text = await output('denoising', [folder.path, '2560'])
    const [before, after] = numbersAfter(text, '1024 test digits:')
    // Noise of σ = 0.5, cut to 0 … 1, is 9.4 dB; a black picture would have about 10, and 12,800 digits lead to 19.0.
    expect(Math.abs(before - 9.37)).toBeLessThan(0.1)
    expect(after).toBeGreaterThan(before + 5)

    // The drawing says the same: pixels of its ten columns, row by row.
    const svg = readFileSync(join(folder.path, 'denoising.svg'), 'utf8')
    const urls = [...svg.matchAll(/data:image\/png;base64,([^"]+)/g)].map(([, data]) => Buffer.from(data, 'base64'))
    expect(urls).toHaveLength(30)
    const images = await Promise.all(
      urls.map(async png => {
        const { data, info } = await sharp(png).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
        expect([info.width, info.height, info.channels]).toEqual([28, 28, 1])
        return data
      }),
    )
    const pixelsOf = (row: number): Buffer => Buffer.concat(images.slice(10 * row, 10 * row + 10))
    const clean = pixelsOf(2)
    const errorOf = (row: number): number =>
      pixelsOf(row).reduce((sum, value, i) => sum + ((value - clean[i]) / 255) ** 2, 0) / clean.length
    // 5 dB are a third of the error.
    expect(errorOf(1)).toBeLessThan(errorOf(0) / 3)
    expect(svg).toContain('noisy')
  }, 300_000)
})

describe('transfer', () => {
  it('trains a new last layer on what a frozen trunk has seen, and leaves the trunk as it was', async () => {
    for (const [part, count] of [
      ['train', 15],
      ['test', 10],
    ] as const) {
      for (let k = 0; k < count; k++) {
        await writePicture(join(folder.path, 'photos', part, 'dark', `${k}.jpeg`), 70 + k, 80, 5 * k)
        await writePicture(join(folder.path, 'photos', part, 'light', `${k}.png`), 80, 70 + k, 170 + 5 * k)
      }
    }
    const trunk = cifarResnet(20).initialize(3)
    const weights = join(folder.path, 'trunk.safetensors')
    const state = [...trunk.variables()].map(([name, { shape, value }]) => [name, { shape, values: value }] as const)
    writeFileSync(weights, writeSafetensors(state))
    const text = await output('transfer', [weights, join(folder.path, 'photos')])

    // 30 pictures, 4 looks, 64 numbers each.
    expect(text).toMatch(/^30 pictures, 4 looks each: 7680 numbers kept after [\d.]+ s$/m)
    expect(text.match(/^weight decay [\d.]+: [\d.]+ % of the held back$/gm)).toHaveLength(5)
    const [accuracy, samples] = numbersAfter(text, 'test accuracy')
    expect(samples).toBe(20)
    expect(accuracy).toBeGreaterThanOrEqual(0.95)

    const trained = cifarResnet(20, { classes: 2 })
    await loadWeights(trained, join(folder.path, 'photos', 'transfer.safetensors'))
    for (const [path, variable] of trained.variables()) {
      if (path.startsWith('linear.')) continue
      expect([...variable.value], path).toEqual([...(trunk.variables().get(path)?.value ?? [])])
    }
    // What is stored is what was scored.
    const engine = createEngine({ threads: 1 })
    const scale = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
    const test = await imageFolder(join(folder.path, 'photos', 'test'), { shape: [64, 64, 3] })
    const evaluator = new Evaluator(engine, new ImageClassifier(scale, trained), [64, 64, 3])
    expect((await evaluator.evaluate(subsetOf(test))).accuracy).toBe(accuracy)
    await engine.close()
  }, 300_000)
})

/** The file is there, renders at its size, and has blue and orange lines on it. */
async function expectDrawing(name: string, width: number, height: number): Promise<void> {
  const path = join(folder.path, name)
  expect(existsSync(path)).toBe(true)
  const image = await renderSvg(readFileSync(path, 'utf8'))
  expect([image.width, image.height]).toEqual([width, height])
  expect(image.count((r, g, b) => b > 150 && r < 60 && g < 140)).toBeGreaterThan(500)
  expect(image.count((r, g, b) => r > 190 && g < 130 && b < 60)).toBeGreaterThan(300)
}
