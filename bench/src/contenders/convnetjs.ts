/** convnetjs: the LeNet-5 training step. It takes one image at a time and updates after every 128th. One thread. */
import { type Contender, row, serve } from '../protocol.ts'
import { batches } from '../work.ts'

const { batch: batchSize, batches: batchCount, classes, learningRate, momentum, side } = row

async function open(): Promise<Contender> {
  const { Net, Trainer, Vol } = (await import('convnetjs')).default
  const net = new Net()
  net.makeLayers([
    { type: 'input', out_sx: side, out_sy: side, out_depth: 1 },
    { type: 'conv', sx: 5, filters: 6, stride: 1, pad: 2, activation: 'relu' },
    { type: 'pool', sx: 2, stride: 2 },
    { type: 'conv', sx: 5, filters: 16, stride: 1, pad: 0, activation: 'relu' },
    { type: 'pool', sx: 2, stride: 2 },
    { type: 'fc', num_neurons: 120, activation: 'relu' },
    { type: 'fc', num_neurons: 84, activation: 'relu' },
    { type: 'softmax', num_classes: classes },
  ])
  const trainer = new Trainer(net, { method: 'sgd', learning_rate: learningRate, momentum, batch_size: batchSize })
  const work = batches(row).map(({ images, labels }) =>
    Array.from(labels, (label, i) => {
      const image = new Vol(side, side, 1, 0)
      image.w.set(images.subarray(i * side * side, (i + 1) * side * side))
      return { image, label }
    }),
  )
  return {
    version: '0.3.0',
    step(index) {
      let loss = 0
      for (const { image, label } of work[index % batchCount]) loss += trainer.train(image, label).loss
      return loss / batchSize
    },
  }
}

await serve(open)
