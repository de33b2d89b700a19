/** Builds the package as it is published, of today's sources, into a folder of the test's own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'tsdown'
import configs from '../../tsdown.config.ts'

/** The build that is a file for a file of the source. */
const config = configs[0]!

/** The entries of the build that any JavaScript environment can load. */
const doors = [
  'index',
  'nn/index',
  'models/index',
  'optim/index',
  'augment/index',
  'data/index',
  'train/index',
  'recipe/index',
  'classifier/index',
  'inspect/index',
  'formats/index',
  'onnx/index',
]

/** Builds the doors of the core; a folder of ES modules that need no bundler. */
export async function buildPackage(directory: string): Promise<void> {
  await build({
    ...config,
    config: false,
    entry: doors.map(door => `src/${door}.ts`),
    outDir: directory,
    dts: false,
    clean: false,
    logLevel: 'warn',
    // A page finds packages only when they are bundled.
    deps: { ...config.deps, alwaysBundle: [/^@bufbuild\/protobuf/] },
  })
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
}
