/**
 * The rules of the folders: data flows left to right through the source tree and never back, the core needs no packages
 * and no Node, and files stay small enough to be read in one go.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../src')

/** What the files of each folder may import from other folders; `types` only as types. */
const rules: Readonly<Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>> = {
  random: { values: [] },
  text: { values: [] },
  rules: { values: ['text'] },
  async: { values: [] },
  graph: { values: ['random'] },
  plan: { values: ['graph', 'text'] },
  backends: { values: ['plan', 'graph', 'random', 'async'] },
  nn: { values: ['graph', 'random'] },
  optim: { values: ['graph'], types: ['nn'] },
  models: { values: ['nn', 'graph', 'random', 'rules', 'text'] },
  augment: { values: ['random'] },
  data: { values: ['augment', 'random'] },
  formats: { values: [], types: ['graph'] },
  train: {
    values: ['augment', 'data', 'nn', 'optim', 'plan', 'graph', 'formats', 'random', 'async', 'rules'],
    types: ['backends', 'models'],
  },
  recipe: {
    values: ['augment', 'backends', 'data', 'formats', 'models', 'nn', 'onnx', 'optim', 'rules', 'text', 'train'],
  },
  distributed: {
    values: ['async', 'backends', 'graph', 'optim', 'plan', 'train'],
    types: ['nn'],
  },
  classifier: {
    values: ['async', 'augment', 'backends', 'data', 'formats', 'graph', 'nn', 'rules', 'train'],
  },
  onnx: { values: ['async', 'graph', 'nn', 'formats'] },
  study: { values: ['async', 'data', 'random'] },
  inspect: { values: ['nn', 'models', 'graph', 'random', 'async', 'text'], types: ['backends', 'plan'] },
  plot: { values: ['text'] },
  report: { values: ['data', 'inspect', 'plot', 'study', 'text'], types: ['backends', 'nn', 'train'] },
  runs: {
    values: ['classifier', 'data', 'formats', 'inspect', 'models', 'nn', 'recipe', 'report', 'rules', 'study', 'train'],
    types: ['backends'],
  },
  cli: {
    values: [
      'async',
      'augment',
      'backends',
      'classifier',
      'data',
      'distributed',
      'formats',
      'graph',
      'inspect',
      'models',
      'nn',
      'onnx',
      'optim',
      'plan',
      'plot',
      'random',
      'recipe',
      'report',
      'rules',
      'runs',
      'study',
      'text',
      'train',
    ],
  },
  // The front door, src/index.ts.
  '': { values: ['backends', 'graph', 'plan'] },
}

/** Doors that show a room which their own folder may not import. */
const doors: Readonly<Record<string, readonly string[]>> = {
  'train/index.node.ts': ['runs'],
  'classifier/index.node.ts': ['runs'],
}

/** Folders that run anywhere JavaScript runs, on nothing but themselves. */
const core = [
  'random',
  'text',
  'rules',
  'async',
  'graph',
  'plan',
  'backends',
  'nn',
  'optim',
  'models',
  'train',
  'augment',
  'data',
  'formats',
  'classifier',
  'inspect',
  'study',
  '',
]

/** Longest file, in lines. */
const mostLines = 400

interface Import {
  /** As it is written: `../graph/tensor.ts`, `node:fs`. */
  readonly specifier: string
  /** Gone when types are removed. */
  readonly typeOnly: boolean
}

interface SourceFile {
  /** `graph/ops/conv2d.ts` */
  readonly path: string
  /** First folder of the path; '' for files of `src` itself. */
  readonly folder: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly exportsDefault: boolean
}

