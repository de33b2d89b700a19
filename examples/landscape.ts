/**
 * The loss around the weights of a trained LeNet-5 in two random directions, normalized by filters (Li et al. 2018):
 * `npx tsx examples/landscape.ts landscape.svg` trains, computes the grid and draws it.
 */
import { writeFile } from 'node:fs/promises'
import { createEngine } from 'fovea'
import { mnist, subsetOf } from 'fovea/data'
import { Inspector, lossLandscape, meanLoss, randomDirection } from 'fovea/inspect'
import { lenet5 } from 'fovea/models'
import { ImageClassifier, normalize } from 'fovea/nn'
import { adam } from 'fovea/optim'
import { contourPlot } from 'fovea/plot'
import { Trainer } from 'fovea/train'

const [out = 'landscape.svg', digits = '10000'] = process.argv.slice(2)
const { train, test } = await mnist()
const engine = createEngine({ threads: 1 })
const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0)
const some = subsetOf(train, Number(digits))
const trainer = new Trainer({ engine, model, train: some, optimizer: adam(), epochs: 2, batchSize: 64 })
for await (const _ of trainer.run());

const inspector = new Inspector(engine, model, [28, 28, 1])
const data = { images: test.images.subarray(0, 784 * 500), labels: test.labels.subarray(0, 500) }
const directions = [await randomDirection(engine, model, 1), await randomDirection(engine, model, 2)]
const landscape = await lossLandscape(inspector, data, directions)
console.log(`loss at (0, 0): ${(await meanLoss(inspector, data)).toFixed(4)}`)
console.log(
  `on the grid:    ${landscape.losses[220].toFixed(4)} there, at most ${Math.max(...landscape.losses).toFixed(2)}`,
)
await writeFile(out, contourPlot({ title: 'Loss of LeNet-5 on 500 digits', ...landscape, values: landscape.losses }))
await engine.close()
