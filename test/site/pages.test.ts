/** The pages of the site, without building it: all of docs/ is in its navigation, and no link of a page leads nowhere. `npm run site:test` does the rest. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guide, linksOf, resolveLink, root, slug, written } from '../../site/pages.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The names that a page's headings have in links; a second heading of the same words has a number after them. */
function headings(file: string): Set<string> {
  const names = new Set<string>()
  const prose = read(file).replace(/^(`{3,}).*?^\1/gms, '')
  for (const [, text] of prose.matchAll(/^#{1,6} (.*)$/gm)) {
    const name = slug(text!.replaceAll('`', '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    let free = name
    for (let k = 1; names.has(free); k++) free = `${name}-${k}`
    names.add(free)
  }
  return names
}

describe('the navigation of the site', () => {
  const entries = guide.flatMap(({ entries }) => entries.map(({ page }) => page))

  it('has every page of docs/ once, and no others but those that the build makes', () => {
    const docs = [...written.keys()].filter(file => file.startsWith('docs/')).map(file => file.slice(5, -3))
    expect(entries.filter(page => !page.startsWith('/')).sort()).toEqual(docs.sort())
    expect(entries.filter(page => page.startsWith('/')).sort()).toEqual(['/changes', '/cli', '/contributing'])
  })
})

describe.each([...written.keys()])('%s', file => {
  it('has no link to a file or a heading that is not there', () => {
    const wrong = linksOf(read(file)).filter(link => {
      const [path, fragment] = link.split('#')
      const target = path === '' ? file : posix.join(posix.dirname(file), path!)
      resolveLink(file, link)
      return fragment !== undefined && target.endsWith('.md') && !headings(target).has(decodeURIComponent(fragment))
    })
    expect(wrong).toEqual([])
  })
})

describe('linksOf', () => {
  it('finds links between pieces of code, and none in them', () => {
    expect(linksOf('They are in [`examples/slurm`](../a), for `fovea`, `[no](link)`, and [b](b.md#c).')).toEqual([
      '../a',
      'b.md#c',
    ])
  })
})

describe('slug', () => {
  it('names headings as GitHub does', () => {
    expect(slug('MNIST: 99.68 %')).toBe('mnist-9968-')
    expect(slug('A loop of your own: a denoising autoencoder')).toBe('a-loop-of-your-own-a-denoising-autoencoder')
    expect(slug('Content-Security-Policy')).toBe('content-security-policy')
  })
})
