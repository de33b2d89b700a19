import { createEngine } from 'fovea'
import { type Augmentation, compose, randomAffine } from 'fovea/augment'
import { mnist, subsetOf } from 'fovea/data'
import { lenet5 } from 'fovea/models'
import { normalize, sequential } from 'fovea/nn'
import { oneCycle, sgd } from 'fovea/optim'
import { Trainer } from 'fovea/train'

// A thousand digits are few: turned, moved and scaled a little, they are new ones in every epoch.
const { train, test } = await mnist()
const augment = compose([randomAffine({ degrees: 12, translate: [0.1, 0.1], scale: [0.85, 1.15], shear: 10 })])

async function accuracy(augment?: Augmentation): Promise<number> {
  const engine = createEngine()
  const model = sequential(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(0)
  const trainer = new Trainer({
    model,
    engine,
    train: subsetOf(train, 1000),
    ...(augment && { augment }),
    optimizer: sgd({ lr: 0.05, momentum: 0.9 }),
    schedule: oneCycle(),
    epochs: 20,
    batchSize: 32,
  })
  for await (const event of trainer.run()) if (event.type === 'done') console.log(`${event.step} steps`)
  const { accuracy } = await trainer.evaluator.evaluate(subsetOf(test))
  await engine.close()
  return accuracy
}

console.log('without augmentation', await accuracy())
console.log('with augmentation', await accuracy(augment))
