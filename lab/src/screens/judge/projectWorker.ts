/**
 * Lays features out on a plane, so that the page need not wait: principal components, and UMAP (McInnes, Healy and Melville 2018) by
 * umap-js, whose code is loaded when it is first asked for. It draws its random numbers from a seed, so the same features give the same picture.
 */
import { type Features, principalComponents } from '../../../../src/inspect/features.ts'
import { RandomSequence } from '../../../../src/random/philox.ts'

/** How features are laid out. */
export type Method = 'PCA' | 'UMAP'

/** What is to be laid out. */
export interface ProjectRequest {
  readonly method: Method
  readonly features: Features
}

/** Points, or how far they are. */
export type ProjectAnswer =
  | { readonly type: 'laying out'; readonly done: number; readonly total: number }
  | {
      readonly type: 'points'
      readonly method: Method
      /** `[N, 2]` */
      readonly points: Float32Array<ArrayBuffer>
      /** Of principal components: the shares of the variance. */
      readonly shares?: readonly number[]
    }

/** Neighbors that UMAP looks at, and the least distance of its points: its authors' defaults. */
const umapNeighbors = 15
const leastDistance = 0.1
const seed = 0
/** Epochs between two reports. */
const reportEvery = 10

const tell = (answer: ProjectAnswer): void => self.postMessage(answer)

self.onmessage = async ({ data: { method, features } }: MessageEvent<ProjectRequest>) => {
  if (method === 'UMAP') tell({ type: 'points', method, points: await umap(features) })
  else {
    const { points, shares } = principalComponents(features)
    tell({ type: 'points', method, points: Float32Array.from(points), shares: [...shares] })
  }
}

async function umap({ shape, values }: Features): Promise<Float32Array<ArrayBuffer>> {
  const { UMAP } = await import('umap-js')
  const [count = 0] = shape
  const size = values.length / count
  // Rows of length 1: their Euclidean distances are in the order of the cosine's.
  const rows = Array.from({ length: count }, (_, n) => {
    const row = Array.from(values.subarray(n * size, (n + 1) * size))
    const length = Math.hypot(...row) || 1
    return row.map(value => value / length)
  })
  const random = new RandomSequence(seed, 'umap')
  const fit = new UMAP({
    nNeighbors: Math.min(umapNeighbors, count - 1),
    minDist: leastDistance,
    random: () => random.uniform(),
  })
  const total = fit.initializeFit(rows)
  for (let epoch = 0; epoch < total; epoch++) {
    fit.step()
    if (epoch % reportEvery === 0) tell({ type: 'laying out', done: epoch, total })
  }
  return Float32Array.from(fit.getEmbedding().flat())
}
