/**
 * Fifty training steps of LeNet-5 on real digits: one script for Node, pages and workers, so that their weights can be
 * compared bit for bit. Plain JavaScript over the built package, as a user without any tools would write it.
 */

/**
 * @param {object} options
 * @param {string} options.doors URL of the folder of the built package, with a slash at its end
 * @param {Uint8Array} options.images IDX file of 6,400 images `[28, 28]`: fifty batches of 128
 * @param {Uint8Array} options.labels IDX file of their labels
 * @param {number} options.threads threads to ask for
 * @param {boolean} options.precise same bits on every machine
 * @param {() => void} [options.onFirstStep] called when everything is compiled and the first step is done
 * @returns {Promise<{ engine: object, losses: number[], milliseconds: number, sha256: string }>} the loss of every step,
 *   the median time of a step after the first, and the hash of all weights
 */
export async function train50({ doors, images, labels, threads, precise, onFirstStep }) {
  const load = name => import(new URL(name, doors).href)
  const { createEngine } = await load('index.js')
  const { idxDataset, subsetOf } = await load('data/index.js')
  const { lenet5 } = await load('models/index.js')
  const { normalize, sequential } = await load('nn/index.js')
  const { adam } = await load('optim/index.js')
  const { Trainer } = await load('train/index.js')
  // Not needed here, but they too must load wherever the core does.
  for (const door of ['inspect', 'formats']) await load(`${door}/index.js`)

  const dataset = idxDataset({
    name: 'mnist',
    images: { name: 'images', bytes: images },
    labels: { name: 'labels', bytes: labels },
    classes: [...'0123456789'],
  })
  const model = sequential({
    normalize: normalize({ mean: [0.1307], std: [0.3081] }),
    network: lenet5(),
  }).initialize(1)
  const engine = createEngine({ threads, precise })
  const losses = []
  const times = []
  try {
    const optimizer = adam({ lr: 0.003 })
    const trainer = new Trainer({ model, train: subsetOf(dataset), engine, optimizer, epochs: 1, seed: 1 })
    for await (const event of trainer.run()) {
      if (event.type !== 'step') continue
      losses.push(event.loss)
      times.push(performance.now())
      if (event.step === 1) onFirstStep?.()
    }
    return { engine: engine.description, losses, milliseconds: medianGap(times), sha256: await hashOf(model) }
  } finally {
    await engine.close()
  }
}

/** Median of the times between neighbors. */
function medianGap(times) {
  const gaps = times.slice(1).map((time, index) => time - times[index])
  return gaps.sort((a, b) => a - b)[gaps.length >> 1]
}

/** SHA-256 of all weights, in the order of the layers. */
async function hashOf(model) {
  const weights = [...model.variables().values()].flatMap(({ value }) => [...value])
  const digest = await crypto.subtle.digest('SHA-256', new Float32Array(weights))
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('')
}
