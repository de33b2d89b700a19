/** Teach without a page: what is held back, how it is scored, where pictures are kept, and what the head and its file say. */
import { describe, expect, test } from 'vitest'
import { Classes } from '../../lab/src/screens/teach/classes.ts'
import { artifactName, exportZip } from '../../lab/src/screens/teach/exported.ts'
import { isNextHeld, lotsOfTake } from '../../lab/src/screens/teach/holdOut.ts'
import { blockPictures, PictureStore, thumbBytes } from '../../lab/src/screens/teach/pictureStore.ts'
import { SavedSession } from '../../lab/src/screens/teach/saved.ts'
import { scoreOf } from '../../lab/src/screens/teach/score.ts'
import { trainingRows } from '../../lab/src/screens/teach/trainingRows.ts'
import { HeadFitter } from '../../lab/src/worker/teach/fitHead.ts'
import { movedViews, type SeenPicture, viewCount } from '../../lab/src/worker/teach/protocol.ts'
import { Teacher } from '../../lab/src/worker/teach/teacher.ts'
import { viewsOf } from '../../lab/src/worker/teach/views.ts'
import { readClassifier } from '../../src/classifier/artifact.ts'
import { loadClassifier } from '../../src/classifier/classifier.ts'
import type { BrowserFiles } from '../../src/formats/browserFiles.ts'
import { sourceOf } from '../../src/formats/source.ts'
import { readZip, zipContents } from '../../src/formats/zip.ts'
import { createEngine } from '../../src/index.ts'
import { linearProbe, probeAccuracy } from '../../src/inspect/index.ts'
import { tinyFeatures, tinyPicture, tinySide, tinyTrunk } from './teachTrunk.ts'

/** A picture that says its number. */
const seen = (k: number, features = 2): SeenPicture => ({
  thumb: new Uint8Array(thumbBytes).fill(k % 256),
  features: new Float32Array(features).fill(k),
})

/** One with views, which say its number and their own: 7.01, 7.02, … */
const viewed = (k: number): SeenPicture => ({
  ...seen(k),
  views: Float32Array.from({ length: 2 * viewCount }, (_, at) => k + (1 + Math.floor(at / 2)) / 100),
})

/** Each row weighs the same. */
const equalShares = (rows: number): Float32Array => new Float32Array(rows).fill(1 / rows)

describe('of pictures, those are held back', () => {
  test('that come second, and then every fifth', () => {
    const lots: boolean[] = []
    for (let k = 0; k < 16; k++) lots.push(isNextHeld({ count: k, held: lots.filter(Boolean).length }))
    expect(lots.flatMap((isHeld, k) => (isHeld ? [k] : []))).toEqual([1, 5, 10, 15])
  })

  test('that end a take of the camera, after a gap: neighbors are near copies', () => {
    const lots = lotsOfTake(40, { count: 0, held: 0 })
    expect(lots.slice(0, 30)).toEqual(Array(30).fill('trained'))
    expect(lots.slice(30, 32)).toEqual(['left out', 'left out'])
    expect(lots.slice(32)).toEqual(Array(8).fill('held'))
  })

  test('that are in a short take all, or not at all', () => {
    expect(lotsOfTake(4, { count: 0, held: 0 })).toEqual(Array(4).fill('trained'))
    expect(lotsOfTake(4, { count: 6, held: 0 })).toEqual(Array(4).fill('held'))
    expect(lotsOfTake(4, { count: 12, held: 4 })).toEqual(Array(4).fill('trained'))
  })
})

describe('a score', () => {
  test('has a Wilson interval, the classes and the mistakes, the surest first', () => {
    const probabilities = Float32Array.from([0.9, 0.1, 0.2, 0.8, 0.4, 0.6, 0.05, 0.95])
    const score = scoreOf([0, 0, 1, 1], probabilities, 2)
    expect(score).toMatchObject({ right: 3, count: 4, chance: 0.5, tells: false })
    expect(score.classes.map(({ right, count }) => [right, count])).toEqual([
      [1, 2],
      [2, 2],
    ])
    expect(score.interval[0]).toBeCloseTo(0.3006, 4)
    expect(score.mistakes).toEqual([{ index: 1, label: 0, predicted: 1, probability: probabilities[3] }])
  })

  test('tells something when its interval lies above the most frequent class', () => {
    const right = Float32Array.from({ length: 40 }, (_, k) => (k % 2 === Math.floor(k / 2) % 2 ? 0.9 : 0.1))
    const labels = Array.from({ length: 20 }, (_, k) => k % 2)
    expect(scoreOf(labels, right, 2)).toMatchObject({ right: 20, tells: true })
    expect(scoreOf([], new Float32Array(0), 2)).toMatchObject({ count: 0, tells: false, interval: [0, 1] })
  })
})

