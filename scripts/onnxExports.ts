/**
 * Writes networks of the catalog, and layers, as ONNX files with random weights, and what Fovea answers to two samples:
 * `npx tsx scripts/onnxExports.ts FOLDER [--fold] [NAME …]`, for `scripts/check_onnx_exports.py`, which asks ONNX Runtime. Without a
 * name it writes all layers of `test/onnx/exportedLayers.ts`. Prints one line of JSON for each file.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine } from '../src/backends/createEngine.ts'
import { findModel } from '../src/models/catalog.ts'
import type { Module } from '../src/nn/module.ts'
import { exportOnnx } from '../src/onnx/index.ts'
import { type FilledModel, fillModel, loadModelFixtures } from '../test/models/fill.ts'
import { answersOf, samples } from '../test/onnx/exported.ts'
import { exportedLayers } from '../test/onnx/exportedLayers.ts'

const [folder = '.', ...words] = process.argv.slice(2)
const names = words.filter(word => word !== '--fold')
const batchNorm = words.includes('--fold') ? 'fold' : 'keep'
const batch = 2

/** What is written under one name. */
interface Written {
  readonly name: string
  readonly model: Module
  readonly input: readonly number[]
  readonly values?: 'u8' | 'positive' | undefined
}

async function write({ name, model, input, values }: Written): Promise<void> {
  const file = name.replace(/[^\w-]+/g, '_')
  const bytes = exportOnnx(model, { input, dtype: values === 'u8' ? 'u8' : 'f32', name, batchNorm })
  writeFileSync(join(folder, `${file}.onnx`), bytes)
  const engine = createEngine({ threads: 1 })
  const images = samples([batch, ...input], values)
  const answers = await answersOf(engine, model, [batch, ...input], images)
  await engine.close()
  writeFileSync(join(folder, `${file}.images.bin`), images)
  writeFileSync(join(folder, `${file}.answers.bin`), answers)
  console.log(JSON.stringify({ name, file, shape: [batch, ...input], bytes: bytes.length }))
}

/** A network of the catalog; its numbers are those of the tests, which keep activations from growing block by block. */
function fromCatalog(name: string): Written {
  const { create, inputShape } = findModel(name)
  const model = create().assignPaths()
  const known: FilledModel | undefined = loadModelFixtures().logits.find(fixture => fixture.model === name)
  fillModel(model, known ?? { model: name, input: { shape: inputShape, seed: 7, scale: 4 }, seed: 1000 })
  return { name, model, input: inputShape }
}

mkdirSync(folder, { recursive: true })
if (names.length > 0) for (const name of names) await write(fromCatalog(name))
else {
  for (const { name, make, input, values } of exportedLayers) {
    const model = make().initialize(1)
    fillModel(model, { model: name, input: { shape: input, seed: 1, scale: 1 }, seed: 3 })
    await write({ name, model, input, values })
  }
}
