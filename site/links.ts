/** Checks the links of the built site: each leads to a file that is there, and to a heading that is on its page. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

/** All that a page links to and loads, and the names of its parts. */
interface Page {
  readonly links: readonly string[]
  readonly names: ReadonlySet<string>
}

/** Characters that HTML writes by name or number. */
const text = (attribute: string): string =>
  attribute
    .replace(/&#x([\da-f]+);/gi, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 16)))
    .replace(/&#(\d+);/g, (_, digits: string) => String.fromCodePoint(Number(digits)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')

function readPage(html: string): Page {
  const values = (names: string): string[] =>
    [...html.matchAll(new RegExp(`<[a-z][^<>]*?\\s(?:${names})="([^"]*)"`, 'gi'))].map(([, value]) => text(value!))
  return { links: [...values('href'), ...values('src')], names: new Set([...values('id'), ...values('name')]) }
}

/**
 * Links of a folder of pages that lead nowhere, a line each.
 * @param folder the site; pages of the Lab, which is a program, are left out
 * @param base the folder that the site lies in at its server, with a slash at both ends
 */
export function deadLinks(folder: string, base: string): string[] {
  const pages = new Map<string, Page>()
  const pageOf = (path: string): Page => {
    let page = pages.get(path)
    if (!page) {
      page = readPage(readFileSync(join(folder, path), 'utf8'))
      pages.set(path, page)
    }
    return page
  }
  const dead: string[] = []
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => name.replaceAll('\\', '/'))
  for (const from of names.filter(name => name.endsWith('.html') && !name.startsWith('lab/'))) {
    for (const link of new Set(pageOf(from).links)) {
      const problem = problemOf(link, from)
      if (problem !== undefined) dead.push(`${from}: ${link}: ${problem}`)
    }
  }
  return dead

  function problemOf(link: string, from: string): string | undefined {
    if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined
    const [address = '', fragment = ''] = link.split('#')
    const path = decodeURI(address.split('?')[0]!)
    if (path.startsWith('/') && !path.startsWith(base)) return `outside the site's folder ${base}`
    let target =
      path === '' ? from : path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(from), path)
    if (target === '' || target.endsWith('/')) target += 'index.html'
    const file = join(folder, target)
    if (!existsSync(file) || statSync(file).isDirectory()) return `no file ${target}`
    if (fragment === '' || !target.endsWith('.html') || target.startsWith('lab/')) return undefined
    return pageOf(target).names.has(decodeURIComponent(fragment)) ? undefined : `no part '${fragment}' in ${target}`
  }
}
