/** docs/transfer.md shows the recipes as they are, and they fit the rules; test/examples.test.ts runs examples/transfer.ts. */

import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSafetensors } from '../../src/formats/safetensors.ts'
import { cifarResnet } from '../../src/models/cifarResnet.ts'
import { writePicture } from '../data/pictures.ts'
import { setup as build } from '../support/build.ts'
import { fovea, succeed, temporaryFolder } from '../support/fovea.ts'

const root = new URL('../..', import.meta.url)
const page = await readFile(new URL('docs/transfer.md', root), 'utf8')
const folder = temporaryFolder()
beforeAll(build, 60_000)
afterAll(() => folder.remove())

describe('docs/transfer.md', () => {
  it.each(['transferThaw', 'transferHead'])('shows examples/recipes/%s.ts as it is', async name => {
    const example = await readFile(new URL(`examples/recipes/${name}.ts`, root), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example}\`\`\``)
  })

  it('has commands whose files and options exist', async () => {
    const lines = [...page.matchAll(/^(?:fovea|npx tsx) .*$/gm)].map(([line]) => line.replace(/\s+#.*$/, ''))
    expect(lines).toHaveLength(5)
    const { stdout: help } = await fovea(folder.path, ['train', '--help'])
    for (const line of lines) {
      for (const option of line.match(/--[a-z-]+/g) ?? []) expect(help, line).toContain(option)
      const [file] = /examples\/\S+\.ts/.exec(line) ?? []
      await readFile(new URL(String(file), root))
    }
  })

  // The recipes say where weights and pictures are by names of the folder that they run in.
  it.each(['transferScratch', 'transferTune', 'transferThaw', 'transferHead'])(
    'examples/recipes/%s.ts trains',
    async name => {
      for (const part of ['train', 'test']) {
        for (let k = 0; k < 4; k++) {
          await writePicture(join(folder.path, 'hymenoptera', part, 'ants', `${k}.png`), 80, 90, 9 * k)
          await writePicture(join(folder.path, 'hymenoptera', part, 'bees', `${k}.png`), 90, 80, 160 + 9 * k)
        }
      }
      const trunk = cifarResnet(20).initialize(3)
      const state = [...trunk.variables()].map(([path, { shape, value }]) => [path, { shape, values: value }] as const)
      // Weights are told apart by what is in the file, not by its name.
      writeFileSync(join(folder.path, 'resnet20-12fca82f.th'), writeSafetensors(state))
      const recipe = fileURLToPath(new URL(`examples/recipes/${name}.ts`, root))
      const short = ['--epochs', '2', '--batch-size', '4', '--quiet', '--json']
      const { stdout } = await succeed(folder.path, ['train', recipe, '--data', 'folder:hymenoptera', ...short])
      expect(JSON.parse(stdout)).toMatchObject({ steps: 4, test: { samples: 8 } })
    },
    60_000,
  )
})
