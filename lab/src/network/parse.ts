/**
 * Reads layers from code: `sequential({ name: layer(…), … })` or `sequential(layer(…), …)`, the numbers and names in it and nothing else.
 * Nothing is evaluated: what is no layer of the table is told, with its line.
 */
import { isKind } from './code.ts'
import { type Argument, freeName, type Kind, type KindName, kindOf, kinds, type Layer, problemOf } from './kinds.ts'

/** Code that cannot be read; the message says where and what is understood. */
export class CodeError extends Error {
  override readonly name = 'CodeError'
  readonly line: number

  constructor(message: string, line: number) {
    super(`line ${line}: ${message}`)
    this.line = line
  }
}

/** Most layers. */
const mostLayers = 400

type Value = { readonly is: 'number'; readonly value: number } | { readonly is: 'flag'; readonly value: number }

/**
 * The layers of the first `sequential(…)` in a text.
 * @throws CodeError
 */
export function parseNetwork(code: string): Layer[] {
  const start = /\bsequential\s*(?=\()/.exec(code)
  if (!start) throw new CodeError('there is no sequential({ … }). A network is a list of layers in it', 1)
  return new Reader(code, start.index + start[0].length).network()
}

/**
 * The layers that `packNetwork` wrote.
 * @throws CodeError
 */
export const unpackNetwork = (packed: string): Layer[] => new Reader(`({${packed}})`, 0).network()

const word = /[A-Za-z_$][\w$]*/y
const numeral = /-?\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?/iy
const blank = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y

class Reader {
  readonly #code: string
  #at: number

  constructor(code: string, at: number) {
    this.#code = code
    this.#at = at
  }

  network(): Layer[] {
    const layers: Layer[] = []
    this.#expect('(')
    const isNamed = this.#takes('{')
    const end = isNamed ? '}' : ')'
    while (!this.#takes(end)) {
      const name = isNamed ? this.#name(layers) : undefined
      if (name !== undefined) this.#expect(':')
      const layer = this.#layer()
      layers.push({ name: name ?? freeName(kindOf(layer.kind).prefix, layers), ...layer })
      if (layers.length > mostLayers) this.#fail(`there are more than ${mostLayers} layers`)
      if (!this.#takes(',') && !this.#sees(end)) this.#fail(`expected a comma or ${end}, got ${this.#next()}`)
    }
    if (isNamed) {
      this.#takes(',')
      this.#expect(')')
    }
    return layers
  }

  #name(layers: readonly Layer[]): string {
    const quote = this.#takes("'") ? "'" : this.#takes('"') ? '"' : undefined
    const name = this.#word() ?? this.#fail(`expected the name of a layer, got ${this.#next()}`)
    if (quote) this.#expect(quote)
    if (layers.some(layer => layer.name === name)) this.#fail(`there are two layers of the name ${name}`)
    return name
  }

  #layer(): Omit<Layer, 'name'> {
    const first = this.#word() ?? this.#fail(`expected a layer, got ${this.#next()}`)
    const isNew = first === 'new'
    const name = isNew ? (this.#word() ?? this.#fail(`expected a block, got ${this.#next()}`)) : first
    if (!isKind(name, kinds)) {
      const nested = name === 'sequential' || name === 'parallel' ? ': layers stand in one list here' : ''
      this.#fail(`${name} is no layer that Build knows${nested}. It knows ${Object.keys(kinds).join(', ')}`)
    }
    this.#expect('(')
    const values = this.#values(name, kindOf(name))
    return { kind: name, values }
  }

  #values(name: KindName, kind: Kind): Record<string, number> {
    const values: Record<string, number> = {}
    const placed = kind.arguments.filter(({ named }) => !named)
    for (let k = 0; !this.#takes(')'); k++) {
      if (this.#takes('{')) this.#named(name, kind, values)
      else {
        const argument = placed[k] ?? this.#fail(`${name} has ${placed.length} numbers by their place, not more`)
        this.#set(name, argument, values)
      }
      if (!this.#takes(',') && !this.#sees(')')) this.#fail(`expected a comma or ), got ${this.#next()}`)
    }
    const missing = kind.arguments.find(({ key, usual }) => usual === undefined && values[key] === undefined)
    if (missing) this.#fail(`${name} needs its ${missing.title}`)
    return values
  }

  #named(name: KindName, kind: Kind, values: Record<string, number>): void {
    const known = kind.arguments.filter(({ named }) => named)
    while (!this.#takes('}')) {
      const key = this.#word() ?? this.#fail(`expected an option of ${name}, got ${this.#next()}`)
      const argument = known.find(own => own.key === key)
      if (!argument) {
        const list = known.length > 0 ? `: Build knows ${known.map(own => own.key).join(', ')}` : ''
        this.#fail(`${name} has no option ${key} here${list}`)
      }
      this.#expect(':')
      this.#set(name, argument, values)
      if (!this.#takes(',') && !this.#sees('}')) this.#fail(`expected a comma or }, got ${this.#next()}`)
    }
  }

  #set(name: KindName, argument: Argument, values: Record<string, number>): void {
    const { is, value } = this.#value(`the ${argument.title} of ${name}`)
    if ((is === 'flag') !== (argument.isFlag === true)) {
      this.#fail(`the ${argument.title} of ${name} must be ${argument.isFlag ? 'true or false' : 'a number'}`)
    }
    const problem = problemOf(argument, value)
    if (problem !== undefined) this.#fail(`the ${argument.title} of ${name} (=${value}) ${problem}`)
    values[argument.key] = value
  }

  #value(what: string): Value {
    const number = this.#match(numeral)
    if (number !== undefined) return { is: 'number', value: Number(number.replaceAll('_', '')) }
    const named = this.#word()
    if (named === 'true' || named === 'false') return { is: 'flag', value: named === 'true' ? 1 : 0 }
    return this.#fail(`${what} must be a number, got ${named ?? this.#next()}: names of numbers are not read`)
  }

  #word(): string | undefined {
    return this.#match(word)
  }

  #match(pattern: RegExp): string | undefined {
    this.#skip()
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#code) ?? []
    if (found !== undefined) this.#at += found.length
    return found
  }

  #skip(): void {
    blank.lastIndex = this.#at
    this.#at += blank.exec(this.#code)?.[0].length ?? 0
  }

  #sees(sign: string): boolean {
    this.#skip()
    return this.#code.startsWith(sign, this.#at)
  }

  #takes(sign: string): boolean {
    const sees = this.#sees(sign)
    if (sees) this.#at += sign.length
    return sees
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) this.#fail(`expected ${sign}, got ${this.#next()}`)
  }

  /** What stands here, for a message. */
  #next(): string {
    this.#skip()
    const [next] = /^(?:[\w$]+|.)/.exec(this.#code.slice(this.#at)) ?? []
    return next ?? 'the end'
  }

  #fail(message: string): never {
    throw new CodeError(message, this.#code.slice(0, this.#at).split('\n').length)
  }
}
