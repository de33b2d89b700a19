/**
 * Live cells in markdown. A block of code marked `js live` can be edited and run in the page. A block marked `text output` after it is
 * what it prints, and a picture after that what it shows, both as long as it has not been run. Elsewhere they are blocks and pictures
 * like all others.
 */
import type { MarkdownRenderer } from 'vitepress'

type Token = ReturnType<MarkdownRenderer['parse']>[number]

/** The mark of a live cell, and the mark of what it prints. */
const [live, output] = [/^js live$/, /^text output$/]

/** Wraps live cells in the component that runs them. */
export function liveCells(md: MarkdownRenderer): void {
  md.core.ruler.push('live-cells', state => {
    const { tokens } = state
    const markup = (content: string): Token => Object.assign(new state.Token('html_block', '', 0), { content })
    const result: Token[] = []
    let cell = 0
    for (let at = 0; at < tokens.length; at++) {
      const token = tokens[at]!
      if (!isFence(token, live)) {
        result.push(token)
        continue
      }
      const printed = tokens[at + 1]
      const expected = printed && isFence(printed, output) ? printed.content : undefined
      if (expected !== undefined) at++
      const attributes = [
        `:cell="${cell++}"`,
        `source="${encoded(token.content)}"`,
        ...(expected === undefined ? [] : [`expected="${encoded(expected)}"`]),
      ]
      token.info = 'js'
      result.push(markup(`<LiveCell ${attributes.join(' ')}>\n`), token)
      const picture = tokens.slice(at + 1, at + 4)
      if (isPicture(picture)) {
        result.push(markup('<template #picture>\n'), ...picture, markup('</template>\n'))
        at += picture.length
      }
      result.push(markup('</LiveCell>\n'))
    }
    state.tokens = result
  })
}

/** As an attribute of Vue's, in which VitePress finds none of the words that it replaces (`import.meta`). */
const encoded = (text: string): string => encodeURIComponent(text.trimEnd()).replaceAll('.', '%2E')

const isFence = (token: Token, mark: RegExp): boolean => token.type === 'fence' && mark.test(token.info.trim())

/** A paragraph that is a picture and nothing else. */
function isPicture([open, inline, close]: readonly Token[]): boolean {
  const [image, ...others] = inline?.children ?? []
  return (
    open?.type === 'paragraph_open' &&
    image?.type === 'image' &&
    others.length === 0 &&
    close?.type === 'paragraph_close'
  )
}
