/** `fovea inspect` as a process: what it draws, and what it says of what cannot be. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mnist } from '../../src/data/mnist.node.ts'
import { fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  mkdirSync(join(cwd, 'digits'))
  await writeSmallMnist(join(cwd, 'data'), { train: 512, test: 64 })
  await succeed(cwd, ['train', '--data-dir', 'data', '--validation', '64', '--epochs', '4', '--quiet'])
  const { train } = await mnist()
  for (let k = 0; k < 12; k++) {
    await sharp(train.images.subarray(k * 784, (k + 1) * 784), { raw: { width: 28, height: 28, channels: 1 } })
      .png()
      .toFile(join(cwd, 'digits', `${k}.png`))
  }
}, 300_000)
afterAll(folder.remove)

const read = (name: string): string => readFileSync(join(cwd, name), 'utf8')

describe('inspect', () => {
  it('draws Grad-CAM of the predicted class over the picture', async () => {
    const { stdout } = await succeed(cwd, ['inspect', 'runs/lenet5', 'digits/0.png'])
    expect(stdout).toMatch(/^digits\/0\.png: \d -?\d+\.\d\d\n {2}gradcam: layer pool2\nwritten to inspect\.png\n$/)
    expect(await sharp(join(cwd, 'inspect.png')).metadata()).toMatchObject({ width: 224, height: 224, channels: 3 })
  })

  it('draws all methods as a sheet, and says by how much the sum of integrated gradients is off', async () => {
    const args = [
      'inspect',
      'runs/lenet5',
      'digits/0.png',
      'digits/1.png',
      '--method',
      'all',
      '--class',
      '3',
      '--out',
      'all.svg',
      '--json',
    ]
    const { out, pictures } = JSON.parse((await succeed(cwd, args)).stdout)
    expect(out).toBe('all.svg')
    expect(pictures).toHaveLength(2)
    expect(pictures[0]).toMatchObject({ file: 'digits/0.png', class: '3' })
    expect(Object.keys(pictures[0].methods)).toHaveLength(10)
    expect(Math.abs(pictures[0].methods['integrated-gradients'].completenessError)).toBeLessThan(1)
    // Each picture and its ten maps.
    expect(read('all.svg').match(/<image /g)).toHaveLength(22)
  })

  it('draws what excites a channel most, without pictures and the same for the same seed', async () => {
    const args = ['inspect', 'runs/lenet5', '--method', 'visualize', '--layer', 'conv2', '--channel', '3']
    const { stdout } = await succeed(cwd, [...args, '--steps', '20', '--seed', '4', '--out', 'channel.png'])
    const [, last, first] = /^channel 3: (\S+), from (\S+)\nwritten to channel\.png\n$/.exec(stdout)!
    expect(Number(last)).toBeGreaterThan(Number(first))
    expect(await sharp(join(cwd, 'channel.png')).metadata()).toMatchObject({ width: 224, height: 224 })
    await succeed(cwd, [...args, '--steps', '20', '--seed', '4', '--out', 'again.png'])
    expect(readFileSync(join(cwd, 'again.png'))).toEqual(readFileSync(join(cwd, 'channel.png')))
  })

  it('draws a sheet of all channels of a layer, and a class', async () => {
    const visualize = ['inspect', 'runs/lenet5', '--method', 'visualize', '--steps', '2', '--json']
    const all = JSON.parse((await succeed(cwd, [...visualize, '--layer', 'conv1', '--out', 'sheet.svg'])).stdout)
    expect(all.pictures.map(({ name }: { name: string }) => name)).toEqual([0, 1, 2, 3, 4, 5].map(c => `channel ${c}`))
    expect(read('sheet.svg').match(/<image /g)).toHaveLength(6)
    const one = JSON.parse((await succeed(cwd, [...visualize, '--class', '7', '--image', 'pixels'])).stdout)
    expect(one).toMatchObject({ out: 'inspect.png', pictures: [{ name: '7' }] })
  })

  it('dreams in one octave with a network that takes pictures of one size', async () => {
    const args = ['inspect', 'runs/lenet5', 'digits/0.png', '--method', 'deepdream', '--layer', 'conv2', '--steps', '3']
    const { stdout } = await succeed(cwd, [...args, '--out', 'dream.png'])
    const [, last, first] = /: conv2 (\S+), from (\S+) in the last octave\nwritten to dream\.png\n$/.exec(stdout)!
    expect(Number(last)).toBeGreaterThan(Number(first))
    expect(existsSync(join(cwd, 'dream.png'))).toBe(true)
  })

  it('draws the kernels of a convolution without pictures', async () => {
    const { stdout } = await succeed(cwd, ['inspect', 'runs/lenet5', '--method', 'filters', '--out', 'filters.svg'])
    expect(stdout).toBe('conv1: 6 × 1 × 5 × 5\nwritten to filters.svg\n')
    expect(read('filters.svg')).toContain('6 filters of 5 × 5')
  })

  it('counts the channels that no picture makes positive', async () => {
    const { stdout } = await succeed(cwd, ['inspect', 'runs/lenet5', 'digits', '--method', 'dead', '--json'])
    const { pictures, layers } = JSON.parse(stdout)
    expect(pictures).toBe(12)
    expect(layers.map((layer: { layer: string; channels: number }) => [layer.layer, layer.channels])).toEqual([
      ['relu1', 6],
      ['relu2', 16],
      ['relu3', 120],
      ['relu4', 84],
    ])
  })

  it('writes a page of a sheet, whose pictures have names and numbers', async () => {
    const args = ['inspect', 'runs/lenet5', 'digits/0.png', 'digits/1.png', '--out', 'sheet.html']
    expect((await succeed(cwd, args)).stdout).toMatch(/written to sheet\.html\n$/)
    expect(read('sheet.html')).toMatch(/^<!doctype html>.*<h1>What a network looks at: gradcam<\/h1>/s)
    const said = [...read('sheet.html').matchAll(/<g class="fovea-part"><title>([^<]+)/g)].map(([, name]) => name)
    expect(said).toEqual([
      expect.stringMatching(/^digits\/0\.png: \d -?\d+\.\d\d$/),
      expect.stringMatching(/^digits\/0\.png, gradcam of \d -?\d+\.\d\d, layer pool2$/),
      expect.stringMatching(/^digits\/1\.png: /),
      expect.stringMatching(/^digits\/1\.png, gradcam /),
    ])
  })

  it('draws what makes each channel of a layer largest', async () => {
    const args = ['inspect', 'runs/lenet5', 'digits', '--method', 'patches', '--layer', 'conv2', '--out', 'patches.svg']
    await succeed(cwd, args)
    expect(read('patches.svg').match(/<image /g)).toHaveLength(16 * 9)
  })

  it.each<[string, string[], string]>([
    [
      'a method that there is not',
      ['digits/0.png', '--method', 'gardcam'],
      "--method: unknown method 'gardcam' (did you mean 'gradcam'?)",
    ],
    [
      'a layer that there is not',
      ['digits/0.png', '--layer', 'conv3'],
      "--layer: no layer is named 'conv3' (did you mean 'conv1'?)",
    ],
    [
      'a layer without rows',
      ['digits/0.png', '--layer', 'fc1'],
      '--layer: gradCam: fc1 [1, 120] has no rows and columns',
    ],
    ['a class that there is not', ['digits/0.png', '--class', '12'], "--class: unknown class '12'"],
    ['a picture that there is not', ['nowhere.png'], 'nowhere.png: no such file'],
    ['no pictures', [], '--method gradcam needs pictures'],
    [
      'many maps in one picture',
      ['digits', '--out', 'a.png'],
      '--out a.png: 12 maps make a sheet, which is written as .svg or .html',
    ],
    [
      'another kind of file',
      ['digits/0.png', '--out', 'a.jpg'],
      '--out a.jpg: the name must end in .png, .svg or .html',
    ],
    ['a picture for nothing', ['--method', 'visualize'], '--method visualize needs --layer or --class'],
    [
      'a channel that there is not',
      ['--method', 'visualize', '--layer', 'conv1', '--channel', '2,6'],
      '--channel 6: conv1 has channels 0 to 5',
    ],
    [
      'many channels in one picture',
      ['--method', 'visualize', '--layer', 'conv1', '--out', 'a.png'],
      '--out a.png: 6 pictures make a sheet, which is written as .svg or .html',
    ],
    ['a dream of many', ['digits', '--method', 'deepdream'], '--method deepdream takes one picture, got 12'],
    [
      'a dream of a size that the network does not take',
      ['digits/0.png', '--method', 'deepdream', '--size', '64'],
      '--size 64: this network takes pictures of 28 × 28 only',
    ],
    ['patches of no layer', ['digits', '--method', 'patches'], '--method patches needs --layer'],
    [
      'an option that the method does not have',
      ['digits/0.png', '--channel', '2'],
      '--channel: is no option of --method gradcam, but of visualize, deepdream',
    ],
    [
      'a layer of a method without layers',
      ['digits/0.png', '--method', 'saliency', '--layer', 'conv1'],
      '--layer: is no option of --method saliency, but of gradcam, ',
    ],
    [
      'a window of no patch',
      ['digits/0.png', '--method', 'smoothgrad', '--window', '3'],
      '--window: is no option of --method smoothgrad, but of occlusion, all',
    ],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await fovea(cwd, ['inspect', 'runs/lenet5', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(`fovea: ${message}`)
    expect(existsSync(join(cwd, 'a.png'))).toBe(false)
  })
})

describe('eval --calibration', () => {
  it('draws how often answers of each probability are right, and says so in numbers', async () => {
    const args = ['eval', 'runs/lenet5', '--quiet', '--calibration', 'reliability.svg']
    const { calibration, accuracy } = JSON.parse((await succeed(cwd, [...args, '--json'])).stdout)
    const { bins } = calibration as { bins: { count: number; accuracy: number | null }[] }
    expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(64)
    expect(bins.reduce((sum, bin) => sum + bin.count * (bin.accuracy ?? 0), 0) / 64).toBeCloseTo(accuracy, 12)
    expect(read('reliability.svg')).toContain('answers in each bin, of 64')
    const { stdout } = await succeed(cwd, [...args.slice(0, -1), 'reliability.html'])
    expect(stdout).toContain(`expected calibration error ${(100 * calibration.ece).toFixed(2)} %`)
    expect(stdout).toContain('written to reliability.html')
    const page = read('reliability.html')
    expect(page).toMatch(/^<!doctype html>.*runs\/lenet5: lenet5 .* on 64 test images of mnist/s)
    expect(page).toContain('answers in each bin, of 64')
    expect(page.match(/<g class="fovea-part"><title>/g)).toHaveLength(bins.length)
  })

  it('refuses another kind of file', async () => {
    const { code, stderr } = await fovea(cwd, ['eval', 'runs/lenet5', '--calibration', 'reliability.png'])
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('--calibration reliability.png: the name must end in .svg or .html'),
    ])
  })
})
