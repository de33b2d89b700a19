/** How the guide's markdown, which is written for readers of the repository, becomes pages: its links, and tables whose columns have no names. */
import { relative } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'
import { resolveLink, root, written } from '../pages.ts'

/** From a page's path in the site to its file in the repository. */
const sources = new Map([...written].map(([file, page]) => [page, file]))

/** Relative links lead to pages of the site, or to the repository's files. */
export function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    const { path, realPath = path } = env as { readonly path?: string; readonly realPath?: string }
    // A title by itself.
    if (realPath === undefined) return
    // VitePress names a page now by its file, now by its path in the site.
    const name = relative(root, realPath).replaceAll('\\', '/')
    const from = written.has(name) ? name : (sources.get(name) ?? name)
    for (const { children } of tokens) {
      for (const token of children ?? []) {
        const link = token.type === 'link_open' ? token.attrGet('href') : null
        if (link === null || /^(?:[a-z]+:|#|\/)/.test(link) || !written.has(from)) continue
        token.attrSet('href', resolveLink(from, link))
      }
    }
  })
}

/** A column without a name has a cell in its head, not an empty heading, which would be read aloud as one. */
export function namelessColumns(md: MarkdownRenderer): void {
  md.core.ruler.push('nameless-columns', ({ tokens }) => {
    for (const [at, open] of tokens.entries()) {
      const [inline, close] = [tokens[at + 1], tokens[at + 2]]
      if (open.type === 'th_open' && inline?.content === '' && close?.type === 'th_close') open.tag = close.tag = 'td'
    }
  })
}
