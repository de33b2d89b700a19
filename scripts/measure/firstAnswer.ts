/**
 * From an address to the first answer in Chromium: MobileNetV2 (224×224, random weights) on a fresh, cross-origin isolated page, by
 * Fovea from its own file and from an ONNX file, by onnxruntime-web from the same ONNX file, and by TensorFlow.js.
 * `npx tsx scripts/measure/firstAnswer.ts [rounds] [threads]` after `npm run build` and `npm ci --prefix bench`; all cores by default.
 *
 * The pages are in `firstAnswer/`, built by Vite. They take turns, each in a browser of its own, so that nothing is kept from one to
 * the next, and into which nothing looks: a debugger copies what is downloaded. Files come from this machine, so a download costs
 * nothing but its reading. Numbers are medians over the rounds. All must agree with onnxruntime-web. Nothing else should run beside
 * it. The table says how many threads each library has taken: TensorFlow.js takes at most half as many as there are cores.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { writeClassifier } from '../../src/classifier/index.ts'
import { mobilenetV2 } from '../../src/models/index.ts'
import { ImageClassifier, normalize } from '../../src/nn/index.ts'
import { exportOnnx } from '../../src/onnx/index.ts'
import { chromiumPath, openAlone } from '../../test/browser/chromium.ts'
import { isolation, serve } from '../../test/browser/server.ts'
import { mean, type Report, side, std } from './firstAnswer/page.ts'
import { tensorflowFiles } from './firstAnswer/tensorflowModel.ts'
import { median } from './labPage.ts'

const rounds = Number(process.argv[2] ?? 5)
const threads = Number(process.argv[3] ?? availableParallelism())
/** How far logits may be from those of onnxruntime-web, relative to the largest. */
const tolerance = 1e-4

const root = fileURLToPath(new URL('../..', import.meta.url))
const peers = join(root, 'bench/node_modules')
const versionOf = (folder: string): string => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version

/** Where each package lies. */
const packages = {
  fovea: root,
  'onnxruntime-web': join(peers, 'onnxruntime-web'),
  '@tensorflow': join(peers, '@tensorflow'),
}

/** By page: how it is called. */
const contenders = {
  'fovea.ts': 'Fovea, .fovea',
  'foveaOnnx.ts': 'Fovea, .onnx',
  'onnxRuntime.js': 'onnxruntime-web, wasm',
  'tensorflow.js': 'TensorFlow.js, wasm',
}
type Script = keyof typeof contenders
const scripts = Object.keys(contenders) as Script[]
const peer: Script = 'onnxRuntime.js'

/** The network in all its files. */
function writeModels(folder: string): void {
  mkdirSync(folder)
  const network = mobilenetV2().initialize(0)
  const model = new ImageClassifier(normalize({ mean, std }), network)
  const classes = Array.from({ length: 1000 }, (_, k) => `class ${k}`)
  const files = {
    'network.fovea': writeClassifier(model, { name: 'network', classes, shape: [side, side, 3], subject: 'picture' }),
    'network.onnx': exportOnnx(model, { input: [side, side, 3], dtype: 'u8', preprocessing: 'outside' }),
    ...tensorflowFiles(network),
  }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes)
}

/** Builds the pages as a project does that has installed the packages; each comes to lie in `FOLDER/sites/SCRIPT/`. */
async function buildPages(folder: string): Promise<void> {
  const project = join(folder, 'project')
  cpSync(fileURLToPath(new URL('firstAnswer', import.meta.url)), project, { recursive: true })
  mkdirSync(join(project, 'node_modules'))
  for (const [name, place] of Object.entries(packages)) symlinkSync(place, join(project, 'node_modules', name))
  for (const script of scripts) {
    writeFileSync(
      join(project, 'index.html'),
      `<!doctype html><title>Page</title><script type="module" src="./${script}"></script>`,
    )
    await build({
      configFile: false,
      root: project,
      base: './',
      logLevel: 'error',
      resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'] },
      build: {
        outDir: join(folder, 'sites', script),
        emptyOutDir: true,
        assetsInlineLimit: 0,
        // TensorFlow.js sends the text of a function to its threads, which asks whether an outer name is there: no minifier may decide that.
        rolldownOptions: { output: { minify: { compress: script !== 'tensorflow.js', mangle: true, codegen: true } } },
      },
    })
  }
}

/** A page that goes to another as soon as the browser has started, and rests. */
const lobby = `<!doctype html><title>Lobby</title>
<script>setTimeout(() => location.replace(new URLSearchParams(location.search).get('to')), 1500)</script>`

/** Pages of a server, in browsers that are new to them. */
class Visitor {
  readonly #origin: string
  readonly #folder: string
  #told: (report: Report | { readonly error: string }) => void = () => undefined
  #visits = 0

  constructor(origin: string, folder: string) {
    this.#origin = origin
    this.#folder = folder
  }

