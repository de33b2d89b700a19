/** Early stopping: its rule, and a run of a trainer's own that ends with its best weights. */
import { describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { splitDataset, subsetOf } from '../../src/data/split.ts'
import { lenet5 } from '../../src/models/lenet.ts'
import { ImageClassifier, normalize } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { EarlyStopping, Trainer } from '../../src/train/index.ts'

describe('EarlyStopping', () => {
  const score = (accuracy: number, loss = 1) => ({ accuracy, loss })
  it('is over after `patience` epochs without improvement, and remembers where it was', () => {
    const first = new EarlyStopping({ patience: 2 })
    for (const accuracy of [0.5, 0.6, 0.6]) first.observe(score(accuracy))
    expect(first.isOver).toBe(false)
    const second = new EarlyStopping({ patience: 2 }, JSON.parse(JSON.stringify(first.state)))
    expect(second.observe(score(0.59))).toBe(false)
    expect(second.isOver).toBe(true)
    expect(second.reason).toBe('validation accuracy has not improved for 2 epochs')
  })
  it('takes an improvement of at least minDelta, of the metric it watches', () => {
    const stopping = new EarlyStopping({ patience: 1, metric: 'loss', minDelta: 0.1 })
    stopping.observe(score(0, 1))
    expect(stopping.observe(score(1, 0.8))).toBe(true)
    expect(stopping.isOver).toBe(false)
    stopping.observe(score(1, 0.75))
    expect(stopping.isOver).toBe(true)
    expect(new EarlyStopping({ patience: 1 }).isOver).toBe(false)
  })
})

it('ends a run of the trainer, which goes back to its best epoch', async () => {
  const { train, validation } = splitDataset(subsetOf((await mnist()).train, 640), { validation: 128, seed: 0 })
  const engine = createEngine({ threads: 1 })
  const model = new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(2)
  // A rate that is far too high after the first steps: the score does not improve for long.
  const optimizer = sgd({ lr: 0.12, momentum: 0.9 })
  try {
    const trainer = new Trainer({ model, engine, train, validation, optimizer, epochs: 12, batchSize: 32, seed: 2 })
    const stopping = new EarlyStopping({ patience: 2, metric: 'loss' })
    const losses: number[] = []
    let best = await trainer.snapshot()
    for await (const event of trainer.run()) {
      if (event.type !== 'validation') continue
      losses.push(event.loss)
      if (stopping.observe(event)) best = await trainer.snapshot()
      if (stopping.isOver) trainer.finish()
    }
    await trainer.restore(best)
    const lowest = losses.indexOf(Math.min(...losses))
    expect(losses.length).toBeLessThan(12)
    expect(losses.length).toBe(lowest + 1 + 2)
    expect((await trainer.evaluator.evaluate(validation)).loss).toBe(losses[lowest])
  } finally {
    await engine.close()
  }
})
