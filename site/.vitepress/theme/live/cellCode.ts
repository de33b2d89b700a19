/**
 * A cell's code as a module: which modules it imports, which names it declares and which it mentions. Later cells of a page may use what
 * earlier ones have declared; so each cell becomes a module that exports all its names, and imports those of others that it mentions.
 */
import { type Node, parse } from 'acorn'

/** An import in a cell: where its address stands, and the names that must be there. */
export interface CellImport {
  readonly module: string
  /** Place of the address in the source, with its quotes. */
  readonly start: number
  readonly end: number
  readonly line: number
  readonly names: readonly string[]
}

/** What is known of a cell without running it. */
export interface CellCode {
  readonly source: string
  readonly imports: readonly CellImport[]
  /** Names that are declared or imported at the top of the cell. */
  readonly declares: ReadonlySet<string>
  /** Names that may mean a declaration of another cell. */
  readonly mentions: ReadonlySet<string>
}

/** An error of a cell's code, with its line from 1. */
export class CellError extends Error {
  readonly line: number | undefined

  constructor(message: string, line?: number) {
    super(message)
    this.line = line
  }
}

/** Any node of the syntax tree, as what is looked for sees it. */
interface Tree extends Node {
  readonly [key: string]: unknown
}

/**
 * Reads a cell.
 * @throws CellError for code that is no JavaScript.
 */
export function readCell(source: string): CellCode {
  const program = parsed(source)
  const imports: CellImport[] = []
  const declares = new Set<string>()
  const mentions = new Set<string>()
  for (const statement of program.body as Tree[]) for (const name of declaredBy(statement)) declares.add(name)
  walk(program, node => {
    if (node.type === 'Identifier') mentions.add(node.name as string)
    const address =
      node.type === 'ImportDeclaration' || node.type === 'ImportExpression' ? (node.source as Tree) : undefined
    if (typeof address?.value !== 'string') return
    const { start, end, value: module } = address
    const specifiers = (node.specifiers ?? []) as Tree[]
    const names = specifiers.flatMap(({ type, imported }) => {
      if (type === 'ImportSpecifier') return [(imported as Tree).name as string]
      return type === 'ImportDefaultSpecifier' ? ['default'] : []
    })
    imports.push({ module, start, end, line: lineAt(source, start), names })
  })
  for (const name of declares) mentions.delete(name)
  return { source, imports, declares, mentions }
}

/** @throws CellError when it is no module. */
function parsed(source: string): Tree {
  try {
    return parse(source, { ecmaVersion: 'latest', sourceType: 'module' }) as unknown as Tree
  } catch (error) {
    const { message, loc } = error as Error & { readonly loc?: { readonly line: number } }
    throw new CellError(`SyntaxError: ${message.replace(/ \(\d+:\d+\)$/, '')}`, loc?.line)
  }
}

/** The names that a statement declares for its module. */
function declaredBy(statement: Tree): string[] {
  if (statement.type === 'ImportDeclaration') return (statement.specifiers as Tree[]).map(({ local }) => nameOf(local))
  const declaration = statement.type === 'ExportNamedDeclaration' ? (statement.declaration as Tree | null) : statement
  if (declaration?.type === 'VariableDeclaration') {
    return (declaration.declarations as Tree[]).flatMap(({ id }) => bound(id as Tree))
  }
  const isNamed = declaration?.type === 'FunctionDeclaration' || declaration?.type === 'ClassDeclaration'
  return isNamed ? [nameOf(declaration.id)] : []
}

const nameOf = (node: unknown): string => (node as { readonly name: string }).name

/** The names in a pattern: `a`, `{ a, b: [c] }`, `[a = 1, ...b]`. */
function bound(pattern: Tree | null): string[] {
  switch (pattern?.type) {
    case 'Identifier':
      return [nameOf(pattern)]
    case 'ObjectPattern':
      return (pattern.properties as Tree[]).flatMap(property => bound((property.value ?? property.argument) as Tree))
    case 'ArrayPattern':
      return (pattern.elements as (Tree | null)[]).flatMap(bound)
    case 'AssignmentPattern':
      return bound(pattern.left as Tree)
    case 'RestElement':
      return bound(pattern.argument as Tree)
    default:
      return []
  }
}

/** Visits all nodes but names that are no variables: of properties that are read or written down. */
function walk(node: Tree, visit: (node: Tree) => void): void {
  visit(node)
  for (const [key, value] of Object.entries(node)) {
    const isOnlyName = (key === 'property' || key === 'key') && node.computed === false && !(node.shorthand === true)
    if (isOnlyName || key === 'imported') continue
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === 'object' && typeof (child as Tree).type === 'string')
        walk(child as Tree, visit)
    }
  }
}

const lineAt = (source: string, at: number): number => source.slice(0, at).split('\n').length
