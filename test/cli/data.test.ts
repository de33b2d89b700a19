/** `fovea data` and `fovea train --augment` as processes. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mnist } from '../../src/data/mnist.node.ts'
import { splitDataset, subsetOf } from '../../src/data/split.ts'
import { channelStatistics, meanImage } from '../../src/data/statistics.ts'
import { openWeights } from '../../src/formats/index.ts'
import { writePictures } from '../data/pictures.ts'
import { checkpointOf, fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const digits = join(folder.path, 'digits')
const photos = join(folder.path, 'photos')
const root = new URL('../..', import.meta.url).pathname

beforeAll(async () => {
  mkdirSync(digits)
  await writeSmallMnist(digits, { train: 400, test: 100 })
  await writePictures(photos)
  // The package as a user's project has it.
  mkdirSync(join(folder.path, 'node_modules'))
  symlinkSync(root, join(folder.path, 'node_modules', 'fovea'))
  symlinkSync(join(root, 'node_modules', 'tsx'), join(folder.path, 'node_modules', 'tsx'))
  const file = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  file(
    'recipe.ts',
    `import { type Augmentation, compose, randomAffine } from 'fovea/augment'
export const augment: Augmentation = compose([randomAffine({ degrees: 10 })])`,
  )
  file(
    'mirror.mjs',
    `import { compose, horizontalFlip } from 'fovea/augment'
export default { augment: compose([horizontalFlip()]) }`,
  )
  file(
    'crops.mjs',
    `import { compose, mixup, randomResizedCrop } from 'fovea/augment'
export default compose([randomResizedCrop({ size: 24 }), mixup({ alpha: 1 })])`,
  )
  file('pipeline.json', '{"transforms": [{"name": "gaussianNoise", "options": {"sigma": 0.1}}]}')
  file('wrong.json', '{"transforms": [{"name": "flip"}]}')
  file('empty.mjs', 'export const other = 1')
  file('broken.mjs', 'throw new Error("no luck")')
  file(
    'own.mjs',
    "import { compose, customTransform } from 'fovea/augment'\nexport default compose([customTransform('mine', x => x)])",
  )
})
afterAll(() => folder.remove())

/** What is said of the one file among the photos that is no picture. */
const notes = 'fovea: warning: photos: left out: 1 file that is not a picture (.txt)'

