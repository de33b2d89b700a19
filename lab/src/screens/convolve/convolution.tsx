/** A convolution, one cell at a time: the window, the filter, the products, and the sum that is the cell. */
import { digits, fixed } from '../../draw/format.ts'
import { colorOf, css, mostOf, roundUp, textOn } from '../../draw/scale.ts'
import { theme } from '../../state/theme.ts'
import { type Cell, cellValue, channelsOf, inputAt, meets, partOf, reads, termsOf } from './arithmetic.ts'
import { layoutOf } from './layout.ts'
import { NumberGrid, WindowFrame, written } from './numberGrid.tsx'
import { areWhole } from './numbers.ts'
import type { Convolve } from './state.ts'
import { factor, printSum, spoken } from './sums.ts'

/** The tab. */
export function Convolution({ state }: { readonly state: Convolve }) {
  const { sizes } = state.numbers.value
  const { windows } = state.fit.value
  if (windows === 0) return <p class="wrong">No window fits into the input: make the filter smaller, or pad more.</p>
  return (
    <>
      <div class={areWhole(state.numbers.value) ? 'convolution' : 'convolution real'}>
        <div class={layoutOf(state).isStacked ? 'slices stacked' : 'slices'}>
          <Heads state={state} />
          {Array.from({ length: sizes.D }, (_, channel) => (
            <Slice key={channel} state={state} channel={channel} />
          ))}
        </div>
        <Brace />
        <Outputs state={state} />
      </div>
      <Total state={state} />
    </>
  )
}

/** The scale of all numbers but the sums. */
function scaleOf(state: Convolve): {
  readonly pixels: number
  readonly weights: number
  readonly large: number
  readonly whole: boolean
} {
  const numbers = state.numbers.value
  const whole = areWhole(numbers)
  const small = roundUp(mostOf(numbers.input.flat(2), numbers.weights.flat(3)))
  // Of a network, pixels and weights differ by orders of magnitude.
  const [pixels, weights] = whole
    ? [small, small]
    : [roundUp(mostOf(numbers.input.flat(2))), roundUp(mostOf(numbers.weights.flat(3)))]
  return { pixels, weights, large: 3 * small, whole }
}

function Heads({ state }: { readonly state: Convolve }) {
  const { W, F, P, D, K, G } = state.numbers.value.sizes
  const { filter } = state.cell.value
  return (
    <>
      <h2>
        Input
        <span class="small quiet">
          {W} × {W} × {D}
          {P > 0 && `, padded by ${P}`}
        </span>
      </h2>
      <h2>
        Filter {filter}
        <span class="small quiet">
          {F} × {F} × {D / G}
          {K > 1 && ` of ${K}`}
        </span>
      </h2>
      <h2>
        input · weight
        <span class="small quiet">
          {areWhole(state.numbers.value) ? 'in the window, by channel' : 'products, rounded to 0.01, and their sum'}
        </span>
      </h2>
    </>
  )
}

/** One channel: input, kernel, products. */
function Slice({ state, channel }: { readonly state: Convolve; readonly channel: number }) {
  const numbers = state.numbers.value
  const { sizes } = numbers
  const cell = state.cell.value
  const { weights, whole } = scaleOf(state)
  const { size } = layoutOf(state)
  const own = channelsOf(sizes, cell.filter).indexOf(channel)
  return (
    <>
      <InputSlice state={state} channel={channel} />
      {own < 0 ? (
        <p class="small quiet apart">Another group: this filter does not read channel {channel}.</p>
      ) : (
        <NumberGrid
          kind="kernel"
          label={`Filter ${cell.filter}, channel ${channel}`}
          rows={sizes.F}
          columns={sizes.F}
          most={weights}
          size={size}
          whole={whole}
          cellAt={(row, column) => ({
            value: numbers.weights[cell.filter]![own]![row]![column]!,
            name: `weight of filter ${cell.filter}, channel ${channel}, row ${row}, column ${column}`,
            marks: isSame(state.hovered.value, 'weight', channel, row, column) ? 'used' : '',
            onChange: value => state.setWeight(cell.filter, own, row, column, value),
            onHover: isOver => hover(state, isOver, 'weight', channel, row, column),
          })}
        />
      )}
      {own < 0 ? <span /> : <Products state={state} channel={channel} />}
    </>
  )
}

