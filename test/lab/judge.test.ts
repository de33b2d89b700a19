/**
 * Judge, in Node: its numbers are the library's, at the moment that was asked for, however far the training is by then; changed images
 * are trained with as they are told; and what was answered in training is counted as in the paper.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readChanges } from '../../lab/src/screens/judge/changesFile.ts'
import { confusionOf } from '../../lab/src/screens/judge/confusion.ts'
import { drawPictures, layoutOf, placeAt, type Scene } from '../../lab/src/screens/judge/drawPictures.ts'
import { chosenImages, marginOf, type SortKey, sorted, sortKeys, sortValue } from '../../lab/src/screens/judge/order.ts'
import { fitted, isInside, nearestTo, pointsInside, towards } from '../../lab/src/screens/judge/scatter.ts'
import { tempered } from '../../lab/src/screens/judge/temperature.ts'
import { describeEdits, formatEdits, mostEdits, parseEdits } from '../../lab/src/state/edits.ts'
import { formatLink, parseLink } from '../../lab/src/state/link.ts'
import { firstRecipe, historyKey, type Intervention, type Recipe } from '../../lab/src/state/recipe.ts'
import { AnswerNotes } from '../../lab/src/worker/answerNotes.ts'
import { ImageStream, passOrder, type Shard } from '../../lab/src/worker/imageStream.ts'
import { JudgeDesk } from '../../lab/src/worker/judging.ts'
import type { Answer, Judged } from '../../lab/src/worker/protocol.ts'
import { LabRun } from '../../lab/src/worker/run.ts'
import { imageDataset, subsetOf } from '../../src/data/index.ts'
import { createEngine, type Engine } from '../../src/index.ts'
import { atTemperature, calibration, Inspector } from '../../src/inspect/index.ts'
import { Evaluator } from '../../src/train/index.ts'
import { digitShards, digits } from './digits.ts'

const recipe: Recipe = { ...firstRecipe, images: 300, batch: 16, rate: 0.05 }
const shardSize = 100
/** Test images: no whole number of pieces. */
const testCount = 150

describe('a file of changes', () => {
  const judge = {
    lab: {
      recipe: { value: { ...firstRecipe, images: 100 } },
      opened: { value: { classes: ['zero', 'one'] } },
    },
    train: { label: (image: number) => (image < 50 ? image % 2 : undefined) },
  } as unknown as Parameters<typeof readChanges>[1]
  const file = {
    format: 'fovea-changed-images',
    version: 1,
    data: firstRecipe.data,
    classes: ['zero', 'one'],
    changes: [
      { image: 3, label: 1, newLabel: 0 },
      { image: 70, leftOut: true },
    ] as object[],
  }

  test('is read', () => {
    expect([...readChanges(JSON.stringify(file), judge)]).toEqual([
      [3, 0],
      [70, 'out'],
    ])
  })

  test.each<[string, object | string, string]>([
    ['no JSON', '{', 'it is no JSON'],
    ['another format', { ...file, format: 'x' }, 'its format is not "fovea-changed-images"'],
    ['no object', '[]', 'its format is not'],
    ['another version', { ...file, version: 2 }, 'its version is 2; this page reads 1'],
    ['other data', { ...file, data: 'cifar10' }, 'of the data set "cifar10", and not of the mnist'],
    ['own pictures', { ...file, pictures: 'abc' }, 'of the data set'],
    ['other classes', { ...file, classes: ['one', 'zero'] }, 'its classes are not those'],
    ['no list', { ...file, changes: {} }, '"changes" is no list'],
    ['no image', { ...file, changes: [{}] }, 'expected a number from 0 to 99'],
    [
      'no such image',
      { ...file, changes: [{ image: 100, leftOut: true }] },
      'image 100: expected a number from 0 to 99',
    ],
    ['another label', { ...file, changes: [{ image: 3, label: 0, newLabel: 1 }] }, 'the label is 0, and here it is 1'],
    ['no class', { ...file, changes: [{ image: 3, newLabel: 2 }] }, 'a "newLabel" from 0 to 1'],
    ['no change', { ...file, changes: [{ image: 3 }] }, 'expected "leftOut": true'],
  ])('of %s is refused', (_, given, words) => {
    const text = typeof given === 'string' ? given : JSON.stringify(given)
    expect(() => readChanges(text, judge)).toThrow(words)
  })
})

