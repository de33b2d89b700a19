/** `fovea export`: one file that answers as the run does, on the command line, in code, and over HTTP. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { loadClassifier } from '../../src/classifier/index.node.ts'
import { input } from '../../src/graph/sources.ts'
import { importOnnx } from '../../src/onnx/index.node.ts'
import { writePicture } from '../data/pictures.ts'
import { fovea, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const json = async (args: readonly string[]) => JSON.parse((await succeed(cwd, args)).stdout)

beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 320, test: 100 })
  const data = ['--data-dir', 'data', '--validation', '64', '--batch-size', '16']
  await succeed(cwd, ['train', 'lenet5', ...data, '--epochs', '1', '--quiet'])
  for (const split of ['train', 'val']) {
    for (const [k, name] of ['cats', 'dogs'].entries()) {
      mkdirSync(join(cwd, 'pictures', split, name), { recursive: true })
      for (let i = 0; i < 4; i++) {
        await writePicture(join(cwd, 'pictures', split, name, `${i}.jpeg`), 60, 90, 40 * i + 100 * k)
      }
    }
  }
  writeFileSync(
    join(cwd, 'pets.json'),
    JSON.stringify({
      model: { name: 'resnet20-cifar' },
      data: { name: 'folder', directory: 'pictures', size: [32, 32] },
      epochs: 1,
      batchSize: 4,
    }),
  )
  await succeed(cwd, ['train', 'pets.json', '--name', 'pets', '--quiet'])
}, 300_000)
afterAll(folder.remove)

const photo = join(cwd, 'pictures/val/dogs/3.jpeg')

describe('a run in one file', () => {
  it('answers as the run does, to the last digit', async () => {
    const { stdout } = await succeed(cwd, ['export', 'runs/pets', '--out', 'pets.fovea'])
    expect(stdout).toMatch(/^pets\.fovea {2}.*float32, 2 classes, pictures of 32 × 32 × 3$/m)
    const pictures = ['pictures/val', '--json']
    expect(await json(['predict', 'pets.fovea', ...pictures])).toEqual(
      await json(['predict', 'runs/pets', ...pictures]),
    )
  })

  it('in code: by path, address, bytes, from a server, and straight from the run folder', async () => {
    const file = join(cwd, 'pets.fovea')
    const server = createServer((_, response) => response.end(readFileSync(file)))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/pets.fovea`
    const [{ predictions }] = await json(['predict', 'runs/pets', photo, '--json'])
    try {
      for (const source of [file, pathToFileURL(file), readFileSync(file), url, join(cwd, 'runs/pets')]) {
        const classify = await loadClassifier(source)
        for (const picture of [photo, pathToFileURL(photo), readFileSync(photo)]) {
          const answers = await classify(picture)
          expect(answers.map(({ class: name, probability }) => ({ class: name, probability }))).toEqual(predictions)
        }
        await classify.close()
      }
    } finally {
      server.close()
    }
  })

  it('a folder’s pictures are cut as its validation split is', async () => {
    const classify = await loadClassifier(join(cwd, 'pets.fovea'))
    expect(classify.info).toMatchObject({ subject: 'picture', shorterSide: 37, classes: ['cats', 'dogs'] })
    expect(classify.info.origin).toMatchObject({ data: 'pictures', model: 'resnet20-cifar', step: 2 })
    await classify.close()
  })

  it('digits are digits, in fewer bytes too', async () => {
    await succeed(cwd, ['export', 'runs/lenet5', '--out', 'whole.fovea'])
    const sizes = [readFileSync(join(cwd, 'whole.fovea')).length]
    for (const weights of ['float16', 'int8']) {
      // Of a file, too.
      const args = ['export', 'whole.fovea', '--out', `${weights}.fovea`, '--weights', weights, '--json']
      const { bytes } = await json(args)
      expect(bytes).toBe(readFileSync(join(cwd, `${weights}.fovea`)).length)
      sizes.push(bytes)
    }
    expect(sizes[1]! / sizes[0]!).toBeLessThan(0.55)
    expect(sizes[2]! / sizes[0]!).toBeLessThan(0.32)
    const classify = await loadClassifier(join(cwd, 'int8.fovea'))
    expect(classify.info).toMatchObject({ name: 'lenet5', subject: 'digit' })
    await classify.close()
  })
})

describe('an ONNX file', () => {
  /** What the file says a picture is, and which file weighs how much. */
  const bytesOf = (name: string): number => readFileSync(join(cwd, name)).length

  it('of a run, and of the file of a classifier, is the same, and is told by its name', async () => {
    const { stdout } = await succeed(cwd, ['export', 'runs/lenet5', '--out', 'digits.onnx'])
    expect(stdout).toMatch(/^digits\.onnx {2}.*ONNX operator set 17, 10 classes, pictures of 28 × 28 × 1$/m)
    await succeed(cwd, ['export', 'runs/lenet5', '--out', 'digits.fovea'])
    const args = ['export', 'digits.fovea', '--format', 'onnx', '--out', 'again', '--json']
    expect(await json(args)).toEqual({
      ...{ file: 'again', format: 'onnx', bytes: bytesOf('again'), opset: 17, classes: 10, shape: [28, 28, 1] },
    })
    const said = await succeed(cwd, args.slice(0, -1))
    expect(said.stdout).toContain('its name has to end in .onnx')
    expect(said.stdout).not.toContain('fovea summary')
    expect(readFileSync(join(cwd, 'again'))).toEqual(readFileSync(join(cwd, 'digits.onnx')))
  })

  it('answers as the run does when it is read again, and says what it is', async () => {
    await succeed(cwd, ['export', 'runs/pets', '--out', 'pets.onnx', '--probabilities'])
    const network = await importOnnx(join(cwd, 'pets.onnx'))
    expect(network.inputs).toEqual([{ name: 'images', type: 'uint8', shape: ['batch', 32, 32, 3] }])
    const classify = await loadClassifier(join(cwd, 'runs/pets'))
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, k) => (k * 7) % 256)
    const wanted = await classify({ pixels, width: 32, height: 32, channels: 3 })
    const images = input('images', [1, 32, 32, 3], { dtype: 'u8', batched: true })
    const engine = createEngine({ threads: 1 })
    const program = await engine.compile({ outputs: { y: network.forward(images) }, updates: new Map() })
    const { y } = await program.run({ images: pixels })
    await engine.close()
    await classify.close()
    for (const { index, probability } of wanted) expect(y![index]).toBeCloseTo(probability, 5)
  })

  it('with its weights in a second file', async () => {
    const args = ['export', 'runs/lenet5', '--out', 'split.onnx', '--external', '--json']
    const { bytes, external } = await json(args)
    expect(external).toBe('split.onnx.data')
    expect(bytes).toBe(bytesOf('split.onnx') + bytesOf('split.onnx.data'))
    expect(bytesOf('split.onnx')).toBeLessThan(20_000)
    const [split, whole] = await Promise.all(['split.onnx', 'digits.onnx'].map(name => importOnnx(join(cwd, name))))
    expect(split!.state()).toEqual(whole!.state())
  })

  it('is imported, fine-tuned, and written again', async () => {
    const outside = ['--preprocessing', 'outside', '--batch-norm', 'fold']
    await succeed(cwd, ['export', 'runs/pets', '--out', 'tunable.onnx', ...outside])
    const data = ['--data', 'folder:pictures', '--set', 'data.size=[32,32]', '--batch-size', '4']
    await succeed(cwd, ['train', 'tunable.onnx', ...data, '--epochs', '1', '--name', 'tuned', '--quiet'])
    await succeed(cwd, ['export', 'runs/tuned', '--out', 'tuned.onnx', '--preprocessing', 'outside'])
    const [before, after] = await Promise.all(['tunable', 'tuned'].map(name => importOnnx(join(cwd, `${name}.onnx`))))
    expect([...after!.parameters().keys()]).toEqual([...before!.parameters().keys()])
    expect(after!.state()).not.toEqual(before!.state())
    await succeed(cwd, ['export', 'runs/pets', '--out', 'bytes.onnx'])
    const { code, stderr } = await fovea(cwd, ['train', 'bytes.onnx', ...data])
    expect(stderr).toContain('bytes.onnx: takes bytes, so its preprocessing is inside')
    expect(code).toBe(2)
  })
})

