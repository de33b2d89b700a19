/** The site: where its pages are, how they are called, and what markdown means in them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCssVariablesTheme } from 'shiki/core'
import { defineConfig } from 'vitepress'
import { type Entry, generatePages, guide, root, slug, written } from '../pages.ts'
import { liveCells } from './liveCells.ts'
import { namelessColumns, repositoryLinks } from './markdown.ts'

const { description, exports: doors } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly description: string
  readonly exports: Readonly<Record<string, unknown>>
}

const pages = new Map([...written, ...generatePages()])

/** A line of the sidebar. */
const line = ({ text, page }: Entry) => ({ text, link: page.startsWith('/') ? page : `/${page}` })

export default defineConfig({
  title: 'Fovea',
  description,
  lang: 'en',
  // The folder that the site lies in at its server; with a slash at both ends.
  base: process.env.SITE_BASE ?? '/',
  srcDir: root,
  outDir: process.env.SITE_OUT ?? join(root, 'dist-site'),
  // Only what is a page of the site: see pages.ts.
  srcExclude: [
    'README.md',
    '{bench,dist,dist-site,examples,lab,runs,scripts,src,test}/**',
    'docs/api/**',
    'site/**/node_modules/**',
  ],
  rewrites: Object.fromEntries(pages),
  // The build checks all links itself, those to headings and to files outside VitePress too: see links.ts.
  ignoreDeadLinks: true,
  lastUpdated: false,
  head: [
    ['link', { rel: 'icon', href: `${process.env.SITE_BASE ?? '/'}lab/icon.svg` }],
    ['meta', { name: 'color-scheme', content: 'light dark' }],
  ],
  markdown: {
    anchor: { slugify: slug },
    // The colors are the style sheet's, in both themes, as in the editors of live cells.
    theme: createCssVariablesTheme({ name: 'fovea', variablePrefix: '--code-' }),
    config(md) {
      md.use(liveCells)
      md.use(repositoryLinks)
      md.use(namelessColumns)
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: { level: [2, 3], label: 'On this page' },
    // What VitePress does not make is opened by the browser, not by its router: `_self`.
    nav: [
      { text: 'Guide', link: '/getting-started', activeMatch: '^/(?!$|index|tutorials|results|performance)' },
      { text: 'Tutorials', link: '/tutorials/1-from-a-line-to-softmax', activeMatch: '^/tutorials/' },
      { text: 'The Lab', link: '/lab/index.html', target: '_self' },
      { text: 'API', link: '/api/index.html', target: '_self' },
      { text: 'Results', link: '/results', activeMatch: '^/results' },
      { text: 'Performance', link: '/performance', activeMatch: '^/performance' },
    ],
    sidebar: guide.map(({ text, entries }) => ({ text, items: entries.map(line) })),
    externalLinkIcon: false,
  },
  vite: {
    publicDir: false,
    plugins: [
      {
        // Pages lie outside this folder, in which Vue is installed: Node finds it from the bundle that renders them.
        name: 'fovea-site-vue',
        enforce: 'pre',
        resolveId: (id, _importer, { ssr }) => (ssr && /^vue(?:$|\/)/.test(id) ? { id, external: true } : undefined),
      },
    ],
    define: { __DOORS__: JSON.stringify(Object.keys(doors).filter(door => !door.endsWith('.json'))) },
    worker: { format: 'es' },
    build: { chunkSizeWarningLimit: 2000, assetsInlineLimit: 0 },
  },
})
