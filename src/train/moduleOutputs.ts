/** What a module makes of images, for values that are fitted to it. */
import { Kept } from '../async/kept.ts'
import type { Engine, Executable } from '../backends/engine.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { simplify } from '../graph/simplify.ts'
import { input } from '../graph/sources.ts'
import { inference, type Module } from '../nn/module.ts'
import { evaluationLoader } from './evaluate.ts'
import type { ImageShape } from './programs.ts'
import { BatchMemory } from './samples.ts'

/**
 * The module's outputs for all images of a subset, in its order, one after the other.
 * @param module takes images `u8 [N, H, W, C]` and has float32 outputs
 * @throws ImageError when a stored image cannot be read.
 */
export async function moduleOutputs(
  module: Module,
  subset: Subset<ImageCollection>,
  { shape, engine }: { readonly shape: ImageShape; readonly engine: Engine },
): Promise<Float32Array> {
  const source = evaluationLoader(subset, shape)
  const memory = new BatchMemory(source)
  const executables = new Kept<number, Executable>()
  const compiled = (size: number): Promise<Executable> => {
    const images = input('images', [size, ...shape], { dtype: 'u8', batched: true })
    const [values] = simplify([module.forward(images, inference())])
    return engine.compile({ outputs: { values }, updates: new Map() })
  }
  let all = new Float32Array(0)
  let done = 0
  try {
    for (let batch = 0; batch < source.batches; batch++) {
      const size = source.sizeOf(batch)
      const executable = await executables.of(size, () => compiled(size))
      const { images } = await memory.fill(batch)
      const values = (await executable.run({ images })).values as Float32Array
      if (done === 0) all = new Float32Array((values.length / size) * source.samples)
      all.set(values, done)
      done += values.length
    }
  } finally {
    await source.close?.()
  }
  return all
}
