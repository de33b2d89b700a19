/** What a head is fitted to: the features of pictures, and of views of them where they have some. */
import { movedViews, viewCount } from '../../worker/teach/protocol.ts'
import type { PictureStore } from './pictureStore.ts'

/** Whether a head learns from views as well: from those that are moved, or from the mirrored ones, too. */
export const augmentations = ['off', 'moved', 'mirrored'] as const
export type Augmentation = (typeof augmentations)[number]

/** Views of a picture that it learns from. */
export const viewsUsed: Readonly<Record<Augmentation, number>> = { off: 0, moved: movedViews, mirrored: viewCount }

/** Rows of a picture lie side by side. */
export interface TrainingRows {
  /** `[rows, features]` */
  readonly features: Float32Array<ArrayBuffer>
  /** `[rows]` */
  readonly labels: Uint8Array<ArrayBuffer>
  /** `[rows]`, what each weighs in the loss: their sum is 1, and a picture with views weighs as much as one without. */
  readonly shares: Float32Array<ArrayBuffer>
  /** Rows that are views. */
  readonly views: number
}

/** The rows of pictures to train on. */
export function trainingRows(
  store: PictureStore,
  pictures: readonly { readonly row: number; readonly label: number }[],
  augmentation: Augmentation,
): TrainingRows {
  const { features: size } = store
  const most = viewsUsed[augmentation]
  const views = most * pictures.filter(({ row }) => store.hasViews(row)).length
  const count = pictures.length + views
  const features = new Float32Array(count * size)
  const labels = new Uint8Array(count)
  const shares = new Float32Array(count)
  let at = 0
  for (const { row, label } of pictures) {
    const rows = store.hasViews(row) ? 1 + most : 1
    features.set(store.featuresOf(row), at * size)
    if (rows > 1) features.set(store.viewsOf(row).subarray(0, most * size), (at + 1) * size)
    labels.fill(label, at, at + rows)
    shares.fill(1 / (rows * pictures.length), at, at + rows)
    at += rows
  }
  return { features, labels, shares, views }
}
