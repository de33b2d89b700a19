/** Networks of ONNX files on the command line: shown, imported, scored, asked, and fine-tuned. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fovea } from '../support/fovea.ts'

/** A network of 3 × 16 × 16 pictures and five classes. */
const network = 'plain, script'
const classes = ['a', 'b', 'c', 'd', 'e']

const bestOf = ({ predictions: [best] }: { predictions: { class: string }[] }) => best?.class

describe('an ONNX file', () => {
  let folder: string
  const inFolder = (...words: string[]) => fovea(folder, words)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-onnx-'))
    const packed = await readFile(join(import.meta.dirname, '../fixtures/onnx/networks.json.gz'))
    const { cases } = JSON.parse(gunzipSync(packed).toString()) as { cases: { name: string; model: string }[] }
    await writeFile(join(folder, 'net.onnx'), Buffer.from(cases.find(({ name }) => name === network)!.model, 'base64'))
    for (const [k, split] of ['train', 'test'].entries()) {
      for (const [label, name] of classes.entries()) {
        await mkdir(join(folder, 'photos', split, name), { recursive: true })
        for (let picture = 0; picture < 3; picture++) {
          const pixels = Uint8Array.from({ length: 768 }, (_, at) => (at * (label + 2) + picture * 37 + k * 11) % 256)
          const path = join(folder, 'photos', split, name, `${picture}.ppm`)
          await writeFile(path, Buffer.concat([Buffer.from('P6 16 16 255\n'), pixels]))
        }
      }
    }
  }, 60_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('is summarized by the names and operators of its nodes', async () => {
    const { code, stdout, stderr } = await inFolder('summary', 'net.onnx', '--batch', '2')
    expect(code).toBe(0)
    expect(stdout).toContain('operator set 17')
    expect(stdout).toMatch(/0\/Conv +Conv +3×3, padding 1/)
    expect(stdout).toContain('437')
    expect(stderr).toContain('no batch normalization')
  }, 120_000)

  test('becomes a run that is scored and asked', async () => {
    const imported = await inFolder('import', 'net.onnx', '--data', 'folder:photos')
    expect(imported.stdout).toContain('437 parameters of net')
    expect(imported.code).toBe(0)
    const evaluation = await inFolder('eval', 'runs/net', '--json')
    expect(JSON.parse(evaluation.stdout)).toMatchObject({ samples: 15, step: 0 })
    const predicted = await inFolder('predict', 'runs/net', 'photos/test/a/0.ppm', '--json')
    expect(predicted.code).toBe(0)
    expect(predicted.stdout).toContain('"probability"')
  }, 240_000)

  test('has pictures of the size of its data', async () => {
    const { code, stderr } = await inFolder('import', 'net.onnx', '--data', 'cifar10', '--input', '3x16x16')
    expect(stderr).toContain('--input 3x16x16: the pictures of cifar10 have a size of their own; leave it out')
    expect(code).toBe(2)
  })

  test('is scored and asked as it is, with the classes of the data', async () => {
    const evaluation = await inFolder('eval', 'net.onnx', '--data', 'folder:photos', '--json')
    const run = await inFolder('eval', 'runs/net', '--json')
    const { samples, loss, confusion } = JSON.parse(evaluation.stdout)
    expect(samples).toBe(15)
    expect({ loss, confusion }).toEqual({
      loss: JSON.parse(run.stdout).loss,
      confusion: JSON.parse(run.stdout).confusion,
    })
    expect(evaluation.stderr).toContain('does not say how pictures are normalized')
    const words = ['photos/test/b/1.ppm', '--json']
    const predicted = await inFolder('predict', 'net.onnx', ...words, '--data', 'folder:photos')
    expect(JSON.parse(predicted.stdout)).toEqual(JSON.parse((await inFolder('predict', 'runs/net', ...words)).stdout))
    const numbered = await inFolder('predict', 'net.onnx', ...words)
    expect(numbered.stderr).toContain('does not name its classes: they are numbered')
    expect(JSON.parse(numbered.stdout)[0].predictions[0].class).toMatch(/^[0-4]$/)
  }, 240_000)

  test('for a fixed number of images is run batch by batch', async () => {
    const { loss: wanted } = JSON.parse((await inFolder('eval', 'runs/net', '--json')).stdout)
    for (const batch of ['1', '4']) {
      await inFolder('export', 'runs/net', '--out', `fixed${batch}.onnx`, '--batch', batch)
      const { code, stdout } = await inFolder('eval', `fixed${batch}.onnx`, '--data', 'folder:photos', '--json')
      expect(code).toBe(0)
      // 15 images do not fill batches of four.
      expect(JSON.parse(stdout)).toMatchObject({ samples: 15 })
      expect(JSON.parse(stdout).loss).toBeCloseTo(wanted, 6)
      const pictures = ['photos/test/a/0.ppm', 'photos/test/b/0.ppm', '--json']
      const found = JSON.parse((await inFolder('predict', `fixed${batch}.onnx`, ...pictures)).stdout)
      const usual = JSON.parse((await inFolder('predict', 'runs/net', ...pictures)).stdout)
      expect(found.map(bestOf)).toEqual(usual.map(bestOf))
    }
  }, 480_000)

  test('that Fovea has written says classes and preprocessing itself', async () => {
    const { loss: wanted } = JSON.parse((await inFolder('eval', 'runs/net', '--json')).stdout)
    const forms = {
      'inside.onnx': [],
      'outside.onnx': ['--preprocessing', 'outside', '--probabilities'],
      'net.fovea': [],
    }
    for (const [file, words] of Object.entries(forms)) {
      await inFolder('export', 'runs/net', '--out', file, ...words)
      const { stdout, stderr } = await inFolder('eval', file, '--data', 'folder:photos', '--json', '--quiet')
      expect(stderr, file).toBe('')
      expect(JSON.parse(stdout).loss, file).toBeCloseTo(wanted, 6)
    }
    const told = await inFolder('predict', 'inside.onnx', 'photos/test/a/0.ppm', '--mean', '0.5', '--std', '0.5')
    expect(told.stderr).toContain('its preprocessing is inside: leave --mean and --std out')
    const said = await inFolder('predict', 'net.fovea', 'photos/test/a/0.ppm', '--data', 'cifar10')
    expect(said.stderr).toContain('--data: is for ONNX files; net.fovea says it itself')
  }, 480_000)

  test('and data of other classes are refused', async () => {
    const network = await inFolder('eval', 'net.onnx', '--data', 'cifar10')
    expect(network.stderr).toContain('net.onnx: has 5 outputs, but there are 10 classes (airplane')
    const file = await inFolder('eval', 'net.fovea', '--data', 'mnist')
    expect(file.stderr).toContain('mnist: has 10 classes (0, 1, 2, 3, …), but net tells 5 apart (a, b, c, d, …)')
    const none = await inFolder('eval', 'net.fovea')
    expect(none).toMatchObject({ code: 2 })
    expect(none.stderr).toContain('names no images to score on: add --data NAME')
    const other = await inFolder('eval', 'runs/net', '--data', 'mnist')
    expect(other.stderr).toContain('--data mnist: a run is scored on images of its own data set')
  }, 240_000)

  test('is fine-tuned, from its own weights, in the size that it takes', async () => {
    const words = ['train', 'net.onnx', '--data', 'folder:photos', '--epochs', '2']
    const { code, stdout } = await inFolder(...words, '--name', 'tuned', '--quiet')
    expect(stdout).toContain('test accuracy')
    expect(code).toBe(0)
  }, 240_000)

  test('is kept by its run, which needs the file no more', async () => {
    const original = await readFile(join(folder, 'net.onnx'))
    expect(await readFile(join(folder, 'runs/tuned/network/net.onnx'))).toEqual(original)
    await writeFile(join(folder, 'net.onnx'), 'something else')
    const changed = await inFolder('train', '--resume', 'runs/tuned', '--epochs', '3', '--quiet')
    expect(changed.code).toBe(0)
    expect(changed.stderr).not.toContain('net.onnx')
    await rm(join(folder, 'net.onnx'))
    await rename(join(folder, 'runs/tuned'), join(folder, 'moved'))
    const gone = await inFolder('export', 'moved', '--out', 'moved.fovea')
    expect(gone).toMatchObject({ code: 0, stderr: '' })
    const again = await inFolder('train', 'moved/recipe.json', '--epochs', '1', '--quiet')
    expect(again.code).toBe(0)
    await writeFile(join(folder, 'net.onnx'), original)
  }, 480_000)

  test('keeps weights that lie beside it', async () => {
    const words = ['export', 'runs/net', '--out', 'beside.onnx', '--preprocessing', 'outside', '--external']
    expect((await inFolder(...words)).code).toBe(0)
    expect((await inFolder('import', 'beside.onnx', '--data', 'folder:photos')).code).toBe(0)
    const kept = await readFile(join(folder, 'runs/beside/network/beside.onnx.data'))
    expect(kept).toEqual(await readFile(join(folder, 'beside.onnx.data')))
    await rm(join(folder, 'beside.onnx.data'))
    const { code, stdout } = await inFolder('eval', 'runs/beside', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ samples: 15 })
  }, 480_000)

  test('is no run for commands that need one', async () => {
    const { code, stderr } = await inFolder('inspect', 'net.onnx', 'photos/test/a/0.ppm', '--method', 'occlusion')
    expect(code).toBe(2)
    expect(stderr).toContain("make a run of it with 'fovea import net.onnx --data …'")
  }, 120_000)

  test('that does not fit the data, or is not there, is refused', async () => {
    const unfit = await inFolder('import', 'net.onnx', '--data', 'cifar10')
    expect(unfit.stderr).toContain('expected a shape [batch, 3, 16, 16], got [1, 3, 32, 32]')
    const named = await inFolder('import', 'net.onnx', '--model', 'lenet5')
    expect(named.stderr).toContain('--model lenet5: net.onnx is a network itself')
    const prefixed = await inFolder('import', 'net.onnx', '--data', 'folder:photos', '--prefix', 'module.')
    expect(prefixed.stderr).toContain(
      '--prefix module.: is for files of weights; net.onnx has those of its network only',
    )
    const last = await inFolder('import', 'net.onnx', '--data', 'folder:photos', '--no-average')
    expect(last.stderr).toContain('--no-average: is for files of weights')
    const gone = await inFolder('summary', 'gone.onnx')
    expect(gone.stderr).toContain('gone.onnx: no such file')
    const model = await inFolder('import', 'weights.safetensors')
    expect(model.code).not.toBe(0)
  }, 240_000)
})