function InputSlice({ state, channel }: { readonly state: Convolve; readonly channel: number }) {
  const numbers = state.numbers.value
  const { sizes } = numbers
  const { W, P } = sizes
  const { lost } = state.fit.value
  const { row: i, column: j } = state.cell.value
  const { pixels, whole } = scaleOf(state)
  const { size } = layoutOf(state)
  const hovered = state.hovered.value
  const side = W + 2 * P
  return (
    <div class="input-place">
      <NumberGrid
        kind="input"
        label={`Input channel ${channel}`}
        rows={side}
        columns={side}
        most={pixels}
        size={size}
        whole={whole}
        cellAt={(y, x) => {
          const [row, column] = [y - P, x - P]
          const isPad = row < 0 || column < 0 || row >= W || column >= W
          const isLost = y >= side - lost || x >= side - lost
          const isUsed =
            hovered?.kind === 'weight' &&
            hovered.channel === channel &&
            meets(sizes, hovered.row, hovered.column, { row, column })
          const marks = [isPad && 'pad', isLost && 'lost', isUsed && 'used'].filter(Boolean).join(' ')
          return {
            value: inputAt(numbers, channel, row, column),
            name: `input channel ${channel}, row ${row}, column ${column}`,
            marks,
            onHover: isOver => hover(state, isOver, 'input', channel, row, column),
            ...(!isPad && { onChange: value => state.setInput(channel, row, column, value) }),
          }
        }}
      />
      <WindowFrame row={i} column={j} sizes={sizes} size={size} />
    </div>
  )
}

/** The products of a channel, and what they add up to. */
function Products({ state, channel }: { readonly state: Convolve; readonly channel: number }) {
  const numbers = state.numbers.value
  const { whole } = scaleOf(state)
  const { size } = layoutOf(state)
  const cell = state.cell.value
  const terms = termsOf(numbers, cell, channel)
  const part = partOf(numbers, cell, channel)
  return (
    <div class={whole ? 'products' : 'products real'} data-channel={channel}>
      <p class="terms" style={{ '--columns': numbers.sizes.F, '--cell': `${size}px` }}>
        {terms.map(({ input, weight }, k) => (
          <span key={k} class={input * weight === 0 ? 'nought' : ''}>
            {k > 0 && whole && <i>+ </i>}
            {whole ? `${factor(written(input, true))}·${factor(written(weight, true))}` : fixed(input * weight, 2)}
          </span>
        ))}
      </p>
      <output>= {whole ? written(part, true) : fixed(part, 2)}</output>
    </div>
  )
}

function Brace() {
  return (
    <svg class="brace" viewBox="0 0 32 100" preserveAspectRatio="none" aria-hidden="true">
      <path d="M2 2q8 0 8 4V46q0 4 10 4q-10 0-10 4V94q0 4-8 4M20 50h12" vector-effect="non-scaling-stroke" />
    </svg>
  )
}

