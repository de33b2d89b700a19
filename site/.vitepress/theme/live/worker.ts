/**
 * The worker that runs the cells of a page. Each cell is a module of its own, so that `import` and `await` work at its top, and what one
 * has declared is there for the next. A cell that has run and has not been changed since does not run again when a later one needs it.
 */
import { type CellCode, CellError, readCell } from './cellCode.ts'
import { printed } from './inspect.ts'
import type { CellMessage, RunMessage } from './protocol.ts'

declare const __DOORS__: readonly string[]

/** A cell as a module. */
interface CellModule {
  /** Code and needed modules: what makes two modules the same. */
  readonly key: string
  readonly address: string
}

/** Most lines that one run of a cell prints; an endless loop must not fill the page. */
const mostLines = 500

Error.stackTraceLimit = 50
const say = (message: CellMessage): void => self.postMessage(message)

const codes = new Map<string, CellCode>()
const modules = new Map<number, CellModule>()
const cells = new Map<string, number>()
let runs = 0

/** Messages wait for each other: one cell runs at a time. */
let last: Promise<void> = Promise.resolve()
self.onmessage = ({ data }: MessageEvent<RunMessage>) => {
  last = last.then(() => run(data))
}

/** What nobody waits for may fail too. */
let current = 0
self.addEventListener('unhandledrejection', event => {
  event.preventDefault()
  tell(event.reason, current)
})
self.addEventListener('error', event => {
  event.preventDefault()
  tell(event.error, current)
})

/** Address of the folder of the library's modules. */
let library = ''
/** Cells that have run to their end as they are in {@link modules}. */
const ended = new Set<number>()

async function run({ cell, sources, library: folder }: RunMessage): Promise<void> {
  current = cell
  library = folder
  let failed = false
  try {
    modules.delete(cell)
    const { address } = await moduleOf(cell, sources)
    await import(/* @vite-ignore */ address)
  } catch (error) {
    failed = true
    tell(error, cell)
    // A module that has failed once fails for ever; its cell gets a new one.
    for (const other of modules.keys()) if (!ended.has(other)) modules.delete(other)
  }
  say({ kind: 'finished', cell, failed })
}

/** What a cell's code is given: its console, its pictures, and the word that it has begun. */
function begin(cell: number) {
  const from = performance.now()
  let lines = 0
  say({ kind: 'begin', cell })
  const print = (...values: readonly unknown[]): void => {
    lines++
    if (lines <= mostLines) say({ kind: 'text', cell, text: printed(values) })
    else if (lines === mostLines + 1) say({ kind: 'text', cell, text: `… only the first ${mostLines} lines are shown` })
  }
  return {
    console: { log: print, info: print, warn: print, error: print, debug: print, table: print },
    show(markup: unknown, name?: string): void {
      if (typeof markup !== 'string')
        throw new TypeError(`show: expected the text of a picture, got ${printed([markup])}`)
      say({ kind: 'picture', cell, name: name === undefined ? undefined : String(name), markup })
    },
    end(): void {
      ended.add(cell)
      say({ kind: 'end', cell, seconds: (performance.now() - from) / 1000 })
    },
  }
}
Object.assign(self, { beginCell: begin })

/** The module of a cell, made anew when it or one that it needs has changed. */
async function moduleOf(cell: number, sources: readonly string[]): Promise<CellModule> {
  const code = codeOf(cell, sources)
  const needed: string[] = []
  const missing = new Set(code.mentions)
  for (let other = cell - 1; other >= 0 && missing.size > 0; other--) {
    const names = [...codeOf(other, sources).declares].filter(name => missing.delete(name))
    if (names.length > 0)
      needed.push(`import { ${names.join(', ')} } from '${(await moduleOf(other, sources)).address}';`)
  }
  const key = needed.join('') + code.source
  const known = modules.get(cell)
  if (known?.key === key) return known
  const address = URL.createObjectURL(new Blob([await textOf(code, cell, needed)], { type: 'text/javascript' }))
  const made = { key, address }
  modules.set(cell, made)
  ended.delete(cell)
  cells.set(address, cell)
  return made
}

/** @throws CellError with the cell that it is in. */
function codeOf(cell: number, sources: readonly string[]): CellCode {
  const source = sources[cell]!
  let code = codes.get(source)
  if (!code) {
    try {
      code = readCell(source)
    } catch (error) {
      throw Object.assign(error as CellError, { cell })
    }
    codes.set(source, code)
  }
  return code
}

/** The text of a cell's module. Nothing before the code adds a line, so that lines in errors are the cell's. */
async function textOf(
  { source, imports, declares }: CellCode,
  cell: number,
  needed: readonly string[],
): Promise<string> {
  let text = source
  for (const found of [...imports].sort((a, b) => b.start - a.start)) {
    const address = doorOf(found.module, found.line, cell)
    const door = (await import(/* @vite-ignore */ address)) as Readonly<Record<string, unknown>>
    const absent = found.names.find(name => !(name in door))
    if (absent !== undefined) throw at(new CellError(`'${found.module}' has nothing named ${absent}`, found.line), cell)
    text = `${text.slice(0, found.start)}'${address}'${text.slice(found.end)}`
  }
  const given = ['console', 'show'].filter(name => !declares.has(name)).map(name => `${name}, `)
  const exported = [...declares].filter(name => !new RegExp(`^export .*\\b${name}\\b`, 'm').test(source))
  // Each run is a module of its own, whatever the code.
  return `${needed.join(' ')} const { ${given.join('')}end: __end } = beginCell(${cell}); ${text}
;__end(); export { ${exported.join(', ')} } // ${runs++}`
}

/** The address of a module of Fovea's. */
function doorOf(module: string, line: number, cell: number): string {
  const door = module.replace(/^fovea/, '.')
  if (!module.startsWith('fovea') || !__DOORS__.includes(door)) {
    const names = __DOORS__.map(name => name.replace(/^\./, 'fovea'))
    throw at(new CellError(`there is no module '${module}' here; there are ${names.join(', ')}`, line), cell)
  }
  return new URL(`${door === '.' ? 'fovea' : door.slice(2)}.js`, library).href
}

const at = (error: CellError, cell: number): CellError => Object.assign(error, { cell })

/** Says an error at the line of the cell that it comes from. */
function tell(error: unknown, running: number): void {
  if (error instanceof CellError) {
    say({ kind: 'error', cell: (error as { cell?: number }).cell ?? running, line: error.line, message: error.message })
    return
  }
  if (!(error instanceof Error)) {
    say({ kind: 'error', cell: running, line: undefined, message: `thrown: ${printed([error])}` })
    return
  }
  for (const [, address, line] of (error.stack ?? '').matchAll(/(blob:[^\s)]+?):(\d+):\d+/g)) {
    const cell = cells.get(address!)
    if (cell !== undefined) {
      say({ kind: 'error', cell, line: Number(line), message: `${error.name}: ${error.message}` })
      return
    }
  }
  say({ kind: 'error', cell: running, line: undefined, message: `${error.name}: ${error.message}` })
}
