/**
 * docs/inspect.md: its code runs as it stands, one block after another, on a network with the layers that the page speaks of and on
 * pictures of 224 × 224; only the steps of the ascent are fewer.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { setup as build } from '../support/build.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/inspect.md`, 'utf8')
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!)

/** What the page takes as given: a network of 1,000 classes in four stages, labeled pictures, and a screen. */
const given = `
import { createEngine as startEngine } from 'fovea'
import * as nn from 'fovea/nn'
import * as door from 'fovea/inspect'
const convolution = (from, to, stride) => nn.sequential({ conv: nn.conv2d(from, to, 3, { stride, padding: 1 }), relu: nn.relu() })
const model = new nn.ImageClassifier(
  nn.normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
  nn.sequential({
    conv1: nn.conv2d(3, 8, 7, { stride: 2, padding: 3 }), pool: nn.maxPool2d(2), layer1: convolution(8, 8, 1),
    layer2: convolution(8, 16, 2), layer3: convolution(16, 256, 2), average: nn.globalAveragePool2d(),
    flatten: nn.flatten(), fc: nn.linear(256, 1000),
  }),
).initialize(0)
const picturesOf = count => Uint8Array.from({ length: count * 224 * 224 * 3 }, (_, i) => (i * i) % 251)
const [bytes, images, others, labels, otherLabels] = [picturesOf(1), picturesOf(4), picturesOf(2), [0, 1, 0, 1], [0, 1]]
const shown = []
const show = (step, pixels) => shown.push(step, pixels.length)
const given = startEngine()
const inspector = new door.Inspector(given, model, [224, 224, 3])
`

test('the code of docs/inspect.md runs', async () => {
  await build()
  const steps = 'steps: 256'
  const bodies = blocks.map(
    block => `{\n${block.replace(/^import .*\n/gm, '').replace(steps, 'steps: 2')}report.push(true)\n}`,
  )
  const imports = new Set(blocks.flatMap(block => block.match(/^import .*\n/gm) ?? []))
  // A name that two blocks import is imported once.
  const names = new Map<string, string>()
  for (const line of imports) {
    const [, list, from] = /^import \{ (.*) \} from '(.*)'/.exec(line)!
    for (const name of list!.split(', ')) names.set(name, from!)
  }
  const lines = [...names].map(([name, from]) => `import { ${name} } from '${from}'`)
  const source = [
    ...lines,
    given,
    'const report = []',
    ...bodies,
    'console.log(JSON.stringify({ blocks: report.length, shown }))',
    'process.exit(0)',
  ]
  const { outputText } = ts.transpileModule(source.join('\n'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', outputText], {
    cwd: root,
  })
  const lastLine = stdout.trim().split('\n').at(-1)!
  expect(JSON.parse(lastLine)).toEqual({ blocks: blocks.length, shown: [1, 3 * 224 * 224 * 3, 2, 3 * 224 * 224 * 3] })
  // The one change that was made to the page's code.
  expect(page.split(steps)).toHaveLength(2)
}, 300_000)