describe('changed images as a text', () => {
  const edits = fc
    .uniqueArray(fc.tuple(fc.nat(99_999), fc.oneof(fc.nat(99), fc.constant('out' as const))), {
      selector: ([image]) => image,
      maxLength: 40,
    })
    .map(all => new Map(all))

  test('come back as they were, in a link as well', () => {
    fc.assert(
      fc.property(edits, all => {
        const text = formatEdits(all)
        expect(parseEdits(text)).toEqual(all)
        const done: Intervention = { at: 7, name: 'images', value: text }
        const link = { recipe: firstRecipe, interventions: [done], screen: 'judge' as const, edits: all }
        expect(parseLink(formatLink(link))).toEqual(link)
      }),
    )
  })

  test('can be read by people', () => {
    const all = new Map<number, number | 'out'>([
      [88, 'out'],
      [12, 7],
      [901, 3],
    ])
    expect(formatEdits(all)).toBe('12.7_88.x_901.3')
    expect(describeEdits(all)).toBe('training images: 2 relabeled, 1 left out')
    expect(describeEdits(new Map())).toBe('training images as they came')
  })

  test.each(['12', '12.', '12.y', '12.7,13.7', '-1.3'])('%s is none', text => {
    expect(parseEdits(text)).toBeUndefined()
    expect(() => parseLink(`#edits=${text}`)).toThrow(/expected image\.label or image\.x, at most 2000 of them/)
  })

  test('of more images than a link should hold are refused', () => {
    const text = (count: number): string => Array.from({ length: count }, (_, k) => `${k}.x`).join('_')
    expect(parseEdits(text(mostEdits))?.size).toBe(mostEdits)
    expect(parseEdits(text(mostEdits + 1))).toBeUndefined()
  })
})

describe('the stream of images', () => {
  test('passes over those that are left out, and gives others their new labels, whatever the sizes of batches', async () => {
    const source = await digitShards(recipe.images, shardSize)
    const order = [0, 1].flatMap(pass => [...passOrder(recipe.images, shardSize, 0, pass)])
    const out = order[1]!
    const edits = new Map<number, number | 'out'>([
      [out, 'out'],
      [order[2]!, 9],
    ])
    const cut = async (sizes: readonly number[]) => {
      const stream = new ImageStream(source, 0)
      const [labels, places]: [number[], number[]] = [[], []]
      let seen = 0
      for (const size of sizes) {
        const [batch, at] = [new Int32Array(size), new Int32Array(size)]
        seen = await stream.fill(seen, new Uint8Array(size * 784), batch, at, edits)
        labels.push(...batch)
        places.push(...at)
      }
      return { labels, places, seen }
    }
    const found = await cut([128, 128, 128, 128])
    expect(found.places.map(place => order[place])).not.toContain(out)
    expect(found.places.slice(0, 3)).toEqual([0, 2, 3])
    expect(found.labels[1]).toBe(9)
    expect(found.seen).toBe(found.places.at(-1)! + 1)
    expect(await cut([64, 64, 16, 128, 112, 128])).toEqual(found)
  })

  test('without any image is an error', async () => {
    const stream = new ImageStream(await digitShards(4, 2), 0)
    const edits = new Map([0, 1, 2, 3].map(image => [image, 'out' as const]))
    await expect(stream.fill(0, new Uint8Array(784), new Int32Array(1), undefined, edits)).rejects.toThrow(
      'images: all 4 training images are left out; one at least must stay',
    )
  })
})