/** The outputs of all filters; a cell is chosen by pointer or keys. */
function Outputs({ state }: { readonly state: Convolve }) {
  const numbers = state.numbers.value
  const { sizes, bias } = numbers
  const { windows } = state.fit.value
  const { large, whole } = scaleOf(state)
  const { outputSize } = layoutOf(state)
  const chosen = state.cell.value
  const hovered = state.hovered.value
  return (
    <div class="outputs-place">
      <h2>
        Output
        <span class="small quiet">
          {windows} × {windows} × {sizes.K}
        </span>
      </h2>
      {bias.map((value, filter) => (
        <div key={filter} class="output-slice">
          <p class="small quiet">
            filter {filter}, bias <BiasCell state={state} filter={filter} value={value} whole={whole} />
          </p>
          <NumberGrid
            kind="out"
            label={`Output ${filter}`}
            rows={windows}
            columns={windows}
            most={large}
            size={outputSize}
            whole={whole}
            cellAt={(row, column) => {
              const cell: Cell = { filter, row, column }
              const isChosen = chosen.filter === filter && chosen.row === row && chosen.column === column
              const isReached =
                hovered?.kind === 'input' &&
                channelsOf(sizes, filter).includes(hovered.channel) &&
                reads(sizes, row, column, hovered)
              return {
                value: cellValue(numbers, cell),
                name: `output ${filter}, row ${row}, column ${column}`,
                marks: [isChosen && 'chosen', isReached && 'reach'].filter(Boolean).join(' '),
                onChoose: () => state.choose(cell),
              }
            }}
          />
        </div>
      ))}
    </div>
  )
}

interface BiasCellProps {
  readonly state: Convolve
  readonly filter: number
  readonly value: number
  readonly whole: boolean
}

function BiasCell({ state, filter, value, whole }: BiasCellProps) {
  return (
    <NumberGrid
      kind="bias"
      label={`Bias of filter ${filter}`}
      rows={1}
      columns={1}
      most={10}
      size={whole ? 26 : 40}
      whole={whole}
      cellAt={() => ({ value, name: `bias of filter ${filter}`, onChange: to => state.setBias(filter, to) })}
    />
  )
}

/** The parts and the bias, and the cell that they make. */
function Total({ state }: { readonly state: Convolve }) {
  const numbers = state.numbers.value
  const cell = state.cell.value
  const { whole, large } = scaleOf(state)
  const channels = channelsOf(numbers.sizes, cell.filter)
  const sum = printSum(
    [...channels.map(channel => partOf(numbers, cell, channel)), numbers.bias[cell.filter]!],
    whole ? 0 : 2,
  )
  const names = [...channels.map(channel => `channel ${channel}`), 'bias']
  const color = colorOf(0.62 * cellValue(numbers, cell), large, theme.value)
  return (
    <div class="total">
      <p class="sum" aria-hidden="true">
        {sum.terms.map((term, k) => (
          <span key={names[k]} class="part">
            <span>
              {k > 0 && <i>{term.startsWith('−') ? '−' : '+'}</i>}
              {k > 0 ? term.replace('−', '') : term}
            </span>
            <small>{names[k]}</small>
          </span>
        ))}
        {sum.rounding !== undefined && (
          <span class="part">
            <span>
              <i>{sum.rounding.startsWith('−') ? '−' : '+'}</i>
              {sum.rounding.replace('−', '')}
            </span>
            <small>rounding</small>
          </span>
        )}
        <i>=</i>
        <b style={{ background: css(color), color: textOn(color) }}>{sum.total}</b>
      </p>
      <p class="small quiet">
        row {cell.row}, column {cell.column} of output {cell.filter}
        {!whole && `, exactly ${digits(cellValue(numbers, cell), 7)}`}
      </p>
      <output class="unseen" aria-live="polite">
        Output {cell.filter}, row {cell.row}, column {cell.column}: {spoken(sum, names)}
      </output>
    </div>
  )
}

const isSame = (
  hovered: Convolve['hovered']['value'],
  kind: 'input' | 'weight',
  channel: number,
  row: number,
  column: number,
): boolean => hovered?.kind === kind && hovered.channel === channel && hovered.row === row && hovered.column === column

function hover(
  state: Convolve,
  isOver: boolean,
  kind: 'input' | 'weight',
  channel: number,
  row: number,
  column: number,
): void {
  state.hovered.value = isOver ? { kind, channel, row, column } : undefined
}
