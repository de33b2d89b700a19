/** LeNet-5 in jax-js, for its contenders in Node and on the page. Arrays arrive as references that every use consumes. */
import type * as Jax from '@jax-js/jax'
import type { numpy } from '@jax-js/jax'

/** Weights by name: `conv1`, `conv1Bias`, …, `fc3Bias`. Filters are `[O, C, 5, 5]`, their biases `[O, 1, 1]`, matrices `[in, out]`. */
export type Parameters = Record<string, numpy.Array>

/** Logits `[N, classes]` of images `[N, 1, 28, 28]`. */
export function lenetLogits({ lax, nn, numpy: np }: typeof Jax, p: Parameters, x: numpy.Array): numpy.Array {
  // Non-overlapping 2×2 windows: a maximum over two reshaped axes.
  const pool = (x: numpy.Array): numpy.Array => {
    const [n, c, h, w] = x.shape
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5])
  }
  const margin: [number, number] = [2, 2]
  let h = pool(nn.relu(lax.conv(x, p.conv1, [1, 1], [margin, margin]).add(p.conv1Bias)))
  h = pool(nn.relu(lax.conv(h, p.conv2, [1, 1], 'VALID').add(p.conv2Bias)))
  h = h.reshape([h.shape[0], 400])
  h = nn.relu(np.matmul(h, p.fc1).add(p.fc1Bias))
  h = nn.relu(np.matmul(h, p.fc2).add(p.fc2Bias))
  return np.matmul(h, p.fc3).add(p.fc3Bias)
}

/** What a training step needs besides the weights. */
export interface Training {
  readonly classes: number
  readonly learningRate: number
  readonly momentum: number
}

/** A training step, compiled: SGD with momentum on the mean cross-entropy of images and labels. */
export function lenetTraining(jax: typeof Jax, { classes, learningRate, momentum }: Training) {
  const { jit, nn, tree, valueAndGrad } = jax
  const loss = (p: Parameters, x: numpy.Array, y: numpy.Array): numpy.Array => {
    const [batch] = x.shape
    return nn
      .logSoftmax(lenetLogits(jax, p, x))
      .mul(nn.oneHot(y, classes))
      .sum()
      .mul(-1 / batch)
  }
  return jit((p: Parameters, v: Parameters, x: numpy.Array, y: numpy.Array) => {
    const [value, gradient] = valueAndGrad(loss)(tree.ref(p), x, y)
    const nextVelocity: Parameters = tree.map(
      (old: numpy.Array, g: numpy.Array) => old.mul(momentum).add(g),
      v,
      gradient,
    )
    const next: Parameters = tree.map(
      (old: numpy.Array, dv: numpy.Array) => old.sub(dv.mul(learningRate)),
      p,
      tree.ref(nextVelocity),
    )
    return { next, nextVelocity, value }
  })
}