describe('answers in training', () => {
  const source = { count: 6, shardSize: 3 }
  const seed = 5

  test('are counted as in the paper: learned when right, forgotten when wrong after that', () => {
    // Of three passes: right or wrong, by image.
    const answers = ['111', '011', '101', '100', '000', '010'].map(text => [...text].map(Number))
    const notes = new AnswerNotes()
    for (let pass = 0; pass < 3; pass++) {
      const order = passOrder(source.count, source.shardSize, seed, pass)
      for (let k = 0; k < 6; k += 2) {
        const places = Int32Array.of(6 * pass + k, 6 * pass + k + 1)
        notes.note(
          '',
          places,
          Uint8Array.from([order[k]!, order[k + 1]!], image => answers[image]![pass]!),
        )
      }
    }
    const { presented, forgotten, learned } = notes.history('', 18, source, seed)
    expect([...presented]).toEqual([3, 3, 3, 3, 3, 3])
    expect([...forgotten]).toEqual([0, 0, 1, 1, 0, 1])
    expect([...learned]).toEqual([1, 2, 3, 0, 0, 0])
    // An earlier moment knows nothing of what came later.
    const early = notes.history('', 6, source, seed)
    expect([...early.presented]).toEqual([1, 1, 1, 1, 1, 1])
    expect([...early.learned]).toEqual([1, 0, 1, 1, 0, 0])
    expect([...notes.history('', 0, source, seed).learned]).toEqual([-1, -1, -1, -1, -1, -1])
  })

  test('belong to their line: a fork takes along what was before it, and the first line keeps its own', () => {
    const notes = new AnswerNotes()
    const all = Int32Array.from({ length: 12 }, (_, k) => k)
    notes.note('', all, new Uint8Array(12).fill(1))
    notes.fork('', '6:rate:1', 6)
    notes.note('6:rate:1', all.subarray(6), new Uint8Array(6))
    expect([...notes.history('6:rate:1', 12, source, seed).forgotten]).toEqual([1, 1, 1, 1, 1, 1])
    expect([...notes.history('', 12, source, seed).forgotten]).toEqual([0, 0, 0, 0, 0, 0])
  })
})

