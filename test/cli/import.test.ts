/** `fovea import` on weights that PyTorch wrote, and on files that are none. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { cifarResnet, lenet5 } from '../../src/models/index.ts'
import { fovea } from '../support/fovea.ts'

describe('fovea import', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-import-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** A safetensors file of the weights of a model, under a prefix. */
  async function weights(
    model: { variables(): Map<string, { shape: readonly number[]; value: Float32Array | Int32Array | Uint8Array }> },
    prefix = '',
  ): Promise<string> {
    const path = join(folder, 'weights.safetensors')
    const tensors = [...model.variables()].map(
      ([name, { shape, value }]) => [prefix + name, { shape, values: value }] as const,
    )
    await writeFile(path, writeSafetensors(tensors))
    return path
  }

  it('makes a run folder that eval and predict take', async () => {
    const path = await weights(lenet5().initialize(3), 'net.')
    const args = ['import', path, '--model', 'lenet5', '--data', 'mnist', '--prefix', 'net.', '--out', folder]
    const { code, stdout } = await fovea(folder, args)
    expect(stdout).toContain('61,706 parameters of lenet5')
    expect(code).toBe(0)
    const evaluation = await fovea(folder, ['eval', join(folder, 'lenet5'), '--json'])
    expect(JSON.parse(evaluation.stdout)).toMatchObject({ samples: 10_000 })
  })

  it('lists what does not fit, and leaves no folder', async () => {
    const path = await weights(lenet5().initialize(0))
    const { code, stderr } = await fovea(folder, [
      'import',
      path,
      '--model',
      'resnet20-cifar',
      '--out',
      join(folder, 'runs'),
    ])
    expect(code).toBe(1)
    expect(stderr).toContain(path)
    expect(stderr).toContain('missing')
    expect(stderr).toContain('layer1.0.conv1.weight')
    expect(await readdir(folder)).toEqual(['weights.safetensors'])
  })

  it('keeps batch norm statistics', async () => {
    const path = await weights(cifarResnet(20).initialize(0))
    const { code } = await fovea(folder, ['import', path, '--model', 'resnet20-cifar', '--out', folder])
    expect(code).toBe(0)
  })

  it('refuses files that hold no weights, and models that do not exist, by name', async () => {
    const path = join(folder, 'notes.txt')
    await writeFile(path, 'these are no weights, but long enough to be read as some')
    const wrong = await fovea(folder, ['import', path, '--model', 'lenet5', '--data', 'mnist', '--out', folder])
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain(path)
    const absent = await fovea(folder, ['import', join(folder, 'none.pth'), '--model', 'lenet5', '--out', folder])
    expect(absent.stderr).toContain('none.pth: no such file')
    const unknown = await fovea(folder, ['import', path, '--model', 'resnet21-cifar', '--out', folder])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain("unknown model 'resnet21-cifar'")
  })
})