describe('the store of pictures', () => {
  test('gives back what it was given, and uses rows again once the session no longer speaks of them', () => {
    const store = new PictureStore(2)
    const rows = Array.from({ length: blockPictures + 3 }, (_, k) => store.add(seen(k))!)
    expect(store.blocks).toBe(2)
    expect(store.gather([rows[7]!, rows.at(-1)!])).toEqual(Float32Array.of(7, 7, 258, 258))
    expect(store.thumb(rows[7]!)[0]).toBe(7)
    store.remove(rows[7]!)
    expect(store.add(seen(300))).toBe(rows.length)
    store.saved(store.freed)
    expect(store.add(seen(301))).toBe(rows[7])
    expect(store.count).toBe(blockPictures + 4)
  })

  test('has a bound in pictures and in bytes', () => {
    expect(new PictureStore(128).capacity).toBe(20_000)
    const large = new PictureStore(25_088)
    expect(large.capacity * (thumbBytes + 4 * 25_088)).toBeLessThanOrEqual(256 * 2 ** 20)
    expect(large.capacity).toBeGreaterThan(2000)
    const store = new PictureStore(2, { pictures: 100, bytes: 3.5 * (thumbBytes + 8) })
    for (let k = 0; k < 3; k++) expect(store.add(seen(k))).toBe(k)
    expect(store.add(seen(3))).toBeUndefined()
    store.remove(1)
    expect(store.add(seen(3))).toBe(3)
  })
})

describe('classes', () => {
  const taught = () => {
    const store = new PictureStore(2)
    const classes = new Classes(store)
    const [cats, dogs] = [classes.add('cats')!, classes.add('dogs')!]
    for (let k = 0; k < 12; k++) classes.addPicture(k < 7 ? cats : dogs, seen(k))
    return { store, classes, cats, dogs }
  }

  test('undo what was removed, the last first', () => {
    const { classes, cats, dogs } = taught()
    const before = [...cats.pictures]
    classes.removePicture(cats, cats.pictures[2]!)
    classes.removeClass(dogs)
    classes.clear()
    expect(classes.all.value).toEqual([])
    expect(classes.undoable.value).toBe('everything removed')
    classes.undo()
    expect(classes.all.value).toEqual([cats])
    classes.undo()
    expect(classes.all.value).toEqual([cats, dogs])
    classes.undo()
    expect(cats.pictures).toEqual(before)
    expect(classes.undoable.value).toBeUndefined()
  })

  test('give memory back when a removal can no longer be undone', () => {
    const { store, classes, cats } = taught()
    for (let k = 0; k < 40; k++) {
      classes.addPicture(cats, seen(k))
      classes.removePicture(cats, cats.pictures.at(-1)!)
    }
    expect(store.count).toBe(12 + 30)
  })

  test('say what is wrong with their names', () => {
    const { classes, dogs } = taught()
    expect(classes.nameProblem.value).toBeUndefined()
    classes.rename(dogs, ' cats')
    expect(classes.nameProblem.value).toBe('Two classes are called cats. Give one of them another name.')
    classes.rename(dogs, ' ')
    expect(classes.nameProblem.value).toBe('A class has no name. Give it one.')
  })

  test('take folders by their names: a known class, one that nobody has touched, or a new one', () => {
    const { classes, cats } = taught()
    const free = classes.add()!
    expect(free.name.value).toBe('class 1')
    expect(classes.named('cats')).toBe(cats)
    expect(classes.named('birds')).toBe(free)
    expect(free.name.value).toBe('birds')
    expect(classes.named('fish')).toBe(classes.all.value[3])
  })

  test('count frames of a take when it ends', () => {
    const { store, classes, cats } = taught()
    for (let k = 0; k < 20; k++) classes.addFrame(cats, seen(k))
    expect(cats.counts.value).toEqual({ count: 7, held: 2 })
    classes.endTake(cats)
    expect(cats.counts.value).toEqual({ count: 25, held: 6 })
    expect(cats.pictures.slice(7).map(({ isHeld }) => isHeld)).toEqual([
      ...Array(14).fill(false),
      ...Array(4).fill(true),
    ])
    expect(store.count).toBe(12 + 18)
  })
})

