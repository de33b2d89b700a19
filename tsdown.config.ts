import { defineConfig } from 'tsdown'

export default defineConfig({
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
    // A worker thread's program: started by its file name.
    'src/data/augmentWorker.node.ts',
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
    'src/cli/main.ts',
  ],
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  // Some doors are for Node; none is bundled with what it imports.
  deps: { neverBundle: [/^node:/] },
  checks: { pluginTimings: false },
  dts: true,
  clean: true,
  // Names of files follow the source tree, so that stack traces and the package's doors read like it.
  unbundle: true,
})
