/**
 * Sums over the parts of a batch in the middle of a step: what synchronized batch norm is made of.
 *
 * Part p computes values v_p, learns their sum V = Σ v_p, and goes on. The objective is Σ L_p, of which every part
 * computes its own term, so that the slope of a value has terms in all parts:
 *
 *   ∂(Σ L_q)/∂v_p = Σ_q ∂L_q/∂V
 *
 * This is a sum over the parts again: of the slopes of V. With that sum S known, the rest of a part's gradient is that of
 * L_p + S · v_p, where V and S are constants. The graph has variables in the places of V and S; who runs it fills them.
 */
import { gradients as gradientsOf } from '../graph/gradient.ts'
import { add, mul } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import { input } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Variable } from '../graph/variable.ts'
import type { OverParts } from '../nn/module.ts'

/** Values of a part, and the variables in which their sums over all parts are expected. */
export interface PartsExchange {
  readonly values: readonly Tensor[]
  readonly sums: readonly Variable[]
}

/** Records the sums that a step asks for while it is traced. */
export class SumsOverParts implements OverParts {
  readonly share = input('share', [])
  readonly #known: readonly (readonly Variable[])[]
  readonly #exchanges: (PartsExchange & { readonly isConstant: boolean })[] = []

  /** @param known the variables of the exchanges of an earlier trace of the same step, to be used again */
  constructor(known: readonly PartsExchange[] = []) {
    this.#known = known.map(({ sums }) => sums)
  }

  sum(values: readonly Tensor[], isConstant = false): Tensor[] {
    const sums = this.#sumsFor(this.#exchanges.length, values)
    this.#exchanges.push({ values, sums, isConstant })
    return sums.map(({ tensor }) => tensor)
  }

  /** All values of which sums were asked for, in order. */
  get values(): readonly Tensor[] {
    return this.#exchanges.flatMap(({ values }) => values)
  }

  /**
   * Differentiates this part's share of the objective.
   * @param objective of this part, before it is multiplied by its share
   * @param values those of {@link values}, in equivalent form
   * @returns slopes of the targets, and all exchanges in order: first those of the values, then those of slopes
   */
  gradients(
    objective: Tensor,
    values: readonly Tensor[],
    targets: readonly Tensor[],
  ): { readonly slopes: readonly Tensor[]; readonly exchanges: readonly PartsExchange[] } {
    let taken = 0
    const forward = this.#exchanges.map(exchange => {
      const from = taken
      taken += exchange.values.length
      return { ...exchange, values: values.slice(from, taken) }
    })
    const sloped = forward.filter(({ isConstant }) => !isConstant).reverse()
    const slopesOf = sloped.map((exchange, k) => this.#sumsFor(forward.length + k, exchange.values))
    let total = mul(objective, this.share)
    for (const [k, exchange] of sloped.entries()) {
      for (const [i, value] of exchange.values.entries()) {
        total = add(total, sum(mul(slopesOf[k][i].tensor, value)))
      }
    }
    const sums = sloped.flatMap(exchange => exchange.sums.map(({ tensor }) => tensor))
    const slopes = gradientsOf(total, [...targets, ...sums])
    let at = targets.length
    const backward = sloped.map(({ sums }, k) => {
      const from = at
      at += sums.length
      return { values: slopes.slice(from, at), sums: slopesOf[k] }
    })
    return { slopes: slopes.slice(0, targets.length), exchanges: [...forward, ...backward] }
  }

  #sumsFor(index: number, values: readonly Tensor[]): readonly Variable[] {
    return this.#known[index] ?? values.map(({ shape }, k) => new Variable(shape, { name: `parts.${index}.${k}` }))
  }
}