describe('views of a picture', () => {
  const shape = [16, 16, 3] as const
  /** Darker at the left. */
  const slope = Uint8Array.from({ length: 768 }, (_, at) => 40 + 10 * (Math.floor(at / 3) % 16))
  const sideOf = (pixels: Uint8Array, side: 0 | 1): number =>
    pixels.reduce((sum, value, at) => sum + (Math.floor((Math.floor(at / 3) % 16) / 8) === side ? value : 0), 0)

  test('are decided by it alone, differ from it and from each other, and only the last are mirrored', () => {
    const views = viewsOf(slope, shape)
    expect(viewsOf(slope.slice(), shape)).toEqual(views)
    expect(new Set([slope, ...views].map(String)).size).toBe(1 + viewCount)
    for (const [k, view] of views.entries()) {
      expect(view).toHaveLength(slope.length)
      expect(sideOf(view, 0) < sideOf(view, 1)).toBe(k < movedViews)
    }
  })

  test('are there for pictures of one channel and of one pixel', () => {
    expect(viewsOf(Uint8Array.of(90), [1, 1, 1])).toHaveLength(viewCount)
  })

  test('are kept of pictures to train on, never of those held back, up to a bound', () => {
    const store = new PictureStore(2)
    const classes = new Classes(store)
    const cats = classes.add('cats')!
    for (let k = 0; k < 2600; k++) classes.addPicture(cats, viewed(k))
    expect(cats.pictures.some(({ row, isHeld }) => isHeld && store.hasViews(row))).toBe(false)
    const trained = cats.pictures.filter(({ isHeld }) => !isHeld)
    expect(trained.slice(0, 2000).every(({ row }) => store.hasViews(row))).toBe(true)
    expect(trained.slice(2000).some(({ row }) => store.hasViews(row))).toBe(false)
    expect(trained).toHaveLength(2080)
    expect(new PictureStore(25_088).mostViewed).toBe(0)
  })

  test('are learned from beside it: a picture weighs the same with and without them', () => {
    const store = new PictureStore(2)
    const rows = [viewed(1), seen(2)].map(one => store.add(one)!)
    store.addViews(rows[0]!, viewed(1).views!)
    const pictures = rows.map((row, label) => ({ row, label }))
    expect(trainingRows(store, pictures, 'off')).toEqual({
      features: Float32Array.of(1, 1, 2, 2),
      labels: Uint8Array.of(0, 1),
      shares: Float32Array.of(1 / 2, 1 / 2),
      views: 0,
    })
    expect(trainingRows(store, pictures, 'moved')).toEqual({
      features: Float32Array.of(1, 1, 1.01, 1.01, 1.02, 1.02, 2, 2),
      labels: Uint8Array.of(0, 0, 0, 1),
      shares: Float32Array.of(1 / 6, 1 / 6, 1 / 6, 1 / 2),
      views: 2,
    })
    expect(trainingRows(store, pictures, 'mirrored')).toMatchObject({
      views: 4,
      labels: Uint8Array.of(0, 0, 0, 0, 0, 1),
    })
  })
})

