/** WebAssembly modules made of assembled functions. */
import { FunctionBuilder, typeCodes, type ValueType } from './assembler.ts'
import { ByteWriter } from './bytes.ts'

/** A module that imports a memory and perhaps a function, and exports some of its functions. */
export class ModuleBuilder {
  readonly #types = new Map<string, number>()
  #imported: { readonly name: string; readonly f: FunctionBuilder } | undefined
  readonly #functions: FunctionBuilder[] = []
  readonly #exported: [name: string, target: FunctionBuilder][] = []
  readonly #shared: boolean

  /** @param shared whether the imported memory is shared between threads */
  constructor(shared: boolean) {
    this.#shared = shared
  }

  /** The function `env.name`, which the module imports. It comes before all others, and there can be only one. */
  import(name: string, parameters: readonly ValueType[]): FunctionBuilder {
    const f = new FunctionBuilder(0, parameters, [])
    this.#imported = { name, f }
    return f
  }

  /** Adds a function; it is exported when `name` is given. */
  function(parameters: readonly ValueType[], results: readonly ValueType[], name?: string): FunctionBuilder {
    const index = this.#functions.length + (this.#imported ? 1 : 0)
    const builder = new FunctionBuilder(index, parameters, results)
    this.#functions.push(builder)
    if (name !== undefined) this.export(name, builder)
    return builder
  }

  /** Exports a function that the module already has. */
  export(name: string, target: FunctionBuilder): void {
    this.#exported.push([name, target])
  }

  /** The binary module. It imports `env.memory` of at least one page, and its imported function. */
  encode(): Uint8Array<ArrayBuffer> {
    const module = new ByteWriter(65536).bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    const section = (id: number, write: (body: ByteWriter) => void): void => {
      const body = new ByteWriter(4096)
      write(body)
      module.byte(id).unsigned(body.length).bytes(body.written)
    }
    const typeIndex = this.#functions.map(f => this.#typeOf(f))
    const imported = this.#imported
    const importedType = imported && this.#typeOf(imported.f)
    section(1, body => {
      body.unsigned(this.#types.size)
      for (const type of this.#types.keys()) body.bytes(type.split(',').map(Number))
    })
    section(2, body => {
      body.unsigned(imported ? 2 : 1)
      body.text('env').text('memory').byte(2)
      body
        .byte(this.#shared ? 3 : 1)
        .unsigned(1)
        .unsigned(65536)
      if (imported && importedType !== undefined) body.text('env').text(imported.name).byte(0).unsigned(importedType)
    })
    section(3, body => {
      body.unsigned(typeIndex.length)
      for (const index of typeIndex) body.unsigned(index)
    })
    section(7, body => {
      body.unsigned(this.#exported.length)
      for (const [name, f] of this.#exported) body.text(name).byte(0).unsigned(f.index)
    })
    section(10, body => {
      body.unsigned(this.#functions.length)
      for (const f of this.#functions) f.encode(body)
    })
    return module.written.slice()
  }

  #typeOf({ parameters, results }: FunctionBuilder): number {
    const codes = (types: readonly ValueType[]): number[] => [types.length, ...types.map(type => typeCodes[type])]
    const key = [0x60, ...codes(parameters), ...codes(results)].join(',')
    const known = this.#types.get(key) ?? this.#types.size
    this.#types.set(key, known)
    return known
  }
}

/** A module with an empty custom section: the same code in different bytes. */
export function withSection(bytes: Uint8Array<ArrayBuffer>, name: string): Uint8Array<ArrayBuffer> {
  const contents = new ByteWriter().text(name)
  return new ByteWriter(bytes.length + contents.length + 8)
    .bytes(bytes)
    .byte(0)
    .unsigned(contents.length)
    .bytes(contents.written)
    .written.slice()
}
