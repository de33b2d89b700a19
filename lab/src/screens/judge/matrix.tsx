/** The confusion matrix: a row is a label, a column what it was taken for; each cell opens its pictures. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { percent, whole } from '../../draw/format.ts'
import { colorOf, css, textOn } from '../../draw/scale.ts'
import { isPhone } from '../../draw/size.ts'
import { moves } from '../../frame/outline.tsx'
import { Choices } from '../../frame/tabs.tsx'
import { theme } from '../../state/theme.ts'
import type { Confusion } from './confusion.ts'
import type { Chosen } from './order.ts'
import type { Judge } from './state.ts'

/** Classes of which cells have room for their numbers. */
const mostNumbers = 12

/** A cell of the table: a class, or the margin. */
interface Cell {
  readonly row: number
  readonly column: number
}

/** The matrix with its margins. */
export function Matrix({ judge }: { readonly judge: Judge }) {
  const confusion = judge.confusion.value
  const isShare = useSignal(false)
  const mistakes = confusion ? confusion.images - confusion.right : 0
  return (
    <section class="confusion" aria-label="Confusion matrix">
      <div class="options">
        <Choices
          label="Cells"
          values={['counts', 'shares']}
          chosen={isShare.value ? 'shares' : 'counts'}
          title={name => (name === 'shares' ? 'share of the row' : 'counts')}
          onChoose={name => {
            isShare.value = name === 'shares'
          }}
        />
        <Shortcut judge={judge} chosen={{ kind: 'mistakes' }} name={`all ${whole(mistakes)} mistakes`} />
        <Shortcut judge={judge} chosen={{ kind: 'cell' }} name={`all ${judge.lab.kind}s`} />
      </div>
      {confusion && <Table judge={judge} confusion={confusion} isShare={isShare.value} />}
    </section>
  )
}

function Shortcut({ judge, chosen, name }: { readonly judge: Judge; readonly chosen: Chosen; readonly name: string }) {
  const now = judge.chosen.value
  const isChosen = now.kind === chosen.kind && (now.kind !== 'cell' || isSame(now, chosen as typeof now))
  return (
    <button type="button" class="shortcut" aria-pressed={isChosen} onClick={() => judge.choose(chosen)}>
      {name}
    </button>
  )
}

const isSame = (a: { label?: number; predicted?: number }, b: { label?: number; predicted?: number }): boolean =>
  a.label === b.label && a.predicted === b.predicted

interface TableProps {
  readonly judge: Judge
  readonly confusion: Confusion
  readonly isShare: boolean
}