describe('a saved session', () => {
  /** Files in memory. */
  const memory = (
    room = Number.POSITIVE_INFINITY,
  ): BrowserFiles & { readonly kept: Map<string, Blob>; room: number } => {
    const kept = new Map<string, Blob>()
    return {
      kept,
      room,
      async save(name, contents) {
        const blob = new Blob([contents as BlobPart])
        if (blob.size > this.room) throw new Error(`${name}: no room`)
        kept.set(name, blob)
      },
      open: async name => kept.get(name),
      list: async () => [...kept].map(([name, { size }]) => ({ name, size })),
      remove: async name => void kept.delete(name),
    }
  }

  test('comes back as it was: classes, pictures, and which are held back', async () => {
    const files = memory()
    const store = new PictureStore(2)
    const classes = new Classes(store)
    const cats = classes.add('cats')!
    for (let k = 0; k < 300; k++) classes.addPicture(cats, k < 290 ? seen(k) : viewed(k))
    classes.removePicture(cats, cats.pictures[10]!)
    classes.augment('mirrored')
    const session = await SavedSession.open(files)
    await session.save('abc', undefined, classes, store)
    const [again, other] = [new PictureStore(2), new Classes(new PictureStore(2))]
    const restored = new Classes(again)
    expect(await (await SavedSession.open(files)).restore('abc', restored, again)).toBe('restored')
    expect(restored.all.value.map(({ name }) => name.value)).toEqual(['cats'])
    const [known] = restored.all.value
    expect(known!.pictures).toEqual(cats.pictures)
    expect(again.gather(known!.pictures.map(({ row }) => row))).toEqual(
      store.gather(cats.pictures.map(({ row }) => row)),
    )
    expect(again.count).toBe(299)
    expect(restored.augmentation.value).toBe('mirrored')
    const [last, held] = [known!.pictures.at(-1)!, known!.pictures.at(-5)!]
    expect([last, held].map(({ row, isHeld }) => [isHeld, again.hasViews(row)])).toEqual([
      [false, true],
      [true, false],
    ])
    expect(again.viewsOf(last.row)).toEqual(viewed(299).views)
    expect(await (await SavedSession.open(files)).restore('def', other, new PictureStore(2))).toBe('of another trunk')
  })

  test('of an earlier version, which knew no views, comes back without some', async () => {
    const files = memory()
    const store = new PictureStore(2)
    const classes = new Classes(store)
    classes.addPicture(classes.add('cats')!, seen(1))
    await (await SavedSession.open(files)).save('abc', undefined, classes, store)
    files.kept.set(
      'teach.json',
      new Blob(['{"version":1,"trunk":"abc","blocks":1,"classes":[{"name":"cats","pictures":[[0,0,0]]}]}']),
    )
    const again = new PictureStore(2)
    const restored = new Classes(again)
    expect(await (await SavedSession.open(files)).restore('abc', restored, again)).toBe('restored')
    expect([restored.count.value, again.viewed]).toEqual([1, 0])
  })

  test('writes only what has changed, and what it could not write again', async () => {
    const files = memory()
    const written: string[] = []
    const { save } = files
    files.save = async function (name, contents) {
      written.push(name)
      await save.call(this, name, contents)
    }
    const store = new PictureStore(2)
    const classes = new Classes(store)
    const cats = classes.add('cats')!
    for (let k = 0; k < 300; k++) classes.addPicture(cats, seen(k))
    const session = await SavedSession.open(files)
    await session.save('abc', undefined, classes, store)
    classes.addPicture(cats, seen(300))
    files.room = 100
    await expect(session.save('abc', undefined, classes, store)).rejects.toThrow('no room')
    files.room = Number.POSITIVE_INFINITY
    await session.save('abc', undefined, classes, store)
    expect(written).toEqual(['teach-0.bin', 'teach-1.bin', 'teach.json', 'teach-1.bin', 'teach-1.bin', 'teach.json'])
  })

  test('that does not fit together is refused', async () => {
    const files = memory()
    const store = new PictureStore(2)
    const classes = new Classes(store)
    classes.addPicture(classes.add('cats')!, seen(1))
    await (await SavedSession.open(files)).save('abc', undefined, classes, store)
    files.kept.set('teach-0.bin', new Blob(['cut off']))
    const again = new PictureStore(2)
    const restoring = (await SavedSession.open(files)).restore('abc', new Classes(again), again)
    await expect(restoring).rejects.toThrow('the saved pictures do not fit what is saved of them')
    files.kept.set('teach.json', new Blob(['{"version":2}']))
    const later = await SavedSession.open(files)
    expect(await later.restore('abc', new Classes(again), again)).toBe('nothing')
  })
})

