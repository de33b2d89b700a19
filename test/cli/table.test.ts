import { describe, expect, it } from 'vitest'
import { textTable } from '../../src/cli/terminal/table.ts'

const columns = [{ title: 'class' }, { title: 'probability', align: 'right' }] as const

describe('textTable', () => {
  it('aligns columns under a rule and ends no line in spaces', () => {
    expect(
      textTable(columns, [
        ['7', '98.2\u00a0%'],
        ['hamster', '1.1\u00a0%'],
      ]),
    ).toBe(['class    probability', '───────  ───────────', '7             98.2 %', 'hamster        1.1 %'].join('\n'))
    expect(textTable([{ title: 'a' }, { title: 'long' }], [['b', '']])).toBe('a  long\n─  ────\nb')
  })

  it('puts totals under a second rule', () => {
    const lines = textTable(columns, [['7', '1']], ['total', '1']).split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[3]).toBe(lines[1])
    expect(lines[4]).toBe('total            1')
  })

  it('stands without rows', () => {
    expect(textTable(columns, []).split('\n')).toHaveLength(2)
  })

  it('lines up what terminals draw twice as wide: East Asian scripts and emoji; marks take no room', () => {
    const cells = ['ab', '🐹é', 'e\u0301', '蚂蚁', 'ﾊﾁ', 'はち', '벌', '👩‍🔬']
    const lines = textTable(
      columns,
      cells.map(cell => [cell, '1']),
    )
      .split('\n')
      .slice(2)
    // Columns of a terminal, by hand: 🐹é 3, é 1, 蚂蚁 4, half-width ﾊﾁ 2, はち 4, 벌 2, one emoji of three code points 2.
    const drawn = [2, 3, 1, 4, 2, 4, 2, 2]
    lines.forEach((line, k) => {
      expect(line.length - cells[k]!.length + drawn[k]!, cells[k]).toBe(18)
    })
  })

  it('lets no cell move the cursor or break the line', () => {
    expect(textTable([{ title: 'a' }], [['x\u001b[2J\ny']])).toBe('a\n─────\nx[2Jy')
  })

  it('refuses a ragged row', () => {
    expect(() => textTable(columns, [['a', 'b'], ['a']])).toThrow('table: 2 columns, but row 1 has 1 cells')
  })
})
