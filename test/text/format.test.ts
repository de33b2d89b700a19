import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatCount,
  formatDecimalBytes,
  formatDuration,
  formatLarge,
  formatPercent,
  formatSignificant,
  tableBytes,
} from '../../src/text/format.ts'

describe.each<[name: string, format: (value: number) => string, cases: [number, string][]]>([
  [
    'formatCount',
    formatCount,
    [
      [0, '0'],
      [61_706, '61,706'],
      [138_357_544, '138,357,544'],
      [Number.NaN, 'NaN'],
    ],
  ],
  [
    'formatPercent',
    formatPercent,
    [
      [0, '0.00 %'],
      [0.98765, '98.77 %'],
      [1, '100.00 %'],
      [Number.NaN, 'NaN'],
    ],
  ],
  [
    'formatSignificant',
    formatSignificant,
    [
      [0, '0'],
      [0.051234, '0.0512'],
      [2.304, '2.30'],
      [123.4, '123'],
      [-0.5, '-0.500'],
      [0.00001, '1.00e-5'],
      [2.5e7, '2.50e7'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
    ],
  ],
  [
    'formatDuration',
    formatDuration,
    [
      [0.04, '0.0 s'],
      [4.21, '4.2 s'],
      [59.94, '59.9 s'],
      [59.96, '1 min 0 s'],
      [75, '1 min 15 s'],
      [3599.7, '1 h 0 min'],
      [8100, '2 h 15 min'],
    ],
  ],
  [
    'formatBytes',
    formatBytes,
    [
      [0, '0 B'],
      [1023, '1023 B'],
      [1536, '1.5 KiB'],
      [9_437_184, '9.0 MiB'],
      [300 * 2 ** 30, '300 GiB'],
    ],
  ],
  [
    'formatDecimalBytes',
    formatDecimalBytes,
    [
      [999, '999 B'],
      [1000, '1.0 kB'],
      [1_234_567, '1.2 MB'],
      [4_294_967_296, '4295.0 MB'],
    ],
  ],
  [
    'formatLarge',
    formatLarge,
    [
      [840, '840'],
      [416_520, '417 k'],
      [1.55e9, '1.55 G'],
      [15_470_264_320, '15.5 G'],
    ],
  ],
])('%s', (_, format, cases) => {
  it.each(cases)('%d → %s', (value, text) => {
    expect(format(value).replaceAll('\u00a0', ' ')).toBe(text)
  })
})

it('formatBytes writes a column of a table with one digit each', () => {
  expect([12, 392 * 1024].map(bytes => formatBytes(bytes, tableBytes))).toEqual(['12 B', '392.0 KiB'])
})
