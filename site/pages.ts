/**
 * The pages of the site: which files of the repository they are, and in what order a reader finds them. The guide is docs/ as it is;
 * what has no page of its own (a file or folder of the repository that a page links to) is in the repository, or shown by a page that
 * the build makes.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** Pages that the build makes, beside the written ones. */
const generated = 'site/generated'

/** Title and page of a line of the navigation. */
export interface Entry {
  readonly text: string
  /** Name of the page's file below docs/, without its ending; or the page's address in the site, which begins with a slash. */
  readonly page: string
}

/** The guide, by what a reader wants. */
export const guide: readonly { readonly text: string; readonly entries: readonly Entry[] }[] = [
  {
    text: 'First model in five minutes',
    entries: [
      { text: 'Four steps', page: 'getting-started' },
      { text: 'The Lab', page: 'lab' },
      { text: 'When something goes wrong', page: 'troubleshooting' },
    ],
  },
  {
    text: 'My own pictures',
    entries: [
      { text: 'Train on your pictures', page: 'training' },
      { text: 'Data sets and image folders', page: 'data' },
      { text: 'Augmentation and preprocessing', page: 'augmentation' },
      { text: 'Few pictures: transfer learning', page: 'transfer' },
      { text: 'Search, folds, ensembles', page: 'search' },
      { text: 'Teach: from a camera or folders', page: 'lab-teach' },
      { text: 'Runs: compare trainings', page: 'lab-runs' },
      { text: 'Judge: mistakes and labels', page: 'lab-judge' },
    ],
  },
  {
    text: 'From PyTorch',
    entries: [
      { text: 'From PyTorch or Keras', page: 'from-pytorch' },
      { text: 'Imported weights', page: 'models' },
      { text: 'Import ONNX', page: 'onnx' },
      { text: 'ONNX, measured', page: 'onnx-measurements' },
    ],
  },
  {
    text: 'Ship it',
    entries: [
      { text: 'One file, one function', page: 'ship' },
      { text: 'In a browser', page: 'browser' },
      { text: 'Export ONNX', page: 'onnx-export' },
      { text: 'Where Fovea runs', page: 'runtimes' },
    ],
  },
  {
    text: 'Understand it',
    entries: [
      { text: 'Tutorial 1: from a line to softmax', page: 'tutorials/1-from-a-line-to-softmax' },
      { text: 'Tutorial 2: convolution, LeNet-5', page: 'tutorials/2-convolution-and-lenet' },
      { text: 'Tutorial 3: how to train', page: 'tutorials/3-how-to-train' },
      { text: 'Looking inside a network', page: 'inspect' },
      { text: 'Build: a network by hand', page: 'lab-build' },
      { text: 'How Fovea works', page: 'design' },
      { text: 'How the Lab works', page: 'lab-design' },
      { text: 'Rounding', page: 'rounding' },
    ],
  },
  {
    text: 'Make it fast',
    entries: [
      { text: 'Performance', page: 'performance' },
      { text: 'Graphics processors: WebGPU', page: 'webgpu' },
      { text: 'Measurements', page: 'performance-measurements' },
      { text: 'Layer by layer', page: 'performance-layers' },
      { text: 'Experiments', page: 'performance-experiments' },
    ],
  },
  {
    text: 'Many machines',
    entries: [
      { text: 'Many processes, one model', page: 'distributed' },
      { text: 'On a cluster with Slurm', page: 'slurm' },
    ],
  },
  {
    text: 'Extend it',
    entries: [
      { text: 'Extending Fovea', page: 'extend' },
      { text: 'The source, file by file', page: 'source' },
      { text: 'Contributing', page: '/contributing' },
    ],
  },
  {
    text: 'Reference',
    entries: [
      { text: 'Fields of a recipe', page: 'recipes' },
      { text: 'Optimizers and schedules', page: 'optimization' },
      { text: 'Command line', page: '/cli' },
      { text: 'Results', page: 'results' },
      { text: 'Changes', page: '/changes' },
    ],
  },
]

/** Files of docs/, with slashes on every system. */
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .map(name => name.replaceAll('\\', '/'))
  .filter(name => name.endsWith('.md') && !name.startsWith('api/'))

