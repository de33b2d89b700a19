/** Element-wise operations, and those that make their elements from nothing but their number. */
import type { StepOf } from '../../../plan/step.ts'
import { literal, printExpression } from '../wgsl/expression.ts'
import { broadcastIndex, unsigned } from '../wgsl/indexing.ts'
import { resultShader } from '../wgsl/shader.ts'
import type { Lower } from './kernel.ts'

/** `map`: an expression of the inputs, or a copy when the result is not f32. */
export const map: Lower<'map'> = (step, tools) => {
  const operands = tools.operands()
  const { inputs, attributes, outputs } = step
  const [{ shape, dtype }] = outputs
  if (dtype !== 'f32') return [resultShader(step, operands, `q = ${operands.integer(inputs[0], 'i')};`)]
  const { statements, value } = printExpression(
    attributes.expression,
    index => operands.float(inputs[index], broadcastIndex(inputs[index].shape, shape, 'i')),
    't',
  )
  return [resultShader(step, operands, `${statements}\n  r = ${value};`)]
}

/** Adds a whole number, modulo 2³². */
export const increment: Lower<'increment'> = (step, tools) => {
  const operands = tools.operands()
  const by = unsigned(step.attributes.by >>> 0)
  return [resultShader(step, operands, `q = ${operands.integer(step.inputs[0], 'i')} + bitcast<i32>(${by});`)]
}

/** 1 at the label's class, else 0. */
export const oneHot: Lower<'oneHot'> = (step, tools) => {
  const operands = tools.operands()
  const { classes } = step.attributes
  const label = operands.integer(step.inputs[0], `i / ${classes}u`)
  const body = `let label = ${label};
  if (label < 0 || label >= ${classes}) { ${operands.fail()} }
  r = select(0.0, 1.0, label == i32(i % ${classes}u));`
  return [resultShader(step, operands, body)]
}

/** Element i is lane i mod 4 of Philox block ⌊i / 4⌋; see `graph/ops/random.ts`. */
export const random: Lower<'random'> = (step, tools) => {
  const operands = tools.operands()
  const [key] = step.inputs
  const { stream } = step.attributes
  const words = `let words = philox(
    vec4<u32>(i / 4u, u32(${operands.integer(key, '1u')}), 0u, 0u),
    vec2<u32>(u32(${operands.integer(key, '0u')}), ${unsigned(stream >>> 0)}),
  );`
  return [resultShader(step, operands, `${words}\n  ${drawn(step)}`)]
}

/** Statements that make a number of the distribution from the words of its block. */
function drawn({ attributes: { distribution, probability = 0 } }: StepOf<'random'>): string {
  switch (distribution) {
    case 'uniform':
      return 'r = fraction(words[i % 4u]);'
    case 'bernoulli':
      return `r = select(0.0, 1.0, fraction(words[i % 4u]) < ${literal(probability)});`
    case 'normal':
      // Box and Muller: u₁ lies in (0, 1], so that its logarithm is finite.
      return `let pair = i & 2u;
  let radius = sqrt(-2.0 * logarithm(fraction(words[pair]) + 5.9604644775390625e-8));
  let angle = 6.28318531 * fraction(words[pair + 1u]);
  if ((i & 1u) == 1u) { r = radius * sine(angle); } else { r = radius * cosine(angle); }`
    default:
      return distribution satisfies never
  }
}
