/**
 * The program behind a capture: a forward pass over the model's own variables whose named values are outputs, with the
 * gradients of a score if they are asked for.
 *
 * Values are declared as outputs before the graph is simplified: otherwise `maxPool(relu(x))` becomes
 * `relu(maxPool(x))`, and the volume that people want to see is gone.
 */
import { gradients } from '../graph/gradient.ts'
import { mul } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import type { ReluRule } from '../graph/rectifier.ts'
import { simplify } from '../graph/simplify.ts'
import { input } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Program } from '../plan/program.ts'
import type { NetworkPass } from './network.ts'

/** What a program gives. */
export interface SideProgramOptions {
  /** Names of the values that are read. */
  readonly points: readonly string[]
  /** Of a program that gives gradients: the value that the score is made of, and how rectifiers send gradients back. */
  readonly score?: { readonly layer: string; readonly relu: ReluRule }
}

/**
 * A program with the inputs `images` and, with a score, `seed`, of the shape of the value that the score is made of.
 * Outputs: `output`, the logits; `value K` and, with a score, `gradient K` for the k-th point; `score` `[N]` is
 * Σ seed ⊙ value of each image.
 *
 * No value of an image depends on another image, so the gradient of the sum of all scores is the gradient of each.
 */
export function sideProgram(pass: NetworkPass, { points, score }: SideProgramOptions): Program {
  const valueNamed = (name: string): Tensor => pass.points.get(name) as Tensor
  const roots = [pass.output, score ? valueNamed(score.layer) : pass.output, ...points.map(valueNamed)]
  // After a pool, a rectifier passes the deconvnet's gradients to other positions than before it.
  const [output, scored, ...values] = score?.relu === 'deconvnet' ? roots : simplify(roots)
  const outputs: Record<string, Tensor> = { output }
  values.forEach((value, k) => {
    outputs[`value ${k}`] = value
  })
  if (score) {
    const seed = input('seed', scored.shape, { batched: true })
    const perImage = sum(
      mul(scored, seed),
      scored.shape.slice(1).map((_, axis) => axis + 1),
    )
    outputs.score = perImage
    gradients(sum(perImage), values, { relu: score.relu }).forEach((gradient, k) => {
      outputs[`gradient ${k}`] = gradient
    })
  }
  return { outputs, updates: new Map() }
}