/** The written pages: from a file of the repository to the page's path in the site. */
export const written: ReadonlyMap<string, string> = new Map([
  ['site/index.md', 'index.md'],
  ['CHANGELOG.md', 'changes.md'],
  ['CONTRIBUTING.md', 'contributing.md'],
  ...docs.map(name => [`docs/${name}`, name] as const),
])

/** The name of a heading in links, as GitHub makes it: the same links work there and here. */
export const slug = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')

/** The address of the repository's files, where package.json names one. */
function repository(): string | undefined {
  const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly repository?: string | { readonly url: string }
  }
  const url = typeof repository === 'string' ? repository : repository?.url
  return url?.replace(/^git\+/, '').replace(/\.git$/, '')
}

/** A page that shows a file, or the files of a folder; its name has the path in it. */
const shownName = (path: string): string => `files/${path.replace(/^\./, '').replaceAll('/', '-')}.md`

/**
 * Where a relative link of a page leads in the site.
 * @param from the page's file in the repository, `docs/browser.md`
 * @param link as the page has it, `../examples/browser#page`
 * @throws Error when there is no such file or folder.
 */
export function resolveLink(from: string, link: string): string {
  const [path, fragment = ''] = link.split(/(?=#)/)
  const target = posix.join(posix.dirname(from), decodeURI(path!)).replace(/\/$/, '')
  const page = written.get(target)
  if (page !== undefined) return `/${page}${fragment}`
  if (!existsSync(join(root, target)))
    throw new Error(`${from}: the link '${link}' leads to nothing: no file ${target}`)
  const address = repository()
  if (address === undefined) return `/${shownName(target)}`
  return `${address}/${statSync(join(root, target)).isDirectory() ? 'tree' : 'blob'}/main/${target}${fragment}`
}

/** Relative links of a page's text; examples in code and pictures are none. */
export function linksOf(text: string): string[] {
  const prose = text
    .replace(/^(`{3,}).*?^\1/gms, '')
    .replace(/`[^`\n]*`/g, '')
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter(link => !/^(?:[a-z]+:|#|\/)/.test(link))
}

/** Writes the pages that no file of the repository is, and tells which they are: as {@link written}. */
export function generatePages(): Map<string, string> {
  const folder = join(root, generated)
  rmSync(folder, { recursive: true, force: true })
  const pages = new Map<string, string>()
  const write = (page: string, text: string): void => {
    mkdirSync(dirname(join(folder, page)), { recursive: true })
    writeFileSync(join(folder, page), text)
    pages.set(`${generated}/${page}`, page)
  }
  write('cli.md', commandLine())
  for (const from of written.keys()) {
    for (const link of linksOf(readFileSync(join(root, from), 'utf8'))) {
      const page = resolveLink(from, link)
      if (page.startsWith('/files/') && !pages.has(`${generated}${page}`)) {
        const target = posix.join(posix.dirname(from), link.split('#')[0]!).replace(/\/$/, '')
        write(page.slice(1), shown(target))
      }
    }
  }
  return pages
}

/** What `fovea --help` and the help of each command print. */
function commandLine(): string {
  const help = (...words: readonly string[]): string =>
    execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), ...words, '--help'], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', COLUMNS: '100' },
    }).trimEnd()
  const first = help()
  const commands = [...first.split(/^Commands:$/m)[1]!.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name!)
  const parts = commands
    .filter(name => name !== 'help')
    .map(name => `## fovea ${name}\n\n\`\`\`text\n${help(name)}\n\`\`\``)
  return `# Command line\n\nWhat \`fovea --help\` and \`fovea COMMAND --help\` print.\n\n\`\`\`text\n${first}\n\`\`\`\n\n${parts.join('\n\n')}\n`
}

/** A page with the text of a file, or of the files of a folder. */
function shown(target: string): string {
  const path = join(root, target)
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .map(name => posix.join(target, name.replaceAll('\\', '/')))
        .filter(name => /\.(?:ts|js|py|sh|md|html|json|css)$/.test(name))
        .sort()
    : [target]
  const parts = files.map(name => {
    const text = readFileSync(join(root, name), 'utf8')
    const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)))
    const code = `${fence}${extname(name).slice(1)}\n${text.trimEnd()}\n${fence}`
    return files.length === 1 ? code : `## ${relative(target, name).replaceAll('\\', '/')}\n\n${code}`
  })
  return `# ${target}\n\n${parts.join('\n\n')}\n`
}
