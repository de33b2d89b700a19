/** The backward pass of a convolution: what a gradient at the output does to weights, bias and input. */
import { useSignal } from '@preact/signals'
import { mostOf, roundUp } from '../../draw/scale.ts'
import { channelsOf, inputGradientTerms, weightGradientTerms } from './arithmetic.ts'
import { NumberGrid, written } from './numberGrid.tsx'
import { areWhole } from './numbers.ts'
import type { Convolve, Slope } from './state.ts'
import { factor } from './sums.ts'
import { Titled } from './titled.tsx'

/** The tab: the chosen filter, with a gradient of its output that can be dragged. */
export function Gradients({ state }: { readonly state: Convolve }) {
  const { slope: chosen } = state
  const changed = useSignal<Readonly<Record<string, number>>>({})
  const numbers = state.numbers.value
  const { sizes } = numbers
  const { windows } = state.fit.value
  const { filter } = state.cell.value
  if (windows === 0) return <p class="wrong">No window fits into the input: make the filter smaller, or pad more.</p>
  const whole = areWhole(numbers)
  const size = whole ? 26 : 40
  const gradient = Array.from({ length: windows }, (_, i) =>
    Array.from({ length: windows }, (_, j) => changed.value[`${i} ${j}`] ?? (i === j ? 1 : 0)),
  )
  const sum = (terms: readonly (readonly [number, number])[]): number =>
    terms.reduce((total, [a, b]) => total + a * b, 0)
  const weightTerms = (channel: number, v: number, h: number): [number, number][] =>
    weightGradientTerms(numbers, gradient, channel, v, h).map(term => [term.gradient, term.input])
  const channels = channelsOf(sizes, filter)
  const inputTerms = (channel: number, row: number, column: number): [number, number][] =>
    inputGradientTerms(numbers, gradient, numbers.weights[filter]![channels.indexOf(channel)]!, row, column).map(
      term => [term.gradient, term.weight],
    )
  const termsOf = { weight: weightTerms, input: inputTerms }
  const sides = { weight: sizes.F, input: sizes.W }
  const { of, channel, row, column } = clamp(chosen.value, channels, of => sides[of])
  const terms = termsOf[of](channel, row, column)
  const most = 3 * roundUp(mostOf(numbers.input.flat(2), numbers.weights.flat(3), gradient.flat()))
  const choose = (next: Slope) => () => {
    chosen.value = next
  }
  const isChosen = (next: Slope): string =>
    next.of === of && next.channel === channel && next.row === row && next.column === column ? 'chosen' : ''
  return (
    <>
      <p class="lead quiet">
        The loss tells each output of filter {filter} how it should change: drag the gradient. A weight's is the sum
        over all windows of that gradient times the pixel it met; a pixel's is the sum over all windows that read it,
        times the weight; the bias has the sum of all.
      </p>
      <div class="gradient-line">
        <Titled title="∂L/∂output" hint="drag">
          <NumberGrid
            label="Gradient of the output"
            rows={windows}
            columns={windows}
            most={most / 3}
            size={size}
            whole={whole}
            cellAt={(i, j) => ({
              value: gradient[i]![j]!,
              name: `gradient of output, row ${i}, column ${j}`,
              onChange: to => {
                changed.value = { ...changed.value, [`${i} ${j}`]: to }
              },
            })}
          />
          <p class="mono small">
            ∂L/∂bias ={' '}
            {written(
              gradient.flat().reduce((a, b) => a + b, 0),
              whole,
            )}
          </p>
        </Titled>
        {(['weight', 'input'] as const).map(kind => (
          <Titled key={kind} title={`∂L/∂${kind}`}>
            {channels.map(c => (
              <NumberGrid
                key={c}
                kind="out"
                label={kind === 'weight' ? `Gradient of the weights of channel ${c}` : `Gradient of input channel ${c}`}
                rows={sides[kind]}
                columns={sides[kind]}
                most={most}
                size={size}
                whole={whole}
                cellAt={(y, x) => {
                  const place: Slope = { of: kind, channel: c, row: y, column: x }
                  return {
                    value: sum(termsOf[kind](c, y, x)),
                    name: `gradient of ${kind}, channel ${c}, row ${y}, column ${x}`,
                    marks: isChosen(place),
                    onChoose: choose(place),
                  }
                }}
              />
            ))}
          </Titled>
        ))}
      </div>
      <p class="mono formula wide" aria-live="polite">
        {terms.length === 0
          ? '0: no window reads it'
          : terms.map(([a, b]) => `${factor(written(a, whole))}·${factor(written(b, whole))}`).join(' + ')}{' '}
        = <b>{written(sum(terms), whole)}</b>
        <span class="small quiet">
          {of === 'weight' ? 'gradient · pixel, over all windows' : 'gradient · weight, over the windows that read it'}:{' '}
          {of}, channel {channel}, row {row}, column {column}
        </span>
      </p>
    </>
  )
}

/** A place that still exists after sizes have changed. */
function clamp(chosen: Slope, channels: readonly number[], side: (of: Slope['of']) => number): Slope {
  const last = side(chosen.of) - 1
  const channel = channels.includes(chosen.channel) ? chosen.channel : channels[0]!
  return { ...chosen, channel, row: Math.min(chosen.row, last), column: Math.min(chosen.column, last) }
}
