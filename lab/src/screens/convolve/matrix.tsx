/** A convolution as one matrix product: each window laid out as a column, each filter as a row (im2col). */
import { mostOf, roundUp } from '../../draw/scale.ts'
import { cellValue, channelsOf, termsOf } from './arithmetic.ts'
import { NumberGrid, written } from './numberGrid.tsx'
import { areWhole } from './numbers.ts'
import type { Convolve } from './state.ts'
import { Titled } from './titled.tsx'

/** CSS pixels of a cell: where filters would be wider than the window, as small as can still be read. */
const [usualCell, leastCell] = [22, 13]

/** The tab. */
export function MatrixProduct({ state }: { readonly state: Convolve }) {
  const numbers = state.numbers.value
  const { sizes } = numbers
  const { windows } = state.fit.value
  const cell = state.cell.value
  if (windows === 0) return <p class="wrong">No window fits into the input: make the filter smaller, or pad more.</p>
  const whole = areWhole(numbers)
  const most = roundUp(mostOf(numbers.input.flat(2), numbers.weights.flat(3)))
  const channels = channelsOf(sizes, cell.filter)
  const height = channels.length * sizes.F ** 2
  const size = whole ? Math.max(leastCell, Math.min(usualCell, Math.floor((state.room.value - 8) / height))) : 40
  const columns = windows ** 2
  const chosen = cell.row * windows + cell.column
  const columnOf = (at: number): number[] => {
    const place = { ...cell, row: Math.floor(at / windows), column: at % windows }
    return channels.flatMap(channel => termsOf(numbers, place, channel).map(({ input }) => input))
  }
  const laidOut = Array.from({ length: columns }, (_, at) => columnOf(at))
  // Filters of other groups read other channels: they have a product of their own.
  const filters = Array.from({ length: sizes.K }, (_, k) => k).filter(k => channelsOf(sizes, k)[0] === channels[0])
  const weights = filters.map(k => numbers.weights[k]!.flat(2))
  const choose = (filter: number, at: number) => () =>
    state.choose({ filter, row: Math.floor(at / windows), column: at % windows })
  return (
    <>
      <p class="lead quiet">
        {sizes.G > 1 ? `The product of group ${Math.floor(channels[0]! / channels.length)} of ${sizes.G}: ` : ''}
        {filters.length} × {height} weights times {height} × {columns} pixels is {filters.length} × {columns} outputs,
        to which the biases are added. Pixels in several windows stand in several columns: {height * columns} numbers of{' '}
        {channels.length * sizes.W ** 2}.
      </p>
      <div class="matrices">
        <Titled title="Filters" hint="one a row">
          <NumberGrid
            label="Filters as rows"
            kind="small"
            rows={filters.length}
            columns={height}
            most={most}
            size={size}
            whole={whole}
            cellAt={(row, column) => ({
              value: weights[row]![column]!,
              name: `filter ${filters[row]}, weight ${column}`,
              marks: filters[row] === cell.filter ? 'used' : '',
            })}
          />
        </Titled>
        <Titled title="Windows" hint="one a column">
          <NumberGrid
            label="Windows as columns"
            kind="small"
            rows={height}
            columns={columns}
            most={most}
            size={size}
            whole={whole}
            cellAt={(row, column) => ({
              value: laidOut[column]![row]!,
              name: `window ${column}, pixel ${row}`,
              marks: column === chosen ? 'used' : '',
              onChoose: choose(cell.filter, column),
            })}
          />
        </Titled>
        <Titled title="Outputs" hint="with bias">
          <NumberGrid
            label="Outputs"
            kind="out"
            rows={filters.length}
            columns={columns}
            most={3 * most}
            size={whole ? 30 : 44}
            whole={whole}
            cellAt={(row, column) => {
              const filter = filters[row]!
              const place = { filter, row: Math.floor(column / windows), column: column % windows }
              return {
                value: cellValue(numbers, place),
                name: `output ${filter}, window ${column}`,
                marks: filter === cell.filter && column === chosen ? 'chosen' : '',
                onChoose: choose(filter, column),
              }
            }}
          />
        </Titled>
      </div>
      <output class="unseen" aria-live="polite">
        Filter {cell.filter} by window {chosen}, row {cell.row}, column {cell.column}:{' '}
        {written(cellValue(numbers, cell), whole)}
      </output>
    </>
  )
}