  /** Hears what a page tells. */
  hear(body: string): void {
    this.#told(JSON.parse(body) as Report | { readonly error: string })
  }

  async visit(script: Script): Promise<Report> {
    const told = new Promise<Report | { readonly error: string }>((resolve, reject) => {
      this.#told = resolve
      setTimeout(reject, 120_000, new Error(`${contenders[script]}: no answer within two minutes`)).unref()
    })
    const to = `/sites/${script}/index.html?threads=${threads}`
    const profile = join(this.#folder, `profile${this.#visits++}`)
    const close = openAlone(`${this.#origin}/sites/lobby.html?to=${encodeURIComponent(to)}`, profile)
    try {
      const report = await told
      if ('error' in report) throw new Error(`${contenders[script]}: ${report.error}`)
      return report
    } finally {
      await close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 20 })
    }
  }
}

const browserVersion = (): string => execFileSync(chromiumPath, ['--version'], { encoding: 'utf8' }).trim()

/** Bytes of files, each compressed. */
const compressed = (paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0)

/** What a page has downloaded, compressed: of the library, and of the model. */
function downloadsOf({ loaded }: Report, folder: string): { readonly library: number; readonly model: number } {
  const addresses = loaded.filter(address => address.startsWith('http')).map(address => new URL(address).pathname)
  const paths = [...new Set(addresses)].filter(path => path !== '/favicon.ico')
  const inFolder = (isModel: boolean): string[] =>
    paths.filter(path => path.startsWith('/models/') === isModel).map(path => join(folder, path))
  return { library: compressed(inFolder(false)), model: compressed(inFolder(true)) }
}

/** Largest difference of logits, relative to the largest; what all have in common does not count, nor does a softmax see it. */
function difference(logits: readonly number[], wanted: readonly number[]): number {
  const centered = (values: readonly number[]): number[] => {
    const middle = values.reduce((sum, value) => sum + value, 0) / values.length
    return values.map(value => value - middle)
  }
  const [ours, theirs] = [centered(logits), centered(wanted)]
  const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs))
  return largest(ours.map((value, k) => value - theirs[k]!)) / largest(theirs)
}

function rowOf(script: Script, reports: readonly Report[], folder: string): string {
  const { library, model } = downloadsOf(reports[0]!, folder)
  const cells = [
    contenders[script],
    String(reports[0]!.threads),
    (library / 1e3).toFixed(0),
    (model / 1e6).toFixed(2),
    median(reports.map(({ ready }) => ready)).toFixed(0),
    median(reports.map(({ first }) => first)).toFixed(0),
    median(reports.flatMap(({ later }) => later)).toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}

// The browser ends with the script.
process.once('SIGINT', () => process.exit(130))
if (!(rounds >= 1)) throw new RangeError(`rounds (=${process.argv[2]}) must be at least 1`)
for (const place of [join(root, 'dist/index.js'), peers]) {
  if (!existsSync(place)) throw new Error(`${place} is missing: npm run build && npm ci --prefix bench`)
}
const folder = mkdtempSync(join(tmpdir(), 'fovea-first-answer-'))
try {
  writeModels(join(folder, 'models'))
  await buildPages(folder)
  writeFileSync(join(folder, 'sites/lobby.html'), lobby)
  const folders = { '/models/': join(folder, 'models'), '/sites/': join(folder, 'sites') }
  const server = await serve(folders, isolation, body => visitor.hear(body))
  const visitor: Visitor = new Visitor(server.origin, folder)
  const reports = new Map<Script, Report[]>(scripts.map(script => [script, []]))
  try {
    for (let round = 0; round < rounds; round++) {
      // Back and forth, so that none always follows the same one.
      for (const script of round % 2 === 0 ? scripts : scripts.toReversed())
        reports.get(script)!.push(await visitor.visit(script))
    }
    const wanted = reports.get(peer)![0]!.logits
    console.log(
      `${cpus()[0]?.model}, ${availableParallelism()} cores; ${browserVersion()}; Fovea ${versionOf(root)}, ` +
        `onnxruntime-web ${versionOf(packages['onnxruntime-web'])}, ` +
        `TensorFlow.js ${versionOf(join(peers, '@tensorflow/tfjs-core'))}; medians of ${rounds} rounds\n`,
    )
    console.log(
      '| | threads | library, kB (gzip) | model, MB (gzip) | ready, ms | first answer, ms | later answers, ms |',
    )
    console.log('|---|---|---|---|---|---|---|')
    for (const [script, those] of reports) console.log(rowOf(script, those, folder))
    console.log('')
    for (const [script, those] of reports) {
      if (script === peer) continue
      const worst = Math.max(...those.map(({ logits }) => difference(logits, wanted)))
      console.log(`${contenders[script]}: logits within ${worst.toExponential(1)} of onnxruntime-web's`)
      if (!(worst < tolerance)) process.exitCode = 1
    }
  } finally {
    await server.close()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