describe('fovea data', () => {
  it('shows classes, statistics and the pipeline of a recipe in TypeScript, and draws the sheet', async () => {
    const given = ['data', 'mnist', '--data-dir', digits, '--augment', 'recipe.ts', '--out', 'sheet.svg', '--rows', '3']
    const { stdout, stderr } = await succeed(folder.path, given)
    expect(stdout).toContain('mnist: 400 train images of 28 × 28 × 1, 10 classes')
    expect(stdout).toMatch(/mean 0\.1\d+; standard deviation 0\.3\d+/)
    expect(stdout).toContain('augmentation: randomAffine(degrees [-10,10]')
    expect(stdout).toMatch(/contact sheet +sheet\.svg/)
    expect(stderr).toBe('')
    const svg = readFileSync(join(folder.path, 'sheet.svg'), 'utf8')
    // Three images, and eight versions of each.
    expect(svg.match(/<image /g)).toHaveLength(27)
    expect(svg.match(/>epoch \d</g)).toHaveLength(8)
    await succeed(folder.path, [...given, '--columns', '2', '--out', 'sheet.html'])
    const page = readFileSync(join(folder.path, 'sheet.html'), 'utf8')
    expect(page).toMatch(/^<!doctype html>.*<p class="byline">mnist<\/p>/s)
    expect(page).toContain('Augmentation: randomAffine(degrees [-10,10]')
    expect(page.match(/<title>\d, image \d+<\/title>/g)).toHaveLength(3)
    expect(page.match(/<title>\d, epoch [12]<\/title>/g)).toHaveLength(6)
  })

  it('draws no equal copies: without augmentation other images of the class, of a fixed pipeline one version', async () => {
    const columnsOf = async (...given: string[]) => {
      await succeed(folder.path, ['data', ...given, '--out', 'fixed.svg', '--rows', '3'])
      const svg = readFileSync(join(folder.path, 'fixed.svg'), 'utf8')
      return {
        images: svg.match(/<image /g)!.length,
        different: new Set(svg.match(/href="[^"]+"/g)).size,
        classes: svg.match(/<title>\d(?=, image)/g)!.map(title => Number(title.at(-1))),
        headings: svg.match(/(image|all epochs|epoch \d)<\/text>/g) ?? [],
      }
    }
    const digitsAs = ['mnist', '--data-dir', digits, '--augment']
    const plain = await columnsOf(...digitsAs, 'none')
    const first = plain.classes[0]!
    expect(plain).toEqual({
      images: 24,
      different: 24,
      classes: [0, 1, 2].flatMap(k => Array(8).fill((first + k) % 10)),
      headings: [],
    })
    writeFileSync(join(folder.path, 'fixed.json'), '{"transforms":[{"name":"centerCrop","options":{"size":[20,20]}}]}')
    const headings = ['image</text>', 'all epochs</text>']
    expect(await columnsOf(...digitsAs, 'fixed.json')).toMatchObject({ images: 6, headings })
  })

  it('reads a folder of pictures, mixes labels, and writes PNG', async () => {
    const given = [
      'data',
      'photos',
      '--size',
      '24',
      '--augment',
      'crops.mjs',
      '--out',
      'sheet.png',
      '--columns',
      '2',
      '--json',
    ]
    const { stdout, stderr } = await succeed(folder.path, given)
    expect(stderr).toBe(`${notes}\n`)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ data: 'photos', images: 12, shape: [24, 24, 3], out: 'sheet.png' })
    expect(result.classes).toEqual([
      { class: 'dark', images: 6 },
      { class: 'light', images: 6 },
    ])
    expect(result.augment).toEqual([
      'randomResizedCrop(size [24,24], scale [0.08,1], ratio [0.75,1.3333333333333333], interpolation "bilinear")',
      'mixup(alpha 1, probability 1)',
    ])
    const { width, height, format } = await sharp(join(folder.path, 'sheet.png')).metadata()
    expect(format).toBe('png')
    expect(width).toBeGreaterThan(400)
    expect(height).toBeGreaterThan(1000)
  })

  it('takes the pipeline of a recipe for training', async () => {
    const recipe = join(root, 'examples/recipes/digits.ts')
    const { stdout } = await succeed(folder.path, ['data', 'mnist', '--data-dir', digits, '--augment', recipe])
    expect(stdout).toContain('augmentation: randomAffine(degrees [-10,10], translate [0.08,0.08]')
  })

  it('warns of a pipeline that training would refuse', async () => {
    const { stderr } = await succeed(folder.path, ['data', 'mnist', '--data-dir', digits, '--augment', 'mirror.mjs'])
    expect(stderr).toMatch(/^fovea: warning: horizontalFlip mirrors pictures.*training would refuse it\n$/)
  })

  it.each<[string, string[], RegExp]>([
    ['an unknown data set', ['data', 'minst'], /unknown data set 'minst' \(did you mean 'mnist'\?\)/],
    [
      'another format',
      ['data', 'photos', '--out', 'sheet.gif'],
      /--out sheet\.gif: a contact sheet is written as \.svg, \.png or \.html/,
    ],
    ['a missing pipeline', ['data', 'photos', '--augment', 'nowhere.ts'], /nowhere\.ts: no such file/],
    ['a wrong pipeline', ['data', 'photos', '--augment', 'wrong.json'], /wrong\.json: unknown transform 'flip'/],
    ['a module without one', ['data', 'photos', '--augment', 'empty.mjs'], /empty\.mjs: exports no pipeline/],
    ['a module that throws', ['data', 'photos', '--augment', 'broken.mjs'], /broken\.mjs:1:7: no luck/],
    [
      'what is no JSON',
      ['data', 'photos', '--augment', 'photos/dark/notes.txt'],
      /notes\.txt: neither a module .* nor JSON/,
    ],
    [
      'a pipeline of another size',
      ['data', 'photos', '--size', '32', '--augment', 'crops.mjs', '--out', 'x.svg'],
      /pictures of 24 × 24, expected 32 × 32/,
    ],
  ])('refuses %s', async (_, given, message) => {
    const { code, stderr } = await fovea(folder.path, given)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(message)
    // One line, and of code that threw, the lines around the place.
    const lines = stderr.trim().split('\n')
    expect(lines.filter(line => line !== notes && !/^>?[\d ]*\|/.test(line))).toHaveLength(1)
  })
})

