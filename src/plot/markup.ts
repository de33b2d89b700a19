/**
 * Text for HTML and SVG that is safe by default: the template tag escapes all inserted values except markup. A class
 * called `<script>` is drawn as those eight characters.
 */

/** A piece of HTML or SVG that needs no further escaping. */
export interface Markup {
  readonly markup: string
}

/** Values of a template: text and numbers are escaped, markup is kept, `undefined` and `false` add nothing. */
export type Content = string | number | Markup | readonly Markup[] | undefined | false

/**
 * Template tag for HTML and SVG.
 *
 * @example
 * html`<b>${'a < b'}</b>`.markup // '<b>a &lt; b</b>'
 */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  let markup = strings[0]!
  contents.forEach((content, i) => {
    markup += text(content) + strings[i + 1]!
  })
  return { markup }
}

/** Marks a string as markup; only for strings built by this project's code, never for text from outside. */
export function raw(markup: string): Markup {
  return { markup }
}

/** Escapes the five characters that are special in HTML and SVG, both in text and in quoted attributes. */
export function escapeMarkup(value: string): string {
  return value.replace(/[&<>"']/g, character => entities[character]!)
}

/** A coordinate with at most two decimals: `3.14159` → `'3.14'`. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100)
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function text(content: Content): string {
  if (content === undefined || content === false) return ''
  if (typeof content === 'string') return escapeMarkup(content)
  if (typeof content === 'number') return String(content)
  if ('markup' in content) return content.markup
  return content.map(item => item.markup).join('')
}
