/** Builds the Lab: a folder of files for any server, and for `fovea lab`. */
import { fileURLToPath } from 'node:url'
import { build, defineConfig, type Plugin, type Rolldown } from 'vite'
import { firstDigits } from './firstDigits.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The first digits lie beside the page, so that it works from any server of files, and without a network. */
function digits(): Plugin {
  return {
    name: 'fovea-lab-digits',
    configureServer(server) {
      server.middlewares.use('/data/mnist', async (request, response, next) => {
        const file = (await firstDigits()).get((request.url ?? '').slice(1))
        if (file) response.end(file)
        else next()
      })
    },
    async generateBundle() {
      for (const [name, source] of await firstDigits())
        this.emitFile({ type: 'asset', fileName: `data/mnist/${name}`, source })
    },
  }
}

/** Scripts of their own, whose names and places do not change. */
const scripts: Readonly<Record<string, string>> = {
  'serviceWorker.js': 'serviceWorker.ts',
  // What pages need that are made with Teach.
  'teach/fovea.js': 'classifierPage.ts',
}

/** Bundles one of them. @param outDir where it is written; it is given back only, without */
const buildScript = (fileName: string, outDir?: string) =>
  build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    build: {
      ...(outDir === undefined ? { write: false } : { outDir }),
      emptyOutDir: false,
      lib: { entry: here(scripts[fileName]!), formats: ['es'], fileName: () => fileName },
      // One file each, with what they would load later.
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })

function ownScripts(): Plugin {
  return {
    name: 'fovea-lab-scripts',
    configureServer(server) {
      server.middlewares.use('/teach/fovea.js', async (_, response) => {
        const [bundle] = (await buildScript('teach/fovea.js')) as Rolldown.RolldownOutput[]
        response.end(bundle!.output[0].code)
      })
    },
    async writeBundle({ dir }) {
      for (const fileName of Object.keys(scripts)) await buildScript(fileName, dir)
    },
  }
}

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** Layers are called what their classes are. */
const named = { minify: { mangle: { keepNames: { class: true, function: false } } } }

export default defineConfig({
  root: here('.'),
  base: './',
  logLevel: 'warn',
  plugins: [digits(), ownScripts()],
  // What is built is the same in tests, whose environment is no production.
  oxc: { jsx: { development: false } },
  server: { headers: isolation },
  preview: { headers: isolation },
  worker: { format: 'es', rolldownOptions: { output: named } },
  build: {
    outDir: here('../dist/lab'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    rolldownOptions: {
      checks: { pluginTimings: false },
      // What screens that are loaded later share with the first ones stays together, which compresses better than a file for each share.
      output: {
        ...named,
        codeSplitting: { groups: [{ name: 'frame', test: /lab\/src\/(frame|state|draw)\/|node_modules\/@?preact/ }] },
      },
    },
  },
})