describe('a network that is judged', () => {
  let engine: Engine
  let run: LabRun
  let heldBack: Shard
  beforeAll(async () => {
    engine = createEngine({ threads: 1, precise: true })
    run = new LabRun(recipe, await digitShards(recipe.images, shardSize), engine)
    const { images, labels } = (await digits()).test
    heldBack = { images: images.subarray(0, testCount * 784), labels: Uint8Array.from(labels.subarray(0, testCount)) }
  })
  afterAll(() => engine?.close())

  /** Judges at the step that is reached, while the training goes on. */
  async function judge(
    split: 'test' | 'train',
    interventions: readonly Intervention[] = [],
    features = false,
    layer?: string,
  ) {
    const notes = new AnswerNotes()
    const told: Answer[] = []
    // A network of so much work is judged in small pieces.
    const desk = new JudgeDesk(run, heldBack, notes, 1.6e7, answer => told.push(answer))
    const { step } = run
    const edits = parseEdits(String(interventions.at(-1)?.value ?? ''))!
    await desk.ask({ split, features, layer }, { line: historyKey(interventions, step), edits, notesOf: '' })
    let clock = 0
    while (desk.isBusy) {
      await run.advance(interventions)
      await desk.advance(() => (clock += 1000))
    }
    return { told, judged: (told.at(-1) as Extract<Answer, { type: 'judged' }>).judged }
  }

  /** What `fovea eval` computes. */
  async function evaluate(images: Uint8Array, labels: ArrayLike<number>) {
    const pictures = Array.from(labels, (_, k) => images.subarray(k * 784, (k + 1) * 784))
    const classes = Array.from({ length: 10 }, (_, k) => String(k))
    const dataset = imageDataset({
      name: 'digits',
      images: pictures,
      labels: [...Array.from(labels)],
      shape: [28, 28, 1],
      classes,
    })
    return new Evaluator(engine, run.model, [28, 28, 1]).evaluate(subsetOf(dataset))
  }

  test('has the answers, losses and confusion of the library, of the step that was asked for, while it trains on', async () => {
    while (run.step < 30) await run.advance([])
    const expected = await evaluate(heldBack.images, heldBack.labels)
    const hash = await run.hash()
    const { told, judged } = await judge('test')
    expect(await run.hash()).not.toBe(hash)
    expect(judged.step).toBe(30)
    expect([...judged.predicted]).toEqual([...expected.predicted])
    // Batches of other sizes are laid out in other ways: sums differ in their last bits.
    judged.losses.forEach((loss, k) => {
      expect(loss).toBeCloseTo(expected.losses[k]!, 5)
    })
    judged.probability.forEach((probability, k) => {
      expect(probability).toBeCloseTo(expected.probability[k]!, 5)
    })
    const names = Array.from({ length: 10 }, (_, k) => String(k))
    const confusion = confusionOf(judged, names)
    expect(confusion.counts).toEqual(expected.confusion)
    expect(confusion.right / confusion.images).toBe(expected.accuracy)
    expect(confusion.loss).toBeCloseTo(expected.loss, 5)
    // Its own pieces are told on the way.
    const progress = told.flatMap(answer => (answer.type === 'judging' ? [answer.done] : []))
    expect(progress.length).toBeGreaterThan(2)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
  })

  test('knows the features of its images: what the last layer reads', async () => {
    const inspector = new Inspector(engine, run.model, [28, 28, 1])
    const { values } = await inspector.capture(heldBack.images, 'fc3:input')
    const { judged } = await judge('test', [], true)
    expect(judged.features).toMatchObject({ layer: expect.stringMatching(/fc3$/), count: testCount })
    const expected = values.get('fc3:input')!.values
    expect(judged.features!.values).toHaveLength(expected.length)
    judged.features!.values.forEach((value, k) => {
      expect(value).toBeCloseTo(expected[k]!, 4)
    })
  })

  test('knows what any layer reads: each number, or the means of large maps', async () => {
    const inspector = new Inspector(engine, run.model, [28, 28, 1])
    const inputOf = async (layer: string): Promise<Float32Array> =>
      (await inspector.capture(heldBack.images, `${layer}:input`)).values.get(`${layer}:input`)!.values as Float32Array
    const given = await inputOf('fc2')
    const { judged } = await judge('test', [], true, 'fc2')
    expect(judged.features).toMatchObject({ layer: 'fc2', isMean: false })
    judged.features!.values.forEach((value, k) => {
      expect(value).toBeCloseTo(given[k]!, 4)
    })
    // 6 maps of 14 × 14 are more than 1,024 numbers.
    const maps = await inputOf('conv2')
    const { features } = (await judge('test', [], true, 'conv2')).judged
    expect(features).toMatchObject({ layer: 'conv2', isMean: true })
    expect(features!.values).toHaveLength(6 * testCount)
    features!.values.forEach((value, k) => {
      const map = maps.subarray(196 * k, 196 * (k + 1))
      expect(value).toBeCloseTo(map.reduce((a, b) => a + b, 0) / 196, 4)
    })
  })

  test('has a temperature, fitted to half of its images and judged by the others', async () => {
    const { judged } = await judge('test')
    const found = tempered(judged, 15)!
    expect([found.fitted, found.images]).toEqual([75, 75])
    const others = Array.from({ length: 75 }, (_, k) => 2 * k + 1)
    const own = calibration(
      { predicted: others.map(k => judged.predicted[k]!), probability: others.map(k => judged.probability[k]!) },
      others.map(k => judged.labels[k]!),
    )
    expect(found.before.ece).toBeCloseTo(own.ece, 6)
    const before = others.reduce((sum, k) => sum + judged.losses[k]!, 0) / 75
    expect(found.lossBefore).toBeCloseTo(before, 4)
    // A network that is surer: the same answers with probabilities to the power of two, which no class has too little of.
    const sure = { ...judged, probabilities: atTemperature(judged.probabilities, 10, 0.5) }
    expect(tempered(sure, 15)!.temperature / found.temperature).toBeCloseTo(2, 2)
    expect(tempered(sure, 15)!.lossAfter).toBeCloseTo(found.lossAfter, 4)
    expect(tempered({ ...judged, out: judged.out.map((_, k) => Number(k > 15)) }, 15)).toBeUndefined()
  })

  test('tells its training images once, and judges them by the labels that they are trained with', async () => {
    const images: Intervention = { at: 0, name: 'images', value: '3.9_5.x' }
    const { told, judged } = await judge('train', [images])
    const shards = told.flatMap(answer => (answer.type === 'shard' ? [answer] : []))
    expect(shards.map(({ first }) => first)).toEqual([0, 100, 200])
    const given = (await digits()).train.labels
    expect(judged.labels[3]).toBe(9)
    expect(judged.losses[3]).toBeCloseTo(-Math.log(judged.probabilities[39]!), 4)
    expect([...judged.labels.subarray(4, 300)]).toEqual([...given.subarray(4, 300)])
    expect([...judged.out.keys()].filter(k => judged.out[k])).toEqual([5])
    const names = Array.from({ length: 10 }, (_, k) => String(k))
    expect(confusionOf(judged, names).images).toBe(299)
    expect(chosenImages(judged, { kind: 'cell' })).not.toContain(5)
  })
})

