/** What the test of `fovea/inspect` calls on its page, over the built package. */
import { createEngine } from '/package/index.js'
import { gradCam, Inspector, visualize } from '/package/inspect/index.js'
import { conv2d, flatten, ImageClassifier, linear, maxPool2d, normalize, relu, sequential } from '/package/nn/index.js'

/** The network of both sides; the same seed gives the same weights. */
const network = () =>
  new ImageClassifier(
    normalize({ mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] }),
    sequential({
      conv1: conv2d(3, 4, 3, { padding: 1 }),
      relu1: relu(),
      pool1: maxPool2d(2),
      conv2: conv2d(4, 6, 3),
      relu2: relu(),
      flatten: flatten(),
      fc: linear(96, 3),
    }),
  ).initialize(7)

/** Values and gradients of two layers, a class activation map, and a picture that grew for six steps. */
globalThis.lookInside = async ({ pixels }) => {
  const engine = createEngine({ precise: true })
  const inspector = new Inspector(engine, network(), [12, 12, 3])
  const bytes = new Uint8Array(pixels)
  const { values, gradients, logits } = await inspector.capture(bytes, ['conv1', 'relu2'], { gradientsOf: 1 })
  const { map } = await gradCam(inspector, bytes, { of: 1, layer: 'relu2' })
  const seen = []
  const { images, scores } = await visualize(
    inspector,
    { layer: 'conv2', channel: 2 },
    { steps: 6, onStep: ({ step }) => void seen.push(step) },
  )
  await engine.close()
  const lists = {
    logits,
    conv1: values.get('conv1'),
    slope: gradients.get('conv1'),
    relu2: gradients.get('relu2'),
    map,
    images,
  }
  return {
    seen,
    numbers: Object.fromEntries(Object.entries(lists).map(([name, { values: list }]) => [name, [...list]])),
    scores: [...scores],
  }
}