describe('fovea train --augment', () => {
  const train = ['train', '--data-dir', digits, '--epochs', '1', '--validation', '50', '--quiet']

  it('stores the pipeline in the recipe, and trains with it, the same each time', async () => {
    const names = ['first', 'second']
    for (const name of names) await succeed(folder.path, [...train, '--augment', 'recipe.ts', '--name', name])
    await succeed(folder.path, [...train, '--name', 'plain'])
    const read = (name: string, file: string) => JSON.parse(readFileSync(join(folder.path, 'runs', name, file), 'utf8'))
    const recipe = read('first', 'recipe.json')
    expect(recipe.data.augment.transforms).toMatchObject([{ name: 'randomAffine', options: { degrees: [-10, 10] } }])
    expect(read('plain', 'recipe.json').data.augment).toBeUndefined()
    const hash = (name: string) => read(name, 'result.json').checkpoint.sha256
    expect(hash('second')).toBe(hash('first'))
    expect(hash('plain')).not.toBe(hash('first'))
    // The stored pipeline is a pipeline file, too.
    await succeed(folder.path, [...train, '--augment', 'runs/first/recipe.json', '--name', 'third'])
    expect(hash('third')).toBe(hash('first'))
    const events = readFileSync(join(folder.path, 'runs/first/events.jsonl'), 'utf8')
    const epoch = events.split('\n').find(line => line.includes('"epoch"') && line.includes('waitShare'))
    expect(JSON.parse(epoch!).waitShare).toBeGreaterThan(0)
    const { stderr, code } = await fovea(folder.path, ['train', '--resume', 'runs/first', '--augment', 'pipeline.json'])
    expect(code).toBe(2)
    expect(stderr).toContain('--augment conflicts with --resume')
  }, 300_000)

  it.each<[string, string, RegExp]>([
    [
      'mirror images of digits',
      'mirror.mjs',
      /horizontalFlip mirrors pictures, but the classes of mnist are written symbols/,
    ],
    ['a function', 'own.mjs', /own\.mjs: mine is a function of your own/],
  ])('refuses %s, and leaves no run behind', async (_, file, message) => {
    const { code, stderr } = await fovea(folder.path, [...train, '--augment', file, '--name', 'refused'])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(existsSync(join(folder.path, 'runs', 'refused'))).toBe(false)
  })
})

describe('fovea train --preprocess', () => {
  it.each([
    ['mean-image', [1, 28, 28]],
    ['channel-mean-std', [1, 1, 1]],
  ])('%s: fitted to the training images, and used by whoever uses the checkpoint', async (name, shape) => {
    const train = ['train', '--data-dir', digits, '--epochs', '1', '--validation', '50', '--quiet', '--name', name]
    await succeed(folder.path, [...train, '--preprocess', name])
    const run = join(folder.path, 'runs', name)
    const { tensors } = await openWeights(readFileSync(checkpointOf(run)))
    const mean = tensors.get('model.normalize.mean')!
    expect(mean.shape).toEqual(shape)
    const { train: all } = await mnist({ directory: digits })
    const { train: images } = splitDataset(subsetOf(all), { validation: 50, seed: 0 })
    const expected = name === 'mean-image' ? (await meanImage(images)).mean : (await channelStatistics(images)).mean
    expect([...(await mean.read())]).toEqual([...Float32Array.from(expected)])
    const { stdout } = await succeed(folder.path, ['eval', join('runs', name), '--json', '--quiet'])
    const result = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8'))
    expect(JSON.parse(stdout).loss).toBe(result.test.loss)
  })

  it('is refused by another name', async () => {
    const { code, stderr } = await fovea(folder.path, ['train', '--preprocess', 'zac'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/Allowed choices are mean-image, channel-mean, channel-mean-std, zca/)
  })
})

describe('the usual pipeline of CIFAR', () => {
  it('is that of the papers', async () => {
    const { resolveOptions, commandOf } = await import('../../src/cli/recipeOptions.ts')
    const recipe = resolveOptions({ model: 'resnet20-cifar', data: 'cifar10' })
    expect(recipe.data.augment?.transforms.map(({ name }) => name)).toEqual(['randomCrop', 'horizontalFlip'])
    expect(recipe.data.augment?.transforms[0]?.options).toEqual({
      size: [32, 32],
      padding: 4,
      border: 'constant',
      fill: 0,
    })
    expect(commandOf(recipe)).not.toContain('--augment')
    const plain = resolveOptions({ model: 'resnet20-cifar', data: 'cifar10', augment: 'none' })
    expect(plain.data.augment).toBeUndefined()
    expect(commandOf(plain)).toContain('--augment none')
    expect(resolveOptions({}).data.augment).toBeUndefined()
  })
})