describe('a head', () => {
  const colors = { red: [200, 60, 60], green: [60, 200, 60], blue: [60, 60, 200] } as const

  test('is the one of a linear probe', async () => {
    const [count, size] = [90, 5]
    const labels = Uint8Array.from({ length: count }, (_, k) => k % 3)
    const values = Float32Array.from({ length: count * size }, (_, at) => {
      const [k, i] = [Math.floor(at / size), at % size]
      return Math.sin(at * at * 0.37 + at) + (i === k % 3 ? 0.4 : 0) + 5 * i
    })
    const features = { shape: [count, size], values }
    const fitter = new HeadFitter()
    const head = await fitter.fit(values, labels, equalShares(count))
    await fitter.close()
    const probe = linearProbe(features, labels, { ridge: 0.01 })
    expect(probe.accuracy).toBeLessThan(1)
    const largest = Math.max(...probe.weights.map(Math.abs))
    const apart = Math.max(...head.weights.map((weight, k) => Math.abs(weight - probe.weights[k]!)))
    expect(apart).toBeLessThan(0.02 * largest)
    const own = { weights: Float64Array.from(head.weights), bias: Float64Array.from(head.bias), classes: 3 }
    expect(probeAccuracy(own, features, labels)).toBeCloseTo(probe.accuracy, 1)
  })

  test('and its trunk are written into a file that answers as they do, to the bit', async () => {
    const shape = [tinySide, tinySide, 3] as const
    const teacher = new Teacher(await readClassifier(sourceOf(tinyTrunk(), 'tiny.fovea')))
    expect(teacher.trunk.features).toBe(tinyFeatures)
    const pictures = Object.values(colors).flatMap(color => Array.from({ length: 20 }, (_, k) => tinyPicture(color, k)))
    const features = new Float32Array(pictures.length * tinyFeatures)
    for (let from = 0; from < pictures.length; from += teacher.batch) {
      features.set(await teacher.see(pictures.slice(from, from + teacher.batch)), from * tinyFeatures)
    }
    const fitter = new HeadFitter()
    const head = await fitter.fit(
      features,
      Uint8Array.from(pictures, (_, k) => Math.floor(k / 20)),
      equalShares(pictures.length),
    )
    await teacher.setHead(head)
    const classes = Object.keys(colors)
    const artifact = teacher.artifact({ name: 'colors', classes, origin: { trunk: 'tiny' } })
    const engine = createEngine({ precise: true, threads: 1 })
    const classify = await loadClassifier(artifact, { engine })
    const together = await teacher.judge(features)
    for (const [k, pixels] of pictures.entries()) {
      const alone = await teacher.judge(await teacher.see([pixels]))
      const answer = await classify({ pixels, width: shape[1], height: shape[0], channels: 3 })
      const probabilities = classes.map(name => answer.find(one => one.class === name)!.probability)
      expect(probabilities).toEqual([...alone])
      // Many rows at once are added up in another order.
      probabilities.forEach((share, c) => {
        expect(together[3 * k + c]).toBeCloseTo(share, 6)
      })
      expect(answer[0]!.class).toBe(classes[Math.floor(k / 20)])
    }
    expect(classify.info).toMatchObject({ name: 'colors', classes, subject: 'picture', origin: { trunk: 'tiny' } })
    await Promise.all([engine.close(), fitter.close(), teacher.close()])
  })

  test('is asked for before there is one', async () => {
    const teacher = new Teacher(await readClassifier(sourceOf(tinyTrunk(), 'tiny.fovea')))
    expect(() => teacher.artifact({ name: 'none', classes: ['a'], origin: {} })).toThrow('no head has been trained yet')
    await teacher.close()
  })
})

test('the zip holds artifact, script and page, whose names fit together', async () => {
  const [artifact, library] = [tinyTrunk(), new TextEncoder().encode('export const x = 1\n')]
  const bytes = exportZip('cats & <dogs>', artifact, library)
  const source = sourceOf(bytes, 'out.zip')
  const entries = await readZip(source)
  expect([...entries.keys()]).toEqual(['index.html', artifactName, 'fovea.js'])
  expect(await zipContents(source, entries.get(artifactName)!, 1e8)).toEqual(artifact)
  const page = new TextDecoder().decode(await zipContents(source, entries.get('index.html')!, 1e8))
  expect(page).toContain('<title>cats &#38; &#60;dogs&#62;</title>')
  expect(page).toContain("from './fovea.js'")
  expect(page).toContain(`loadClassifier('${artifactName}'`)
  expect(exportZip('cats & <dogs>', artifact, library)).toEqual(bytes)
})
