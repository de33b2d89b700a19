/**
 * Batching: which values belong to single samples of the batch, and may therefore be computed block by block.
 *
 * A value is *batched* when its axis 0 counts samples and row n depends on sample n alone. Most of a network is; sums
 * over the batch (weight gradients, the mean loss) are not. A backend works through a run of batched steps one block
 * of samples at a time, so that all intermediate values of a block stay in its cache, and each thread takes its own
 * blocks without waiting for the others.
 */
import type { MatmulAttributes } from '../graph/ops/matmul.ts'
import type { OpName } from '../graph/table.ts'
import type { Tensor } from '../graph/tensor.ts'

/**
 * How an operation relates to the batch:
 * - `parallel` its result is batched
 * - `sum`      it sums over the batch; partial sums over blocks can be added up
 * - `contract` it sums over the batch of two batched operands and is best done in one piece
 * - `whole`    it looks at batched values as plain tensors (or at none)
 */
export type BatchRole = 'parallel' | 'sum' | 'contract' | 'whole'

/** A node seen by the rules: what it applies, and which of its inputs are batched. */
interface Node {
  readonly tensor: Tensor
  readonly inputs: readonly Tensor[]
  readonly attributes: unknown
  readonly batched: (tensor: Tensor) => boolean
}

type Rule = (node: Node) => BatchRole

const firstBatched: Rule = ({ inputs, batched }) => (batched(inputs[0]) ? 'parallel' : 'whole')
const whole: Rule = () => 'whole'

/** True when axis 0 of a batched input stays axis 0 of the result. */
const keepsFirstAxis: Rule = ({ tensor, inputs, batched }) =>
  batched(inputs[0]) && tensor.shape[0] === inputs[0].shape[0] ? 'parallel' : 'whole'

/** Rules by operation; the type makes a missing one a compile error. */
const rules: { readonly [K in OpName]: Rule } = {
  map: ({ tensor, inputs, batched }) => {
    const aligned = (input: Tensor): boolean =>
      input.shape.length === tensor.shape.length && input.shape[0] === tensor.shape[0]
    const batchedInputs = inputs.filter(batched)
    return batchedInputs.length > 0 && batchedInputs.every(aligned) ? 'parallel' : 'whole'
  },
  matmul: ({ inputs: [a, b], attributes, batched }) => {
    const { transposeA, transposeB } = attributes as MatmulAttributes
    if (batched(a) && !batched(b) && !transposeA) return 'parallel'
    return batched(a) && batched(b) && transposeA && !transposeB ? 'contract' : 'whole'
  },
  conv2d: ({ inputs: [x, w], batched }) => (batched(x) && !batched(w) ? 'parallel' : 'whole'),
  conv2dInputGradient: ({ inputs: [g, w], batched }) => (batched(g) && !batched(w) ? 'parallel' : 'whole'),
  conv2dWeightGradient: ({ inputs: [x, g], batched }) => (batched(x) && batched(g) ? 'sum' : 'whole'),
  maxPool2d: firstBatched,
  maxPool2dSwitches: firstBatched,
  maxPool2dGradient: ({ inputs: [g, switches], batched }) => (batched(g) && batched(switches) ? 'parallel' : 'whole'),
  maxPool2dRoute: ({ inputs: [x, switches], batched }) => (batched(x) && batched(switches) ? 'parallel' : 'whole'),
  averagePool2d: firstBatched,
  averagePool2dGradient: firstBatched,
  reduce: ({ inputs: [x], attributes, batched }) => {
    if (!batched(x)) return 'whole'
    return (attributes as { axes: readonly number[] }).axes.includes(0) ? 'sum' : 'parallel'
  },
  argmax: ({ inputs: [x], attributes, batched }) =>
    batched(x) && (attributes as { axis: number }).axis !== 0 ? 'parallel' : 'whole',
  reshape: keepsFirstAxis,
  transpose: ({ inputs: [x], attributes, batched }) =>
    batched(x) && (attributes as { permutation: readonly number[] }).permutation[0] === 0 ? 'parallel' : 'whole',
  slice: ({ inputs: [x], attributes, batched }) => {
    const { starts, ends, steps } = attributes as { starts: number[]; ends: number[]; steps: number[] }
    return batched(x) && starts[0] === 0 && steps[0] === 1 && ends[0] === x.shape[0] ? 'parallel' : 'whole'
  },
  pad: ({ inputs: [x], attributes, batched }) => {
    const { before, after, interior } = attributes as { before: number[]; after: number[]; interior: number[] }
    return batched(x) && before[0] === 0 && after[0] === 0 && interior[0] === 0 ? 'parallel' : 'whole'
  },
  concat: ({ inputs, attributes, batched }) =>
    (attributes as { axis: number }).axis !== 0 && inputs.every(batched) ? 'parallel' : 'whole',
  gather: ({ inputs: [x, indices], attributes, batched }) =>
    (attributes as { axis: number }).axis !== 0 && batched(x) && !batched(indices) ? 'parallel' : 'whole',
  increment: firstBatched,
  scatterAdd: whole,
  oneHot: ({ inputs: [indices], batched }) => (batched(indices) && indices.shape.length === 1 ? 'parallel' : 'whole'),
  softmaxCrossEntropy: ({ inputs: [logits, targets], batched }) =>
    batched(logits) && batched(targets) ? 'parallel' : 'whole',
  softmaxCrossEntropyGradient: ({ inputs: [logits, targets], batched }) =>
    batched(logits) && batched(targets) ? 'parallel' : 'whole',
  random: whole,
}

/** The role of an operation on given inputs. */
export function batchRole(
  op: OpName,
  tensor: Tensor,
  inputs: readonly Tensor[],
  attributes: unknown,
  batched: (tensor: Tensor) => boolean,
): BatchRole {
  return rules[op]({ tensor, inputs, attributes, batched })
}

/** The batched values among `order` (inputs before users). */
export function batchedValues(order: readonly Tensor[]): Set<Tensor> {
  const found = new Set<Tensor>()
  const batched = (tensor: Tensor): boolean => found.has(tensor)
  for (const tensor of order) {
    if (tensor.source) {
      if (tensor.source.kind === 'input' && tensor.source.batched) found.add(tensor)
    } else if (batchRole(tensor.op as OpName, tensor, tensor.inputs, tensor.attributes, batched) === 'parallel') {
      found.add(tensor)
    }
  }
  return found
}