describe('a training with changed images', () => {
  let engine: Engine
  beforeAll(() => {
    engine = createEngine({ threads: 1, precise: true })
  })
  afterAll(() => engine?.close())
  const hashAfter = async (steps: number, interventions: readonly Intervention[]): Promise<string> => {
    const run = new LabRun(recipe, await digitShards(recipe.images, shardSize), engine)
    while (run.step < steps) await run.advance(interventions)
    return run.hash()
  }

  test('has other weights from the step after it, and the same whenever it is repeated', async () => {
    const [first] = passOrder(recipe.images, shardSize, 0, 0).subarray(3 * 16)
    const changed: Intervention[] = [{ at: 3, name: 'images', value: `${first}.x` }]
    expect(await hashAfter(3, changed)).toBe(await hashAfter(3, []))
    const after = await hashAfter(5, changed)
    expect(after).not.toBe(await hashAfter(5, []))
    const link = formatLink({ recipe, interventions: changed, step: 5, screen: 'judge' })
    expect(await hashAfter(5, parseLink(link).interventions)).toBe(after)
  })

  test('and a label of no class is an error', async () => {
    await expect(hashAfter(1, [{ at: 0, name: 'images', value: '4.12' }])).rejects.toThrow(
      'images: training image 4 cannot have label 12: there are 10 classes',
    )
  })
})

/** Three images of two classes. */
const few: Judged = {
  split: 'train',
  step: 1,
  line: '',
  labels: Uint8Array.of(0, 1, 1, 0),
  out: new Uint8Array(4),
  predicted: Uint8Array.of(0, 0, 1, 1),
  probability: Float32Array.of(0.5, 0.75, 1, 0.625),
  losses: Float32Array.of(0.69, 1.39, 0, 0.98),
  probabilities: Float32Array.of(0.5, 0.5, 0.75, 0.25, 0, 1, 0.375, 0.625),
  history: {
    presented: Uint16Array.of(3, 3, 0, 3),
    forgotten: Uint16Array.of(2, 0, 0, 1),
    learned: Int16Array.of(3, 0, -1, 1),
  },
}

