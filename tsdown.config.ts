import { defineConfig, type UserConfig } from 'tsdown'

const shared = {
  format: 'esm',
  target: 'es2022',
  deps: { neverBundle: [/^node:/] },
  checks: { pluginTimings: false },
} satisfies UserConfig

/** The doors of the package for Node, by their names in `exports`. */
const doors = {
  index: 'src/index.ts',
  debug: 'src/debug.ts',
  webgpu: 'src/webgpu.ts',
  nn: 'src/nn/index.ts',
  models: 'src/models/index.ts',
  optim: 'src/optim/index.ts',
  augment: 'src/augment/index.ts',
  data: 'src/data/index.node.ts',
  train: 'src/train/index.node.ts',
  distributed: 'src/distributed/index.node.ts',
  recipe: 'src/recipe/index.ts',
  classifier: 'src/classifier/index.node.ts',
  onnx: 'src/onnx/index.node.ts',
  inspect: 'src/inspect/index.ts',
  formats: 'src/formats/index.ts',
  plot: 'src/plot/index.ts',
  report: 'src/report/index.ts',
  study: 'src/study/index.ts',
}

export default defineConfig([
  {
    ...shared,
    entry: [
      ...Object.values(doors),
      // Those that are others in a browser.
      ...['data', 'train', 'classifier', 'onnx'].map(door => `src/${door}/index.ts`),
      // Take the places of native.ts and wide.ts in bundles for browsers; see the field `browser` of package.json.
      'src/backends/native/native.browser.ts',
      'src/backends/wasm/runtime/wide.browser.ts',
    ],
    platform: 'neutral',
    dts: true,
    clean: true,
    // A file for a file of the source, for bundlers, which take what a page uses, and for the types.
    unbundle: true,
  },
  {
    ...shared,
    // The same doors for Node, and the command line: few files, since each costs Node a millisecond at the start.
    entry: {
      'cli/main': 'src/cli/main.ts',
      ...Object.fromEntries(Object.entries(doors).map(([door, file]) => [`node/${door}`, file])),
      // A worker thread's program: started by its file name.
      'node/augmentWorker.node': 'src/data/augmentWorker.node.ts',
    },
    platform: 'node',
    dts: false,
    clean: false,
    fixedExtension: false,
    outputOptions: { chunkFileNames: 'node/[name]-[hash].js', comments: false },
  },
])
