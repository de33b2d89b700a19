/** How the networks of the rows are put together. */
import { Builder, type Net, type NetName, type Node, type Shape } from './nets.ts'

const photograph: Shape = [3, 224, 224]

/** A network by name. */
export function netOf(name: NetName): Net {
  return { name, nodes: recipes[name]() }
}

const recipes: Readonly<Record<NetName, () => Node[]>> = {
  lenet5,
  'resnet20-cifar': resnet20,
  resnet18,
  resnet50: () => bottlenecks(false),
  'se-resnet50': () => bottlenecks(true),
  vgg16,
  alexnet,
  googlenet,
  mobilenet_v2: mobilenet,
}

function lenet5(): Node[] {
  const net = new Builder([1, 28, 28])
  let x = net.maxPool(net.relu(net.conv(0, 6, 5, { bias: true })), 2)
  x = net.maxPool(net.relu(net.conv(x, 16, 5, { pad: 0, bias: true })), 2)
  x = net.relu(net.linear(net.flatten(x), 120))
  net.linear(net.relu(net.linear(x, 84)), 10)
  return net.nodes
}

/** He et al. 2015, section 4.2: 3 × 3 blocks, shortcuts without parameters. */
function resnet20(): Node[] {
  const net = new Builder([3, 32, 32])
  let x = net.relu(net.normalized(0, 16, 3))
  for (const width of [16, 32, 64]) {
    for (let block = 0; block < 3; block++) {
      const changes = net.shapeOf(x)[0] !== width
      const y = net.normalized(net.relu(net.normalized(x, width, 3, changes ? 2 : 1)), width, 3)
      x = net.relu(net.add(y, changes ? net.subsample(x, width / 2) : x))
    }
  }
  net.linear(net.flatten(net.globalPool(x)), 10)
  return net.nodes
}

/** The first layers of every ResNet. */
function stem(net: Builder, ceil = false): number {
  const pool = ceil ? { stride: 2, ceil } : { stride: 2, pad: 1 }
  return net.maxPool(net.relu(net.normalized(0, 64, 7, 2)), 3, pool)
}

function resnet18(): Node[] {
  const net = new Builder(photograph)
  let x = stem(net)
  for (const width of [64, 128, 256, 512]) {
    for (let block = 0; block < 2; block++) {
      const changes = net.shapeOf(x)[0] !== width
      const stride = changes ? 2 : 1
      const y = net.normalized(net.relu(net.normalized(x, width, 3, stride)), width, 3)
      x = net.relu(net.add(y, changes ? net.normalized(x, width, 1, stride) : x))
    }
  }
  net.linear(net.flatten(net.globalPool(x)), 1000)
  return net.nodes
}

/** ResNet-50 with the stride in the 3×3 convolution; or SE-ResNet-50 with the stride in the first, as published. */
function bottlenecks(squeeze: boolean): Node[] {
  const net = new Builder(photograph)
  let x = stem(net, squeeze)
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 << stage
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1
      let y = net.relu(net.normalized(x, width, 1, squeeze ? stride : 1))
      y = net.relu(net.normalized(y, width, 3, squeeze ? 1 : stride))
      y = net.normalized(y, 4 * width, 1)
      if (squeeze) {
        const units = net.relu(net.conv(net.globalPool(y), width / 4, 1, { bias: true }))
        y = net.scale(y, net.activation('sigmoid', net.conv(units, 4 * width, 1, { bias: true })))
      }
      x = net.relu(net.add(y, block === 0 ? net.normalized(x, 4 * width, 1, stride) : x))
    }
  }
  net.linear(net.flatten(net.globalPool(x)), 1000)
  return net.nodes
}

function vgg16(): Node[] {
  const net = new Builder(photograph)
  let x = 0
  for (const [width, count] of [
    [64, 2],
    [128, 2],
    [256, 3],
    [512, 3],
    [512, 3],
  ]) {
    for (let layer = 0; layer < count; layer++) x = net.relu(net.conv(x, width, 3, { bias: true }))
    x = net.maxPool(x, 2)
  }
  x = net.flatten(x)
  for (let layer = 0; layer < 2; layer++) x = net.dropout(net.relu(net.linear(x, 4096)), 0.5)
  net.linear(x, 1000)
  return net.nodes
}

/** AlexNet with one tower, as in torchvision. */
function alexnet(): Node[] {
  const net = new Builder(photograph)
  let x = net.relu(net.conv(0, 64, 11, { stride: 4, pad: 2, bias: true }))
  x = net.relu(net.conv(net.maxPool(x, 3, { stride: 2 }), 192, 5, { bias: true }))
  x = net.maxPool(x, 3, { stride: 2 })
  for (const width of [384, 256, 256]) x = net.relu(net.conv(x, width, 3, { bias: true }))
  x = net.dropout(net.flatten(net.maxPool(x, 3, { stride: 2 })), 0.5)
  x = net.dropout(net.relu(net.linear(x, 4096)), 0.5)
  net.linear(net.relu(net.linear(x, 4096)), 1000)
  return net.nodes
}

/** GoogLeNet in torchvision's form: batch normalization, 3×3 for 5×5, no auxiliary classifiers. */
function googlenet(): Node[] {
  const net = new Builder(photograph)
  const conv = (x: number, out: number, kernel: number, stride = 1): number =>
    net.relu(net.batchNorm(net.conv(x, out, kernel, { stride }), 1e-3))
  const halve = (x: number, kernel = 3): number => net.maxPool(x, kernel, { stride: 2, ceil: true })
  const inception = (x: number, [a, b0, b, c0, c, d]: readonly number[]): number =>
    net.concat([
      conv(x, a, 1),
      conv(conv(x, b0, 1), b, 3),
      conv(conv(x, c0, 1), c, 3),
      conv(net.maxPool(x, 3, { stride: 1, pad: 1 }), d, 1),
    ])
  let x = halve(conv(0, 64, 7, 2))
  x = halve(conv(conv(x, 64, 1), 192, 3))
  x = inception(x, [64, 96, 128, 16, 32, 32])
  x = halve(inception(x, [128, 128, 192, 32, 96, 64]))
  x = inception(x, [192, 96, 208, 16, 48, 64])
  x = inception(x, [160, 112, 224, 24, 64, 64])
  x = inception(x, [128, 128, 256, 24, 64, 64])
  x = inception(x, [112, 144, 288, 32, 64, 64])
  x = halve(inception(x, [256, 160, 320, 32, 128, 128]), 2)
  x = inception(x, [256, 160, 320, 32, 128, 128])
  x = inception(x, [384, 192, 384, 48, 128, 128])
  net.linear(net.dropout(net.flatten(net.globalPool(x)), 0.2), 1000)
  return net.nodes
}

function mobilenet(): Node[] {
  const net = new Builder(photograph)
  const conv = (x: number, out: number, kernel: number, stride = 1, groups = 1): number =>
    net.activation('relu6', net.batchNorm(net.conv(x, out, kernel, { stride, groups })))
  let x = conv(0, 32, 3, 2)
  for (const [expansion, width, count, first] of [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ]) {
    for (let block = 0; block < count; block++) {
      const channels = net.shapeOf(x)[0]
      const stride = block === 0 ? first : 1
      const hidden = channels * expansion
      const wide = expansion === 1 ? x : conv(x, hidden, 1)
      const y = net.normalized(conv(wide, hidden, 3, stride, hidden), width, 1)
      x = stride === 1 && channels === width ? net.add(y, x) : y
    }
  }
  net.linear(net.dropout(net.flatten(net.globalPool(conv(x, 1280, 1))), 0.2), 1000)
  return net.nodes
}
