/** Networks of ONNX files on the command line: shown, imported, scored, asked, and fine-tuned. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fovea } from '../support/fovea.ts'

/** A network of 3 × 16 × 16 pictures and five classes. */
const network = 'plain, script'
const classes = ['a', 'b', 'c', 'd', 'e']

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

  test('is fine-tuned, from its own weights', async () => {
    const words = ['train', 'net.onnx', '--data', 'folder:photos', '--set', 'data.size=[16,16]', '--epochs', '2']
    const { code, stdout } = await inFolder(...words, '--name', 'tuned', '--quiet')
    expect(stdout).toContain('test accuracy')
    expect(code).toBe(0)
  }, 240_000)

  test('that is no run says how to make one', async () => {
    for (const words of [
      ['eval', 'net.onnx'],
      ['predict', 'net.onnx', 'photos/test/a/0.ppm'],
    ]) {
      const { code, stderr } = await inFolder(...words)
      expect(code).toBe(2)
      expect(stderr).toContain("make a run of it with 'fovea import net.onnx --data …'")
    }
  }, 120_000)

  test('that does not fit the data, or is not there, is refused', async () => {
    const unfit = await inFolder('import', 'net.onnx', '--data', 'cifar10')
    expect(unfit.stderr).toContain('expected a shape [batch, 3, 16, 16], got [1, 3, 32, 32]')
    const named = await inFolder('import', 'net.onnx', '--model', 'lenet5')
    expect(named.stderr).toContain('--model lenet5: net.onnx is a network itself')
    const gone = await inFolder('summary', 'gone.onnx')
    expect(gone.stderr).toContain('gone.onnx: no such file')
    const model = await inFolder('import', 'weights.safetensors')
    expect(model.code).not.toBe(0)
  }, 240_000)
})
