/** Filters that whiten the patches of images: the values of a first layer, `patchWhitening`. */
import { symmetricEigen } from './eigen.ts'
import { DatasetError } from './errors.ts'

/** Options of {@link fitPatchFilters}. */
export interface PatchFilterOptions {
  /** k, the side of a patch. */
  readonly kernel: number
  /** Added to the mean squares before dividing, so that noise in flat patches is not blown up; 5e-4 by default. */
  readonly eps?: number
}

/**
 * The filters `[D, C, k, k]` whose outputs for the patches of images are uncorrelated and of mean square 1, D = C k²:
 * the unit eigenvectors of the mean of p pᵀ over all patches p, divided by √(eigenvalue + ε), largest eigenvalue first.
 * No mean is subtracted: that of normalized images is near 0.
 * @param images `f32 [N, C, H, W]`, as the layer gets them
 * @throws DatasetError when the images are smaller than a patch, or there are none
 * @example layer.setFilters(fitPatchFilters(images, [5000, 3, 32, 32], { kernel: 2 }))
 */
export function fitPatchFilters(
  images: ArrayLike<number>,
  shape: readonly [number, number, number, number],
  { kernel, eps = 5e-4 }: PatchFilterOptions,
): Float32Array {
  const [count, channels, height, width] = shape
  const [rows, columns] = [height - kernel + 1, width - kernel + 1]
  if (!(count > 0 && rows > 0 && columns > 0)) {
    throw new DatasetError(
      `fitPatchFilters: images [${shape.join(', ')}] have no patch of ${kernel} × ${kernel} to be fitted to`,
    )
  }
  const size = channels * kernel ** 2
  const offsets = Int32Array.from({ length: size }, (_, i) => {
    const tap = i % kernel ** 2
    return (Math.floor(i / kernel ** 2) * height + Math.floor(tap / kernel)) * width + (tap % kernel)
  })
  const products = new Float64Array(size ** 2)
  const patch = new Float64Array(size)
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const start = n * channels * height * width + y * width + x
        for (let i = 0; i < size; i++) patch[i] = images[start + offsets[i]!]!
        addProducts(products, patch)
      }
    }
  }
  const patches = count * rows * columns
  const { values, vectors } = symmetricEigen(
    products.map(sum => sum / patches),
    size,
  )
  return Float32Array.from(vectors, (value, i) => value / Math.sqrt(Math.max(values[Math.floor(i / size)]!, 0) + eps))
}

/** Adds p pᵀ, its upper triangle. */
function addProducts(products: Float64Array, patch: Float64Array): void {
  const size = patch.length
  for (let i = 0; i < size; i++) {
    const value = patch[i]!
    for (let j = i; j < size; j++) products[i * size + j]! += value * patch[j]!
  }
}
