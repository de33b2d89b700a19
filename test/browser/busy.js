/**
 * An engine that is asked while it is busy, on a page or in a worker: plain JavaScript over the built package, as a user without
 * any tools would write it.
 */

/**
 * Asks LeNet-5 about digits, one after another and all together; trains a second network, alone and beside such questions.
 *
 * @param {object} options
 * @param {string} options.doors URL of the folder of the built package, with a slash at its end
 * @param {Uint8Array} options.images IDX file of images `[28, 28]`
 * @param {Uint8Array} options.labels IDX file of their labels
 * @param {number} options.threads threads to ask for
 * @param {boolean} options.precise same bits on every machine
 * @returns {Promise<{ engine: object, asked: number, wrong: number, askedMeanwhile: number, wrongMeanwhile: number, alone: number[], beside: number[] }>}
 *   answers that differ from those given alone, and the losses of both trainings
 */
export async function askWhileBusy({ doors, images, labels, threads, precise }) {
  const load = name => import(new URL(name, doors).href)
  const { createEngine } = await load('index.js')
  const { idxDataset } = await load('data/index.js')
  const { lenet5 } = await load('models/index.js')
  const { normalize, sequential } = await load('nn/index.js')
  const { adam } = await load('optim/index.js')
  const { Evaluator, Trainer } = await load('train/index.js')

  const dataset = idxDataset({
    name: 'mnist',
    images: { name: 'images', bytes: images },
    labels: { name: 'labels', bytes: labels },
    classes: [...'0123456789'],
  })
  const network = seed =>
    sequential({ normalize: normalize({ mean: [0.1307], std: [0.3081] }), network: lenet5() }).initialize(seed)
  const digit = k => dataset.images.slice(784 * k, 784 * (k + 1))
  const engine = createEngine({ threads, precise })
  const indices = Int32Array.from({ length: 1280 }, (_, k) => k)

  /** The losses of ten steps, and what is done meanwhile. */
  const train = async (meanwhile = async () => undefined) => {
    const train = { dataset, indices }
    const trainer = new Trainer({
      model: network(2),
      train,
      engine,
      optimizer: adam({ lr: 0.003 }),
      epochs: 1,
      seed: 1,
    })
    const losses = []
    const events = trainer.run()
    await events.next()
    const asking = meanwhile(() => losses.length === 10)
    for await (const event of events) if (event.type === 'step') losses.push(event.loss)
    await asking
    return losses
  }

  try {
    const evaluator = new Evaluator(engine, network(1), [28, 28, 1])
    const count = 100
    const alone = []
    for (let k = 0; k < count; k++) alone.push(String(await evaluator.predict(digit(k))))
    const together = await Promise.all(Array.from({ length: 3 * count }, (_, k) => evaluator.predict(digit(k % count))))
    const isWrong = (answer, k) => String(answer) !== alone[k % count]
    const result = { engine: engine.description, asked: together.length, wrong: together.filter(isWrong).length }

    const meanwhile = { asked: 0, wrong: 0 }
    const losses = {
      alone: await train(),
      beside: await train(async isOver => {
        while (!isOver()) {
          const some = await Promise.all([0, 1, 2].map(k => evaluator.predict(digit((meanwhile.asked + k) % count))))
          meanwhile.wrong += some.filter((answer, k) => isWrong(answer, meanwhile.asked + k)).length
          meanwhile.asked += some.length
        }
      }),
    }
    return { ...result, askedMeanwhile: meanwhile.asked, wrongMeanwhile: meanwhile.wrong, ...losses }
  } finally {
    await engine.close()
  }
}
