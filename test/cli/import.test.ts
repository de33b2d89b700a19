/** `fovea import` on weights that PyTorch wrote, and on files that are none. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/index.ts'
import { cifarResnet, lenet5, squeezenet } from '../../src/models/index.ts'
import { loadWeights } from '../../src/train/index.node.ts'
import { writePicture } from '../data/pictures.ts'
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

  /** A folder of pictures of two classes. */
  async function pictures(): Promise<string> {
    const path = join(folder, 'pets')
    for (const split of ['train', 'test']) {
      await writePicture(join(path, split, 'cats', '1.png'), 40, 32, 30)
      await writePicture(join(path, split, 'dogs', '1.png'), 40, 32, 200)
    }
    return path
  }

  it.each([
    ['resnet20-cifar', () => cifarResnet(20, { classes: 2 }), [0.4914, 0.4822, 0.4465], 3],
    ['lenet5', () => lenet5({ classes: 2 }), [0.1307], 1],
    ['squeezenet1_1', () => squeezenet('1.1', { classes: 2 }), [0.485, 0.456, 0.406], 3],
  ] as const)(
    "for a folder of one's own, %s: normalizes as usual for the model, says so, and predicts",
    async (name, model, mean, channels) => {
      const path = await weights(model().initialize(1))
      const own = await pictures()
      const { code, stdout, stderr } = await fovea(folder, [
        'import',
        path,
        '--model',
        name,
        '--data',
        `folder:${own}`,
        '--out',
        folder,
      ])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`normalized by  mean ${mean.join(', ')}, std`)
      expect(stdout).toContain(`(usual for ${name} on ${own}; --mean and --std set others)`)
      const recipe = JSON.parse(await readFile(join(folder, name, 'recipe.json'), 'utf8'))
      expect(recipe.data).toMatchObject({ classes: ['cats', 'dogs'], normalize: { mean }, channels })
      const picture = join(own, 'drawing.png')
      // A dark stroke on light paper: what models of one channel are given to see is cut to the strokes.
      const pixels = Uint8Array.from({ length: 40 * 32 }, (_, i) => (i % 32 > 12 && i % 32 < 18 ? 0 : 255))
      await sharp(pixels, { raw: { height: 40, width: 32, channels: 1 } }).toFile(picture)
      const predicted = await fovea(folder, ['predict', join(folder, name), picture, '--json'])
      expect(
        JSON.parse(predicted.stdout)[0]
          .predictions.map((found: { class: string }) => found.class)
          .sort(),
      ).toEqual(['cats', 'dogs'])
      const evaluated = await fovea(folder, ['eval', join(folder, name), '--json'])
      expect(JSON.parse(evaluated.stdout)).toMatchObject({ samples: 2 })
    },
  )

  it('takes the numbers that it is given for a folder', async () => {
    const path = await weights(cifarResnet(20, { classes: 2 }).initialize(1))
    const args = ['--data', `folder:${await pictures()}`, '--mean', '0.5,0.5,0.5', '--std', '0.25,0.25,0.25']
    const { stdout } = await fovea(folder, ['import', path, '--model', 'resnet20-cifar', ...args, '--out', folder])
    expect(stdout).toContain('normalized by  mean 0.5, 0.5, 0.5, std 0.25, 0.25, 0.25\n')
  })

  it('takes averaged weights, says so, and takes the others on request', async () => {
    const file = join(folder, 'ema.safetensors')
    const [last, average] = [lenet5().initialize(1), lenet5().initialize(2)]
    const named = (prefix: string, model: typeof last) =>
      [...model.state()].map(([path, tensor]) => [prefix + path, tensor] as const)
    await writeFile(file, writeSafetensors([...named('state_dict.', last), ...named('state_dict_ema.', average)]))
    const take = async (name: string, ...more: string[]) => {
      const args = ['import', file, '--model', 'lenet5', '--data', 'mnist', '--out', folder, '--name', name, ...more]
      const { code, stderr } = await fovea(folder, args)
      expect(code).toBe(0)
      const model = lenet5().initialize(0)
      await loadWeights(model, join(folder, name, 'checkpoints', 'step-000000.safetensors'))
      return { stderr, values: model.layers.fc1.weight.value }
    }
    const averaged = await take('averaged')
    expect(averaged.stderr).toContain(
      `fovea: ${file}: took the averaged weights, "state_dict_ema.", and not "state_dict."`,
    )
    expect(averaged.values).toEqual(average.layers.fc1.weight.value)
    expect((await take('last', '--no-average')).values).toEqual(last.layers.fc1.weight.value)
  })

  it.each<[string, () => Promise<string>, string[], RegExp, number]>([
    [
      'images the model does not take',
      () => weights(lenet5().initialize(0)),
      ['--model', 'lenet5', '--data', 'cifar10'],
      /the run could not predict on cifar10: /,
      1,
    ],
    [
      'numbers for another number of channels',
      () => weights(cifarResnet(20).initialize(0)),
      ['--model', 'resnet20-cifar', '--mean', '0.5', '--std', '0.5'],
      /the run could not predict on cifar10: normalize: expected images u8 \[N, H, W, 1\]/,
      1,
    ],
    [
      'another number of classes',
      () => weights(lenet5({ classes: 3 }).initialize(0)),
      ['--model', 'lenet5', '--data', 'mnist'],
      /fc3\.weight: the model has \[10, 84\], the state \[3, 84\]/,
      1,
    ],
    [
      'weights that are NaN',
      async () => {
        const model = lenet5().initialize(0)
        model.layers.fc2.bias!.value[5] = Number.NaN
        return weights(model)
      },
      ['--model', 'lenet5', '--data', 'mnist'],
      /weights\.safetensors: fc2\.bias is NaN at 5: such weights cannot predict/,
      1,
    ],
    [
      'a mean without a standard deviation',
      () => weights(lenet5().initialize(0)),
      ['--model', 'lenet5', '--data', 'mnist', '--mean', '0.5'],
      /--mean needs --std too/,
      2,
    ],
    [
      'a folder that is not there',
      () => weights(lenet5().initialize(0)),
      ['--model', 'lenet5', '--data', 'folder:nowhere'],
      /nowhere: no such folder/,
      2,
    ],
  ])('refuses %s, and leaves nothing behind', async (_, make, args, message, exit) => {
    const path = await make()
    const { code, stderr } = await fovea(folder, ['import', path, ...args, '--out', join(folder, 'runs')])
    expect(stderr).toMatch(message)
    expect(code).toBe(exit)
    expect(await readdir(folder)).toEqual(['weights.safetensors'])
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
