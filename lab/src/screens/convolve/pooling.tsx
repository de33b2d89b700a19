/** Max pooling: the largest of each window, and the switch that remembers where it was. */
import { mostOf, roundUp } from '../../draw/scale.ts'
import { maximumOf } from './arithmetic.ts'
import { NumberGrid, WindowFrame, written } from './numberGrid.tsx'
import { areWhole } from './numbers.ts'
import type { Convolve } from './state.ts'

/** The tab: windows of F at stride S on every channel, without padding. */
export function Pooling({ state }: { readonly state: Convolve }) {
  const numbers = state.numbers.value
  const { W, F, S, D } = numbers.sizes
  const windows = F <= W ? Math.floor((W - F) / S) + 1 : 0
  if (windows === 0) return <p class="wrong">No window fits into the input: make the filter smaller.</p>
  const whole = areWhole(numbers)
  const most = roundUp(mostOf(numbers.input.flat(2)))
  const size = whole ? 26 : 40
  const row = Math.min(state.cell.value.row, windows - 1)
  const column = Math.min(state.cell.value.column, windows - 1)
  return (
    <>
      <p class="lead quiet">
        Windows of {F} × {F}, {S} apart, on every channel alone; no padding, no weights. The outlined pixel is the
        switch: in the backward pass the whole gradient goes to it, and none to the others.
      </p>
      <div class="rows">
        {Array.from({ length: D }, (_, channel) => {
          const { values, value, row: y, column: x } = maximumOf(numbers, channel, row, column)
          return (
            <div key={channel} class="line">
              <div class="input-place">
                <NumberGrid
                  kind="input"
                  label={`Input channel ${channel}`}
                  rows={W}
                  columns={W}
                  most={most}
                  size={size}
                  whole={whole}
                  cellAt={(r, c) => ({
                    value: numbers.input[channel]![r]![c]!,
                    name: `input channel ${channel}, row ${r}, column ${c}`,
                    marks: r === y && c === x ? 'used' : '',
                    onChange: to => state.setInput(channel, r, c, to),
                  })}
                />
                <WindowFrame row={row} column={column} sizes={numbers.sizes} size={size} />
              </div>
              <p class="mono formula">
                max({values.map(each => written(each, whole)).join(', ')}) = <b>{written(value, whole)}</b>
                <span class="small quiet">
                  switch: row {y}, column {x}
                </span>
              </p>
              <NumberGrid
                kind="out"
                label={`Output channel ${channel}`}
                rows={windows}
                columns={windows}
                most={most}
                size={size + 8}
                whole={whole}
                cellAt={(r, c) => ({
                  value: maximumOf(numbers, channel, r, c).value,
                  name: `output channel ${channel}, row ${r}, column ${c}`,
                  marks: r === row && c === column ? 'chosen' : '',
                  onChoose: () => state.choose({ filter: state.cell.value.filter, row: r, column: c }),
                })}
              />
            </div>
          )
        })}
      </div>
      <output class="unseen" aria-live="polite">
        Row {row}, column {column}:{' '}
        {Array.from(
          { length: D },
          (_, c) => `channel ${c}, ${written(maximumOf(numbers, c, row, column).value, whole)}`,
        ).join('; ')}
      </output>
    </>
  )
}
