/** Builds the Lab: a folder of files for any server, and for `fovea lab`. */
import { fileURLToPath } from 'node:url'
import { build, defineConfig, type Plugin } from 'vite'
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

/** The service worker is a script of its own, whose name and place do not change. */
function serviceWorker(): Plugin {
  return {
    name: 'fovea-lab-service-worker',
    apply: 'build',
    async writeBundle({ dir }) {
      await build({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        build: {
          outDir: dir!,
          emptyOutDir: false,
          lib: { entry: here('serviceWorker.ts'), formats: ['es'], fileName: () => 'serviceWorker.js' },
        },
      })
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
  plugins: [digits(), serviceWorker()],
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
      output: named,
    },
  },
})
