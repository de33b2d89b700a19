/** A summary as an aligned text table, in the lectures' notation: volumes are height×width×channels. */
import { formatBytes, formatCount, tableBytes } from '../text/format.ts'
import type { ReceptiveField } from './imageWindow.ts'
import type { Summary, SummaryRow } from './summary.ts'

/** `28×28×6` for `[6, 28, 28]`, `120` for `[120]`. */
export function formatVolume(shape: readonly number[]): string {
  return shape.length === 3 ? `${shape[1]}×${shape[2]}×${shape[0]}` : shape.join('×')
}

/** `5/1`: size and stride, as in the lectures; nothing for a layer without a receptive field. */
export function formatReceptiveField(field: Pick<ReceptiveField, 'size' | 'stride'> | undefined): string {
  if (!field) return ''
  const pair = ([rows, columns]: readonly [number, number]) => (rows === columns ? `${rows}` : `${rows}×${columns}`)
  return `${pair(field.size)}/${pair(field.stride)}`
}

/**
 * A sentence about what the table leaves out; undefined when the table is complete.
 * @example describeTrainingOnly(summarize(googlenet(), [3, 224, 224])) // 'Only training uses aux1 (InceptionAux, 3,188,840 …'
 */
export function describeTrainingOnly({ trainingOnly = [] }: Summary): string | undefined {
  if (trainingOnly.length === 0) return undefined
  const parts = trainingOnly.map(
    ({ path, type, parameters }) => `${path} (${type}, ${formatCount(parameters)} parameters)`,
  )
  return `Only training uses ${parts.join(', ')}: not counted above.`
}

/**
 * The table with a line of totals, and notes below it. The receptive field is written size/stride.
 * @example console.log(formatSummary(summarize(lenet5(), [1, 28, 28])))
 */
export function formatSummary(summary: Summary): string {
  const { rows, totals, batch, arenaBytes } = summary
  const memory = batch === 1 ? 'memory' : `memory (${batch} images)`
  const header = ['layer', 'type', 'kernel', 'output', 'parameters', 'multiply-adds', memory, 'receptive field']
  const total = [
    'total',
    '',
    '',
    '',
    formatCount(totals.parameters),
    formatCount(totals.multiplyAdds),
    formatBytes(totals.activationBytes, tableBytes),
    '',
  ]
  const lines = alignColumns([header, ...rows.map(cellsOf), total], ['multiply-adds', memory, 'receptive field'])
  const rule = '─'.repeat(Math.max(...lines.map(line => line.length)))
  const table = [lines[0], rule, ...lines.slice(1, -1), rule, lines[lines.length - 1]]
  const left = describeTrainingOnly(summary)
  const notes = rows.filter(row => row.note).map(row => `${row.path}: ${row.note}`)
  return [
    ...table,
    '',
    `Parameters take ${formatBytes(totals.parameterBytes, tableBytes)}; multiply-adds are for one image; a receptive field is written size/stride.`,
    ...(arenaBytes === undefined
      ? []
      : [
          `Training with ${batch} image${batch === 1 ? '' : 's'} a step is planned in one arena of ${formatBytes(arenaBytes, tableBytes)}.`,
        ]),
    ...(left === undefined ? [] : [left]),
    ...notes,
  ].join('\n')
}

const orDash = (count: number, text: string): string => (count === 0 ? '–' : text)

function cellsOf(row: SummaryRow): string[] {
  return [
    row.path,
    row.type,
    row.window ?? '',
    formatVolume(row.output),
    row.arithmetic ?? '–',
    orDash(row.multiplyAdds, formatCount(row.multiplyAdds)),
    orDash(row.activationBytes, formatBytes(row.activationBytes, tableBytes)),
    formatReceptiveField(row.receptiveField),
  ]
}

/** Pads cells to the width of their column; the named columns are aligned right. */
function alignColumns(rows: readonly (readonly string[])[], right: readonly string[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)))
  return rows.map(row =>
    row
      .map((cell, column) =>
        right.includes(rows[0][column]) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  )
}