describe('what is refused', () => {
  it.each([
    [['export', 'runs/lenet5', '--out', 'x.onnx', '--weights', 'int8'], '--weights int8: an ONNX file has float32'],
    [['export', 'runs/lenet5', '--out', 'x.ONNX', '--weights', 'int8'], '--weights int8: an ONNX file has float32'],
    [['export', 'runs/lenet5', '--out', 'x.onnx', '--format', 'fovea'], '--format fovea: x.onnx would be read as an'],
    [['export', 'runs/lenet5', '--out', 'x.fovea', '--external'], '--external: is for ONNX files: add --format onnx'],
    [['export', 'runs/lenet5', '--out', 'x.fovea', '--batch', '1'], '--batch: is for ONNX files'],
    [['export', 'runs/none', '--out', 'x.fovea'], 'runs/none: no such'],
    [['export', 'runs/pets'], "required option '--out <file>' not specified"],
    [
      ['export', 'runs/pets', '--out', 'x.fovea', '--weights', 'int4'],
      "'int4' is invalid. Allowed choices are float32",
    ],
    [['predict', 'pets.json', 'pictures'], 'pets.json: is no classifier'],
    [['predict', 'pets.fovea', photo, '--invert', 'yes'], '--invert yes: pets.fovea is no model of digits or clothing'],
  ])('%j', async (args, message) => {
    const { code, stderr } = await fovea(cwd, args)
    expect(stderr).toContain(message)
    expect(code).not.toBe(0)
    expect(existsSync(join(cwd, 'x.fovea'))).toBe(false)
  })

  it('a folder that cannot be written: nothing half written', async () => {
    const { code, stderr } = await fovea(cwd, ['export', 'runs/pets', '--out', 'nowhere/x.fovea'])
    expect(code).toBe(1)
    expect(stderr).toContain('nowhere/x.fovea')
    expect(readdirSync(cwd).filter(name => name.includes('x.fovea'))).toEqual([])
  })
})
