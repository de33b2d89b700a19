/** A unit of a fully connected layer as the sum that it is: each input times its weight, and the bias. */

/** A product of the sum. */
export interface UnitTerm {
  /** Which input it is of, counted through all of them. */
  readonly input: number
  readonly value: number
  readonly weight: number
  readonly product: number
}

/** The largest products of a unit, the largest first, and what all others add up to. */
export interface UnitTerms {
  readonly largest: readonly UnitTerm[]
  /** How many others there are, and their sum. */
  readonly others: number
  readonly rest: number
}

/**
 * @param inputs what the layer reads
 * @param weights of the layer, `[units, inputs]`
 * @param most products to be told one by one
 */
export function termsOfUnit(inputs: Float32Array, weights: Float32Array, unit: number, most: number): UnitTerms {
  const row = weights.subarray(unit * inputs.length, (unit + 1) * inputs.length)
  const terms = Array.from(inputs, (value, input): UnitTerm => {
    const weight = row[input]!
    return { input, value, weight, product: value * weight }
  })
  terms.sort((a, b) => Math.abs(b.product) - Math.abs(a.product))
  const rest = terms.slice(most).reduce((sum, { product }) => sum + product, 0)
  return { largest: terms.slice(0, most), others: Math.max(0, terms.length - most), rest }
}