describe('pictures', () => {
  test('are those of a cell, a row, a column, or all mistakes', () => {
    expect(chosenImages(few, { kind: 'cell', label: 1, predicted: 0 })).toEqual([1])
    expect(chosenImages(few, { kind: 'cell', label: 0 })).toEqual([0, 3])
    expect(chosenImages(few, { kind: 'cell', predicted: 1 })).toEqual([2, 3])
    expect(chosenImages(few, { kind: 'cell' })).toEqual([0, 1, 2, 3])
    expect(chosenImages(few, { kind: 'mistakes' })).toEqual([1, 3])
  })

  test.each<[SortKey, readonly number[]]>([
    ['loss', [1, 3, 0, 2]],
    ['confidence', [2, 1, 3, 0]],
    // Never learned, then the latest, then those that were not seen.
    ['learned', [1, 0, 3, 2]],
    ['forgotten', [0, 3, 1, 2]],
  ])('sorted by %s come from the largest on, equal ones by number', (key, expected) => {
    expect([...sorted(few, [0, 1, 2, 3], key, true)]).toEqual(expected)
  })

  test('have a margin below zero where they are taken for another class', () => {
    expect([0, 1, 2, 3].map(image => marginOf(few, image))).toEqual([0, -0.5, 1, -0.25])
    expect([...sorted(few, [0, 1, 2, 3], 'margin', false)]).toEqual([1, 3, 0, 2])
  })

  test('are sorted as their numbers are, whatever these are', () => {
    const value = fc.float({ noNaN: true })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), fc.boolean(), (losses, isDown) => {
        const judged = { ...few, losses: Float32Array.from(losses) }
        const images = losses.map((_, k) => k)
        const found = [...sorted(judged, images, 'loss', isDown)].map(image => judged.losses[image]!)
        expect(found.every((loss, k) => k === 0 || (isDown ? found[k - 1]! >= loss : found[k - 1]! <= loss))).toBe(true)
      }),
    )
    for (const key of sortKeys) expect(Number.isNaN(sortValue(few, key, 0))).toBe(false)
  })

  test('of fifty thousand, those in the window are drawn and no others', () => {
    const layout = layoutOf([1, 1, 2], 440)
    const drawn: number[] = []
    const context = new Proxy({} as CanvasRenderingContext2D, { get: () => () => undefined, set: () => true })
    const scene: Scene = {
      layout,
      count: 50_000,
      top: 100 * layout.cellHeight,
      size: { width: 440, height: 600 },
      shape: [1, 1, 2],
      place: 0,
      theme: 'light',
      pixels: place => {
        drawn.push(place)
        return Uint8Array.of(0, 0)
      },
      caption: () => ({ first: '', second: '', kind: 'right' }),
    }
    drawPictures(context, scene, () => '')
    expect(drawn[0]).toBe(99 * layout.columns)
    expect(drawn.length).toBeLessThanOrEqual(layout.columns * (Math.ceil(600 / layout.cellHeight) + 2))
    expect(placeAt(scene, 4, 4)).toBe(100 * layout.columns)
    expect(placeAt({ ...scene, count: 3 }, 4, 4)).toBeUndefined()
  })
})

test('a class has recall, precision and their harmonic mean; none where there is nothing to divide by', () => {
  const { classes, counts } = confusionOf(few, ['a', 'b', 'c'])
  expect(counts).toEqual([
    [1, 1, 0],
    [1, 1, 0],
    [0, 0, 0],
  ])
  expect(classes[0]).toEqual({ name: 'a', images: 2, recall: 0.5, precision: 0.5, f1: 0.5 })
  expect(classes[2]).toEqual({ name: 'c', images: 0, recall: undefined, precision: undefined, f1: undefined })
})

describe('points of a scatter', () => {
  const points = Float32Array.of(0, 0, 2, 0, 1, 1, 0, 2)
  test('fill a square, with one scale for both axes, and up is up', () => {
    expect([...fitted(points, 120)]).toEqual([10, 110, 110, 110, 60, 60, 10, 10])
  })
  test('are inside a loop or not', () => {
    const loop = [
      [-1, -1],
      [3, -1],
      [3, 0.5],
      [-1, 0.5],
    ] as const
    expect(isInside(loop, [0, 0])).toBe(true)
    expect(pointsInside(points, loop)).toEqual([0, 1])
  })
  test('are near a place, and in a direction', () => {
    expect(nearestTo(points, [0.9, 0.9], 2)).toEqual([2, 0])
    expect(nearestTo(points, [9, 9], 2, 1)).toEqual([])
    expect(towards(points, 0, [0, 1])).toBe(1)
    expect(towards(points, 0, [1, 0])).toBe(3)
    expect(towards(points, 1, [0, 1])).toBe(1)
  })
})