const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '')

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  const imports: Import[] = []
  let exportsDefault = false
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const { importClause } = node
      const bindings = importClause?.namedBindings
      const named = bindings && ts.isNamedImports(bindings) ? bindings.elements : undefined
      const typeOnly =
        importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
        (named !== undefined && !importClause?.name && named.length > 0 && named.every(element => element.isTypeOnly))
      imports.push({ specifier: node.moduleSpecifier.text, typeOnly })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      const { exportClause } = node
      const typeOnly =
        node.isTypeOnly ||
        (exportClause !== undefined &&
          ts.isNamedExports(exportClause) &&
          exportClause.elements.every(element => element.isTypeOnly))
      imports.push({ specifier: node.moduleSpecifier.text, typeOnly })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      if (ts.isStringLiteral(node.argument.literal)) {
        imports.push({ specifier: node.argument.literal.text, typeOnly: true })
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      imports.push({
        specifier: argument && ts.isStringLiteralLike(argument) ? argument.text : '(computed)',
        typeOnly: false,
      })
    } else if (ts.isExportAssignment(node)) exportsDefault = true
    if (ts.canHaveModifiers(node)) {
      exportsDefault ||= ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return { path, folder: folderOf(path), lines, imports, exportsDefault }
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map(path => path.split(sep).join('/'))
  .filter(path => path.endsWith('.ts'))
  .map(readSource)
const paths = new Set(files.map(({ path }) => path))

/** The file an import means, from `src`. */
const target = (file: SourceFile, specifier: string): string =>
  posix.normalize(posix.join(posix.dirname(file.path), specifier))
const isLocal = (specifier: string): boolean => specifier.startsWith('.')
/** Kernels are the backends' own: whoever computes asks an engine. */
const isKernel = (path: string): boolean => /^backends\/[^/]+\/kernels\//.test(path)
const mayUseNode = ({ path, folder }: SourceFile): boolean => folder === 'cli' || path.endsWith('.node.ts')

/** All imports that break a rule, as lines. */
function offenders(breaks: (file: SourceFile, imported: Import) => string | false): string[] {
  return files.flatMap(file =>
    file.imports.flatMap(imported => {
      const problem = breaks(file, imported)
      return problem ? [`src/${file.path} imports ${imported.specifier}: ${problem}`] : []
    }),
  )
}

/** Files that import each other, and why they do. */
const pairs: Readonly<Record<string, string>> = {
  'graph/ops/map.ts ↔ graph/ops/reduce.ts': 'the gradient of a broadcast is a sum, and that of a sum is a broadcast',
  'graph/ops/pad.ts ↔ graph/ops/slice.ts': 'each is the gradient of the other',
  'graph/tensor.ts ↔ graph/variable.ts': 'by types: a variable has a tensor, which says whose it is',
}

/** Largest sets of files of which each leads to every other by its imports (Tarjan 1972), without those of one file. */
function circles(): string[] {
  const byPath = new Map(files.map(file => [file.path, file]))
  const order = new Map<string, number>()
  const open: string[] = []
  const found: string[] = []
  /** @returns the earliest file still open to which this one leads */
  const visit = (file: SourceFile): number => {
    const own = order.size
    order.set(file.path, own)
    open.push(file.path)
    let earliest = own
    for (const { specifier } of file.imports) {
      const next = isLocal(specifier) ? byPath.get(target(file, specifier)) : undefined
      if (!next) continue
      if (!order.has(next.path)) earliest = Math.min(earliest, visit(next))
      else if (open.includes(next.path)) earliest = Math.min(earliest, order.get(next.path) as number)
    }
    if (earliest === own) {
      const circle = open.splice(open.indexOf(file.path))
      if (circle.length > 1) found.push(circle.sort().join(' ↔ '))
    }
    return earliest
  }
  for (const file of files) if (!order.has(file.path)) visit(file)
  return found
}

describe('imports', () => {
  test('were found', () => {
    expect(files.length).toBeGreaterThan(100)
    expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(500)
  })

  test('every folder has a rule', () => {
    expect([...new Set(files.map(({ folder }) => folder))].filter(folder => !Object.hasOwn(rules, folder))).toEqual([])
  })

  test('follow the rules of the folders', () => {
    expect(
      offenders((file, { specifier, typeOnly }) => {
        if (!isLocal(specifier)) return false
        const folder = folderOf(target(file, specifier))
        const { values, types = [] } = rules[file.folder] ?? { values: [] }
        const allowed = [file.folder, ...values, ...(typeOnly ? types : []), ...(doors[file.path] ?? [])]
        if (allowed.includes(folder)) return false
        const may = [...values, ...types.map(name => `${name} (types)`)]
        return `${file.folder || 'the front door'} may import from ${may.join(', ') || 'nowhere else'}`
      }),
    ).toEqual([])
  })

  test('of rooms of a backend are in backends, at its doors, and where commands look into an engine', () => {
    const rooms = /^backends\/[^/]+\//
    expect(
      offenders((file, { specifier, typeOnly }) => {
        const room = isLocal(specifier) && rooms.exec(target(file, specifier))?.[0]
        if (!room || typeOnly || ['backends', 'cli', ''].includes(file.folder)) return false
        return 'only the contract of engines is for everybody'
      }),
    ).toEqual([])
  })

  test('of WebAssembly are not in what all processors share', () => {
    expect(
      offenders(
        (file, { specifier }) =>
          file.path.startsWith('backends/cpu/') &&
          isLocal(specifier) &&
          /^backends\/(wasm|reference)\//.test(target(file, specifier)) &&
          'a second printer shares this',
      ),
    ).toEqual([])
  })

  test('of local files name a file that exists, with its extension', () => {
    expect(
      offenders((file, { specifier }) => isLocal(specifier) && !paths.has(target(file, specifier)) && 'no such file'),
    ).toEqual([])
  })

  test('of kernels are in the backends', () => {
    expect(
      offenders(
        (file, { specifier }) =>
          file.folder !== 'backends' && isLocal(specifier) && isKernel(target(file, specifier)) && 'a kernel',
      ),
    ).toEqual([])
  })

  test('of Node are in the command line and in files named *.node.ts', () => {
    expect(
      offenders(
        (file, { specifier, typeOnly }) =>
          specifier.startsWith('node:') && !typeOnly && !mayUseNode(file) && 'this file may run in a browser',
      ),
    ).toEqual([])
  })

  test('of those files are in files of the same kind', () => {
    expect(
      offenders(
        (file, { specifier, typeOnly }) =>
          specifier.endsWith('.node.ts') && !typeOnly && !mayUseNode(file) && 'this file may run in a browser',
      ),
    ).toEqual([])
  })

  test('of packages are not in the core', () => {
    expect(
      offenders(
        (file, { specifier }) =>
          core.includes(file.folder) &&
          !isLocal(specifier) &&
          !specifier.startsWith('node:') &&
          !file.path.endsWith('.node.ts') &&
          'the core has no dependencies',
      ),
    ).toEqual([])
  })

  test('of packages are declared', () => {
    const manifest = JSON.parse(readFileSync(join(root, '../package.json'), 'utf8')) as Record<string, object>
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    expect(
      offenders((file, { specifier, typeOnly }) => {
        if (isLocal(specifier) || specifier.startsWith('node:') || typeOnly) return false
        // The one file that loads programs of the user's.
        if (specifier === '(computed)' && file.path === 'recipe/importModule.node.ts') return false
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
        return !declared.includes(name) && 'not among the dependencies of package.json'
      }),
    ).toEqual([])
  })

  test('do not go round in circles, not even those of types, but for a few pairs that name each other', () => {
    expect(circles().sort()).toEqual(Object.keys(pairs).sort())
  })
})

describe('the plan', () => {
  test('has no words for what only a processor has: stages of convolutions, moments, blocked or channels-last volumes', () => {
    const words = /\b(stages?|moments?|channelsLast|blockedLayout|winograd|wasm|WebAssembly)\b/i
    const knowing = files.flatMap(({ path, folder }) => {
      const text = folder === 'plan' ? readFileSync(join(root, path), 'utf8') : ''
      const found = words.exec(text)
      return found ? [`src/${path} says '${found[0]}'`] : []
    })
    expect(knowing).toEqual([])
  })
})

describe('files', () => {
  test(`have at most ${mostLines} lines`, () => {
    expect(files.filter(({ lines }) => lines > mostLines).map(({ path, lines }) => `${path}: ${lines} lines`)).toEqual(
      [],
    )
  })

  test('have no default export', () => {
    expect(files.filter(({ exportsDefault }) => exportsDefault).map(({ path }) => path)).toEqual([])
  })

  test('begin with a comment that says what they are for', () => {
    const silent = files.filter(
      ({ path }) =>
        !readFileSync(join(root, path), 'utf8')
          .replace(/^#!.*\n/, '')
          .startsWith('/**'),
    )
    expect(silent.map(({ path }) => path)).toEqual([])
  })
})