function Table({ judge, confusion, isShare }: TableProps) {
  const table = useRef<HTMLTableElement>(null)
  const { counts, classes } = confusion
  const names = classes.map(({ name }) => name)
  // The class −1 is the margin: all of a row or a column.
  const focus = useSignal<Cell>({ row: 0, column: 0 })
  const choose = ({ row, column }: Cell): void =>
    judge.choose({ kind: 'cell', ...(row >= 0 && { label: row }), ...(column >= 0 && { predicted: column }) })
  const cellOf = (target: EventTarget | null): Cell | undefined => {
    const cell = (target as HTMLElement).closest<HTMLElement>('[data-row]')
    return cell ? { row: Number(cell.dataset.row), column: Number(cell.dataset.column) } : undefined
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = cellOf(event.target)
    if (!at) return
    const move = moves[event.key]
    if (move) {
      const inside = (place: number): number => Math.max(-1, Math.min(classes.length - 1, place))
      focus.value = { row: inside(at.row + move[0]), column: inside(at.column + move[1]) }
      if (focus.value.row < 0 && focus.value.column < 0) focus.value = at
      const { row, column } = focus.value
      table.current!.querySelector<HTMLElement>(`[data-row="${row}"][data-column="${column}"]`)?.focus()
    } else if (event.key === 'Enter' || event.key === ' ') choose(at)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const { chosen, focused } = { chosen: judge.chosen.value, focused: focus.value }
  const scales = scalesOf(counts)
  const hasNumbers = classes.length <= mostNumbers
  const cellProps = (row: number, column: number) => ({
    'data-row': row,
    'data-column': column,
    tabIndex: focused.row === row && focused.column === column ? 0 : -1,
    'aria-selected':
      chosen.kind === 'cell' && (chosen.label ?? -1) === row && (chosen.predicted ?? -1) === column ? true : undefined,
  })
  return (
    <>
      <table
        ref={table}
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: its cells are chosen by arrows
        role="grid"
        class={hasNumbers ? (names.some(name => name.length > 4) ? 'long' : '') : 'dense'}
        aria-label="Rows are labels, columns what they were taken for. Arrows move, Enter shows the pictures."
        onClick={event => {
          const cell = cellOf(event.target)
          if (cell) choose(cell)
        }}
        onFocusCapture={event => {
          const cell = cellOf(event.target)
          if (cell) focus.value = cell
        }}
        onKeyDown={onKeyDown}
      >
        <thead>
          <tr>
            <th class="corner micro quiet" scope="col">
              taken for
            </th>
            {names.map((name, column) => (
              <th key={name} scope="col" title={`${name}: all that was taken for it`} {...cellProps(-1, column)}>
                <span>{name}</span>
              </th>
            ))}
            <th class="micro quiet" scope="col" title="Share of the label's images that are right">
              recall
            </th>
            <th class="micro quiet" scope="col" title="Harmonic mean of precision and recall">
              F1
            </th>
            <th class="micro quiet" scope="col" title="Images of the label">
              n
            </th>
          </tr>
        </thead>
        <tbody>
          {counts.map((row, label) => (
            <tr key={names[label]}>
              <th scope="row" title={`${names[label]}: all with this label`} {...cellProps(label, -1)}>
                {names[label]}
              </th>
              {row.map((count, predicted) => {
                const share = count / (classes[label]!.images || 1)
                const isRight = label === predicted
                const value = isShare ? share : count
                const most = scales[isShare ? 'shares' : 'counts'][isRight ? 'right' : 'wrong']
                const color = colorOf(isRight ? value : -value, most, theme.value)
                const said = `${names[label]} taken for ${names[predicted]}: ${whole(count)}, ${percent(share)} of its images`
                return (
                  <td
                    key={names[predicted]}
                    title={said}
                    aria-label={said}
                    style={{ background: css(color), color: textOn(color) }}
                    {...cellProps(label, predicted)}
                  >
                    {hasNumbers && count > 0 && (isShare ? shareText(share) : count)}
                  </td>
                )
              })}
              <Margin value={classes[label]!.recall} />
              <Margin value={classes[label]!.f1} />
              <td class="margin quiet">{whole(classes[label]!.images)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" class="micro quiet" title="Share of what was taken for the class that is right">
              precision
            </th>
            {classes.map(({ name, precision }) => (
              <Margin key={name} value={precision} decimals={isPhone.value ? 0 : 1} />
            ))}
            <td colSpan={3} />
          </tr>
        </tfoot>
      </table>
      <p class="micro quiet">
        Blue: right, up to {scaleText(scales, isShare, 'right')}. Orange: wrong, up to{' '}
        {scaleText(scales, isShare, 'wrong')}. A class's name shows all of its {judge.lab.kind}s.
      </p>
    </>
  )
}

/** Per cent without its sign, as small as it says something. */
const shareText = (share: number): string => (share < 0.0005 ? '·' : (100 * share).toFixed(share < 0.0995 ? 1 : 0))

/** A share in per cent. */
function Margin({ value, decimals = 1 }: { readonly value: number | undefined; readonly decimals?: number }) {
  return <td class="margin">{value === undefined ? '–' : value > 0.9995 ? '100' : (100 * value).toFixed(decimals)}</td>
}

interface Scale {
  readonly right: number
  readonly wrong: number
}

/** The largest of the diagonal, and of all others; as counts, and as shares of their rows. */
function scalesOf(counts: Confusion['counts']): Readonly<Record<'counts' | 'shares', Scale>> {
  const scale = (value: (count: number, row: readonly number[]) => number): Scale => {
    let [right, wrong] = [0, 0]
    counts.forEach((row, label) => {
      row.forEach((count, predicted) => {
        if (label === predicted) right = Math.max(right, value(count, row))
        else wrong = Math.max(wrong, value(count, row))
      })
    })
    return { right, wrong }
  }
  return {
    counts: scale(count => count),
    shares: scale(
      (count, row) =>
        count /
        Math.max(
          1,
          row.reduce((a, b) => a + b, 0),
        ),
    ),
  }
}

const scaleText = (scales: ReturnType<typeof scalesOf>, isShare: boolean, kind: keyof Scale): string =>
  isShare ? percent(scales.shares[kind]) : whole(scales.counts[kind])
