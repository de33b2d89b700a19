/** The network of small.py: the same names, so the same file of weights. `npx tsx small.ts small.pth` prints logits. */
import { add, createEngine, input, mean, relu, type Tensor } from 'fovea'
import { BatchNorm2d, Conv2d, type ForwardContext, inference, Linear, MaxPool2d, Module } from 'fovea/nn'
import { loadWeights } from 'fovea/train'

class Small extends Module {
  readonly conv1 = new Conv2d(3, 16, 3, { padding: 1, bias: false })
  readonly bn1 = new BatchNorm2d(16)
  readonly conv2 = new Conv2d(16, 16, 3, { padding: 1, bias: false })
  readonly bn2 = new BatchNorm2d(16)
  readonly pool = new MaxPool2d(2)
  readonly fc: Linear

  constructor(classes = 10) {
    super()
    this.fc = new Linear(16, classes)
  }

  override forward(images: Tensor, context: ForwardContext): Tensor {
    const x = relu(this.bn1.forward(this.conv1.forward(images, context), context))
    const y = add(x, relu(this.bn2.forward(this.conv2.forward(x, context), context)))
    return this.fc.forward(mean(this.pool.forward(y, context), [2, 3]), context)
  }
}

const model = new Small()
await loadWeights(model, process.argv[2] ?? 'small.pth')

const engine = createEngine()
const images = input('images', [2, 3, 8, 8])
const program = await engine.compile({ outputs: { logits: model.forward(images, inference()) }, updates: new Map() })
const { logits } = await program.run({ images: Float32Array.from({ length: 384 }, (_, i) => ((7 * i) % 11) / 11) })
console.log(JSON.stringify([...logits]))
await engine.close()
