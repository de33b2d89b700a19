import { defineConfig, type UserConfig } from 'tsdown'

const shared = {
  format: 'esm',
  target: 'es2022',
  deps: { neverBundle: [/^node:/] },
  checks: { pluginTimings: false },
} satisfies UserConfig

export default defineConfig([
  {
    ...shared,
    entry: [
      'src/index.ts',
      'src/debug.ts',
      'src/webgpu.ts',
      // Take the places of native.ts and wide.ts in bundles for browsers; see the field `browser` of package.json.
      'src/backends/native/native.browser.ts',
      'src/backends/wasm/runtime/wide.browser.ts',
      'src/nn/index.ts',
      'src/models/index.ts',
      'src/optim/index.ts',
      'src/augment/index.ts',
      'src/data/index.ts',
      'src/data/index.node.ts',
      'src/train/index.ts',
      'src/train/index.node.ts',
      'src/distributed/index.node.ts',
      'src/recipe/index.ts',
      'src/classifier/index.ts',
      'src/classifier/index.node.ts',
      'src/onnx/index.ts',
      'src/onnx/index.node.ts',
      'src/inspect/index.ts',
      'src/formats/index.ts',
      'src/plot/index.ts',
      'src/report/index.ts',
      'src/study/index.ts',
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
      'node/index': 'src/index.ts',
      'node/debug': 'src/debug.ts',
      'node/webgpu': 'src/webgpu.ts',
      'node/nn': 'src/nn/index.ts',
      'node/models': 'src/models/index.ts',
      'node/optim': 'src/optim/index.ts',
      'node/augment': 'src/augment/index.ts',
      'node/data': 'src/data/index.node.ts',
      'node/train': 'src/train/index.node.ts',
      'node/distributed': 'src/distributed/index.node.ts',
      'node/recipe': 'src/recipe/index.ts',
      'node/classifier': 'src/classifier/index.node.ts',
      'node/onnx': 'src/onnx/index.node.ts',
      'node/inspect': 'src/inspect/index.ts',
      'node/formats': 'src/formats/index.ts',
      'node/plot': 'src/plot/index.ts',
      'node/report': 'src/report/index.ts',
      'node/study': 'src/study/index.ts',
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
