/** Pictures that stand for data sets that would have to be downloaded: stripes, whose direction and color say the class. */
import type { DatasetSplits, ImageDataset } from '../../src/data/dataset.ts'
import { imageDataset } from '../../src/data/index.ts'
import { type DatasetName, datasets } from '../../src/recipe/datasets.ts'

/** 400 and 200 pictures of a data set's shape and classes. */
export function stripes(name: DatasetName): DatasetSplits {
  return { train: split(name, 400), test: split(name, 200) }
}

function split(name: DatasetName, count: number): ImageDataset {
  const { shape, classes } = datasets[name]
  const [height, width, channels] = shape
  const images = Array.from({ length: count }, (_, k) => {
    const label = k % classes.length
    const angle = (Math.PI * label) / classes.length
    return Uint8Array.from({ length: height * width * channels }, (_, i) => {
      const [channel, place] = [i % channels, Math.floor(i / channels)]
      const [y, x] = [Math.floor(place / width), place % width]
      const wave = Math.sin(y * Math.sin(angle) + x * Math.cos(angle) + k)
      return Math.round(127 + 100 * wave * (channel === label % channels ? 1 : 0.4))
    })
  })
  const labels = images.map((_, k) => k % classes.length)
  return imageDataset({ name, images, labels, shape, classes: [...classes] })
}
