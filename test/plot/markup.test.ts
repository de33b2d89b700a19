import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coordinate, escapeMarkup, html, raw } from '../../src/plot/markup.ts'

describe('html', () => {
  it('escapes text and keeps markup', () => {
    const inner = html`<i>${'x < y & "z"'}</i>`
    expect(html`<b title="${"it's"}">${inner}${raw('<hr>')}</b>`.markup).toBe(
      '<b title="it&#39;s"><i>x &lt; y &amp; &quot;z&quot;</i><hr></b>',
    )
  })

  it('joins lists, prints numbers and leaves nothing for undefined and false', () => {
    expect(html`${[html`<b>1</b>`, html`<b>2</b>`]}${0}${undefined}${false}`.markup).toBe('<b>1</b><b>2</b>0')
  })
})

describe('escapeMarkup', () => {
  it('leaves no character that means something, and loses nothing', () => {
    const entities = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' } as Record<string, string>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>"\'&;ab#39') }), text => {
        const escaped = escapeMarkup(text)
        expect(escaped).not.toMatch(/[<>"']/)
        expect(escaped.replace(/&(lt|gt|quot|#39|amp);/g, entity => entities[entity]!)).toBe(text)
      }),
    )
  })
})

describe('coordinate', () => {
  it('keeps at most two decimals', () => {
    expect([1, 1.5, 1.005, 2 / 3, -0.001].map(coordinate)).toEqual(['1', '1.5', '1', '0.67', '0'])
  })
})
