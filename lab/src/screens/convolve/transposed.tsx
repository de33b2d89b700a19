/** A transposed convolution: every input value stamps the filter, times itself, into the output; where stamps overlap they add. */
import { useSignal } from '@preact/signals'
import { mostOf, roundUp } from '../../draw/scale.ts'
import { transposedTerms, transposedWidth } from './arithmetic.ts'
import { NumberGrid, written } from './numberGrid.tsx'
import { areWhole } from './numbers.ts'
import type { Convolve } from './state.ts'
import { factor } from './sums.ts'

/** The tab: the first channel of the input, by the first slice of the chosen filter. */
export function Transposed({ state }: { readonly state: Convolve }) {
  const { stamped: chosen } = state
  const stamp = useSignal<{ readonly row: number; readonly column: number } | undefined>(undefined)
  const numbers = state.numbers.value
  const { W, F, S, P } = numbers.sizes
  const { filter } = state.cell.value
  const kernel = numbers.weights[filter]![0]!
  const side = transposedWidth(numbers.sizes)
  if (side < 1) return <p class="wrong">Nothing is left of the output: pad less, or make the filter larger.</p>
  const whole = areWhole(numbers)
  const most = roundUp(mostOf(numbers.input.flat(2), kernel.flat()))
  const size = Math.min(whole ? 26 : 40, Math.floor((state.room.value - 2) / side))
  const row = Math.min(chosen.value.row, side - 1)
  const column = Math.min(chosen.value.column, side - 1)
  const terms = transposedTerms(numbers, kernel, 0, row, column)
  const valueAt = (r: number, c: number): number =>
    transposedTerms(numbers, kernel, 0, r, c).reduce((sum, { input, weight }) => sum + input * weight, 0)
  const stamped = (r: number, c: number): boolean => {
    const at = stamp.value
    return (
      at !== undefined &&
      r + P - at.row * S >= 0 &&
      r + P - at.row * S < F &&
      c + P - at.column * S >= 0 &&
      c + P - at.column * S < F
    )
  }
  return (
    <>
      <p class="lead quiet">
        (W − 1) S − 2P + F = ({W} − 1)·{S} − 2·{P} + {F} = {side}. Padding cuts {P} {P === 1 ? 'row' : 'rows'} from each
        border. The forward pass here is what a convolution does backward.
      </p>
      <div class="line">
        <NumberGrid
          kind="input"
          label="Input channel 0"
          rows={W}
          columns={W}
          most={most}
          size={size}
          whole={whole}
          cellAt={(r, c) => ({
            value: numbers.input[0]![r]![c]!,
            name: `input, row ${r}, column ${c}`,
            marks: terms.some(term => term.row === r && term.column === c) ? 'used' : '',
            onChange: to => state.setInput(0, r, c, to),
            onHover: isOver => {
              stamp.value = isOver ? { row: r, column: c } : undefined
            },
          })}
        />
        <span class="operator" aria-hidden="true">
          ∗ᵀ
        </span>
        <NumberGrid
          kind="kernel"
          label={`Filter ${filter}`}
          rows={F}
          columns={F}
          most={most}
          size={size}
          whole={whole}
          cellAt={(r, c) => ({
            value: kernel[r]![c]!,
            name: `weight, row ${r}, column ${c}`,
            onChange: to => state.setWeight(filter, 0, r, c, to),
          })}
        />
        <span class="operator" aria-hidden="true">
          =
        </span>
        <NumberGrid
          kind="out"
          label="Output"
          rows={side}
          columns={side}
          most={3 * most}
          size={size}
          whole={whole}
          cellAt={(r, c) => ({
            value: valueAt(r, c),
            name: `output, row ${r}, column ${c}`,
            marks: [r === row && c === column && 'chosen', stamped(r, c) && 'reach'].filter(Boolean).join(' '),
            onChoose: () => {
              chosen.value = { row: r, column: c }
            },
          })}
        />
      </div>
      <p class="mono formula wide" aria-live="polite">
        {terms.length === 0
          ? '0: no stamp reaches it'
          : terms
              .map(({ input, weight }) => `${factor(written(input, whole))}·${factor(written(weight, whole))}`)
              .join(' + ')}{' '}
        = <b>{written(valueAt(row, column), whole)}</b>
        <span class="small quiet">
          row {row}, column {column}: {terms.length} {terms.length === 1 ? 'stamp overlaps' : 'stamps overlap'} here
        </span>
      </p>
    </>
  )
}
