/**
 * The encoder of machine code against a disassembler: every general instruction and every vector instruction in the forms
 * that native code has, on random registers, addresses and constants.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { conditions } from '../../../src/backends/native/conditions.ts'
import { type VectorInstructionName, vectorInstructions } from '../../../src/backends/native/instructions.ts'
import type { Memory, Place } from '../../../src/backends/native/operand.ts'
import { arithmetic, MachineCode, type VectorInstruction, type VectorLength } from '../../../src/backends/native/x86.ts'
import { RandomSequence } from '../../../src/random/philox.ts'

const noDisassembler = spawnSync('objdump', ['--version']).error ? 'there is no objdump' : undefined

const random = new RandomSequence(1, 'encoder')
const below = (n: number): number => Math.floor(random.uniform() * n)
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!

const long = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  ...[8, 9, 10, 11, 12, 13, 14, 15].map(n => `r${n}`),
]
const word = long.map((name, n) => (n < 8 ? `e${name.slice(1)}` : `${name}d`))
const byte = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil', ...long.slice(8).map(name => `${name}b`)]
const vector = (n: number, length: number): string => `${['xmm', 'ymm', 'zmm'][length]}${n}`

/** A number as the disassembler writes it. */
const hex = (value: number): string => `0x${value.toString(16)}`
const hex32 = (value: number): string => hex(value >>> 0)

/** Displacements about the limits of one byte, in all units that EVEX has. */
const displacements = [
  ...[0, 1, -1, 127, 128, -128, -129, 0x12345, -0x12345, 2 ** 31 - 1, -(2 ** 31)],
  ...[4, 8, 16, 32, 64].flatMap(unit => [1, -1, 127, 128, -128, -129].flatMap(n => [n * unit, n * unit + 1])),
]

/** Memory at any base, with and without an index. */
const anyMemory = (): Memory => {
  const index = oneOf([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  return { base: below(16), ...(below(2) === 0 && { index }), displacement: oneOf(displacements) }
}

/** A place as the disassembler writes it; `poolStart` is where constants begin. */
function textOf(place: Place, register: (n: number) => string, poolStart: number): string {
  if (typeof place === 'number') return register(place)
  if ('pool' in place) return `[${hex(poolStart + place.pool)}]`
  const { base, index, displacement: d } = place
  const parts = long[base]! + (index === undefined ? '' : `+${long[index]}*1`)
  return `[${parts}${d === 0 ? '' : d < 0 ? `-${hex(-d)}` : `+${hex(d)}`}]`
}

/** What an instruction should read, once it is known where the constants begin. */
type Expected = (poolStart: number) => string

/** Instructions written one after another, with what the disassembler should say. */
class Listing {
  readonly code = new MachineCode()
  readonly #expected: { readonly at: number; readonly text: Expected }[] = []

  add(write: (code: MachineCode) => void, text: string | Expected): void {
    this.#expected.push({ at: this.code.size, text: typeof text === 'string' ? () => text : text })
    write(this.code)
  }

  /** A place in memory: on the stack, in WebAssembly's memory, or a constant. */
  memory(): Place {
    return below(6) === 0
      ? this.code.constant(Array.from({ length: oneOf([1, 4, 8, 16]) }, () => below(2 ** 31)))
      : anyMemory()
  }

  check(): void {
    const end = this.code.size
    const poolStart = Math.ceil(end / 64) * 64
    const found = disassembled(this.code.finish().slice(0, end))
    const wrong = this.#expected
      .map(({ at, text }) => ({ at, expected: text(poolStart), found: found.get(at) }))
      .filter(({ expected, found: text }) => text !== expected)
    expect(wrong.slice(0, 20)).toEqual([])
    expect(found.size).toBe(this.#expected.length)
  }
}

/** The instructions of a piece of code by their offsets. */
function disassembled(bytes: Uint8Array): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), 'encoder-'))
  try {
    const file = join(folder, 'code')
    writeFileSync(file, bytes)
    const options = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--no-show-raw-insn']
    const { stdout } = spawnSync('objdump', [...options, file], { encoding: 'utf8', maxBuffer: 2 ** 28 })
    const lines = [...stdout.matchAll(/^\s*([0-9a-f]+):\s+(.*)$/gm)]
    return new Map(lines.map(([, at, text]) => [Number.parseInt(at!, 16), plainText(text!)]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Without the sizes of operands, displacements of 0 and prefixes that change nothing; constants by their address. */
function plainText(text: string): string {
  const [instruction, address] = text.split('#').map(part => part.trim())
  return instruction!
    .replace(/^rex /, '')
    .replace(/\b(?:BYTE|DWORD|QWORD|XMMWORD|YMMWORD|ZMMWORD) (?:PTR|BCST) /, '')
    .replace(/\[rip\+0x[0-9a-f]+\]/, `[${address}]`)
    .replace('+0x0]', ']')
    .replace(/\s+/, ' ')
    .trim()
}

const conditionNames: Readonly<Record<string, string>> = {
  below: 'b',
  notBelow: 'ae',
  equal: 'e',
  notEqual: 'ne',
  notAbove: 'be',
  above: 'a',
  less: 'l',
  notLess: 'ge',
  notGreater: 'le',
  greater: 'g',
}

test.skipIf(noDisassembler)('general instructions are what their names say', () => {
  const listing = new Listing()
  const w = (n: number): string => word[n]!
  /** Adds `name to, place`, with the place a register or memory. */
  const both = (name: string, write: (code: MachineCode, to: number, place: Place) => void, names = word): void => {
    const [to, place] = [below(16), below(2) === 0 ? below(16) : listing.memory()]
    listing.add(
      code => write(code, to, place),
      start => `${name} ${names[to]},${textOf(place, n => names[n]!, start)}`,
    )
  }
  const stored = (
    name: string,
    names: readonly string[],
    write: (code: MachineCode, to: Memory, n: number) => void,
  ): void => {
    const [to, from] = [anyMemory(), below(16)]
    listing.add(
      code => write(code, to, from),
      start => `${name} ${textOf(to, w, start)},${names[from]}`,
    )
  }
  for (let round = 0; round < 150; round++) {
    const [r, s] = [below(16), below(16)]
    const value = oneOf([0, 1, -1, 127, 128, -128, -129, 255, 2 ** 31 - 1, -(2 ** 31), below(2 ** 31)])
    listing.add(code => code.push(r), `push ${long[r]}`)
    listing.add(code => code.pop(r), `pop ${long[r]}`)
    listing.add(code => code.moveConstant(r, value), `mov ${w(r)},${hex32(value)}`)
    both('mov', (code, to, place) => code.move(to, place))
    both('mov', (code, to, place) => code.moveLong(to, place), long)
    stored('mov', word, (code, to, n) => code.store(to, n))
    stored('mov', long, (code, to, n) => code.storeLong(to, n))
    stored('mov', byte, (code, to, n) => code.storeByte(to, n))
    const memory = anyMemory()
    const there = textOf(memory, w, 0)
    listing.add(code => code.storeConstant(memory, value), `mov ${there},${hex32(value)}`)
    listing.add(code => code.moveByte(r, memory), `movzx ${w(r)},${there}`)
    listing.add(code => code.address(r, memory), `lea ${w(r)},${there}`)
    listing.add(code => code.prefetch(memory), `prefetcht0 ${there}`)
    const operation = oneOf(Object.keys(arithmetic) as (keyof typeof arithmetic)[])
    both(operation, (code, to, place) => code.arithmetic(operation, to, place))
    const place = below(2) === 0 ? r : listing.memory()
    listing.add(
      code => code.arithmeticConstant(operation, place, value),
      start => `${operation} ${textOf(place, w, start)},${hex32(value)}`,
    )
    both('imul', (code, to, from) => code.multiply(to, from))
    listing.add(
      code => code.multiplyConstant(s, place, value),
      start => `imul ${w(s)},${textOf(place, w, start)},${hex32(value)}`,
    )
    listing.add(
      code => code.divide(place, true),
      start => `idiv ${textOf(place, w, start)}`,
    )
    listing.add(
      code => code.divide(place, false),
      start => `div ${textOf(place, w, start)}`,
    )
    listing.add(code => code.test(r, s), `test ${w(r)},${w(s)}`)
    const by = 2 + below(30)
    for (const [how, name] of [
      ['left', 'shl'],
      ['right', 'shr'],
      ['signed', 'sar'],
    ] as const)
      listing.add(code => code.shift(r, how, by), `${name} ${w(r)},${hex(by)}`)
    const condition = oneOf(Object.keys(conditions) as (keyof typeof conditions)[])
    listing.add(code => code.setIf(conditions[condition], r), `set${conditionNames[condition]} ${byte[r]}`)
    listing.add(code => code.extendByte(r), `movzx ${w(r)},${byte[r]}`)
    both(`cmov${conditionNames[condition]}`, (code, to, from) => code.moveIf(conditions[condition], to, from))
    const label = listing.code.label()
    const jumped = (): string => hex(listing.code.offsetOf(label))
    listing.add(
      code => code.jump(label),
      () => `jmp ${jumped()}`,
    )
    if (round % 2 === 0) listing.code.bind(label)
    listing.add(
      code => code.jumpIf(conditions[condition], label),
      () => `j${conditionNames[condition]} ${jumped()}`,
    )
    listing.add(
      code => code.call(label),
      () => `call ${jumped()}`,
    )
    if (round % 2 === 1) listing.code.bind(label)
    const bytes = 64 * (1 + below(1000))
    listing.add(code => code.moveStack(bytes), `add rsp,${hex(bytes)}`)
    listing.add(code => code.moveStack(-bytes), `add rsp,0x${(2n ** 64n - BigInt(bytes)).toString(16)}`)
  }
  listing.add(code => code.alignStack(), 'and rsp,0xffffffffffffffc0')
  listing.add(code => code.extendSign(), 'cdq')
  listing.add(code => code.cpuid(), 'cpuid')
  listing.add(code => code.xgetbv(), 'xgetbv')
  listing.add(code => code.clearUpperVectors(), 'vzeroupper')
  listing.add(code => code.return(), 'ret')
  listing.check()
})

/**
 * How an instruction is written: `rvm` has three operands, `rm` two, `mr` two with the place first, `vmi` is a shift. Letters
 * after a colon: `g` the place is a general register, `m` it is memory only, `r` never memory, `1` single numbers or one length of
 * vectors only, `x` the place has 16 bytes whatever the length, `i` there is an immediate, `k` the result of vectors of 64 bytes is a mask.
 */
const forms = Object.fromEntries(
  Object.entries({
    rvm: 'addps mulps subps minps divps maxps andps andnps orps xorps addpd paddd psubd pmuludq pmulld pmaxsd fmadd231ps fmadd132ps fnmadd231ps fnmadd132ps',
    'rvm:1': 'addss mulss subss divss sqrtss cvtss2sd addsd cvtsd2ss',
    'rvm:i': 'shufps blendps pternlogd',
    'rvm:1i': 'roundss insertps',
    'rvm:p': 'cmpps',
    'rvm:1p': 'cmpss',
    'rvm:k': 'pcmpeqd pcmpgtd',
    rm: 'sqrtps cvtdq2ps movaps loadups cvttps2dq cvtudq2ps',
    'rm:i': 'pshufd roundps',
    'rm:1': 'cvtps2pd cvtpd2ps pmovzxbw pmovzxwd ptest',
    'rm:1m': 'loadss loadq loadsd',
    'rm:1g': 'movd',
    'rm:x': 'broadcastss',
    'rm:mask': 'pmovm2d',
    'mr:m': 'storeups',
    'mr:1m': 'storess storesd',
    'mr:1g': 'storemovd',
    'mr:part': 'extractf128',
    'rvm:1g': 'cvtsi2ss',
    'rvm:1gi': 'pinsrd',
    shift: 'shiftd',
  }).flatMap(([form, names]) => names.split(' ').map(name => [name, form])),
) as Readonly<Record<VectorInstructionName, string>>

/** Names that the disassembler has for instructions of ours, where they differ. */
const otherNames: Partial<Record<VectorInstructionName, string>> = {
  loadups: 'movups',
  storeups: 'movups',
  loadss: 'movss',
  storess: 'movss',
  loadq: 'movq',
  loadsd: 'movsd',
  storesd: 'movsd',
  storemovd: 'movd',
}

/** Names of those that have another in EVEX form. */
const evexNames: Partial<Record<VectorInstructionName, string>> = {
  roundps: 'rndscaleps',
  roundss: 'rndscaless',
}

const predicates = [
  [0, 'eq'],
  [4, 'neq'],
  [17, 'lt_oq'],
  [18, 'le_oq'],
  [29, 'ge_oq'],
  [30, 'gt_oq'],
] as const

/** Adds one instruction with random operands. */
function addVector(listing: Listing, name: VectorInstructionName): void {
  const instruction: VectorInstruction = vectorInstructions[name]
  const [form, flags = ''] = forms[name].split(':') as [string, string?]
  const has = (flag: string): boolean => flags.includes(flag) && flags !== 'mask' && flags !== 'part'
  const single = has('1')
  const compared = has('p') || has('k')
  const length = (
    single ? 0 : flags === 'part' ? 1 + below(2) : below(instruction.only === 'vex' ? 2 : 3)
  ) as VectorLength
  const mask = compared && length === 2
  // Comparisons of shorter vectors have low registers only: with others their result would be a mask.
  const low = instruction.only === 'vex' || (compared && length < 2) || below(3) === 0
  const any = (): number => below(low ? 16 : 32)
  const [reg, operand] = [mask ? 1 : any(), any()]
  const general = has('g')
  const inMemory = has('m') || (!general && form !== 'shift' && flags !== 'mask' && flags !== 'part' && below(2) === 0)
  // Stores have no constants to write to.
  const place: Place = inMemory
    ? form === 'mr'
      ? anyMemory()
      : listing.memory()
    : general
      ? below(16)
      : flags === 'mask'
        ? 1
        : any()
  const far =
    reg >= 16 ||
    (form === 'rvm' || form === 'shift' ? operand >= 16 : false) ||
    (typeof place === 'number' && place >= 16)
  const evex = length === 2 || far || instruction.only === 'evex'
  const predicate = oneOf(predicates)
  const immediate = has('p') ? predicate[0] : has('i') ? below(name === 'pinsrd' ? 4 : 256) : undefined
  const own = (evex && evexNames[name]) || otherNames[name] || name
  const placed = (start: number): string =>
    textOf(place, n => (general ? word[n]! : flags === 'mask' ? `k${n}` : vector(n, has('x') ? 0 : length)), start)
  const result = mask ? `k${reg}` : vector(reg, length)
  const last = has('i') ? `,${hex(immediate!)}` : ''
  const write =
    (operands: readonly [number, number, Place], byte = immediate) =>
    (code: MachineCode): void =>
      code.vector(vectorInstructions[name], length, operands, byte)
  if (form === 'shift') {
    const [group, kind] = oneOf([
      [2, 'vpsrld'],
      [4, 'vpsrad'],
      [6, 'vpslld'],
    ] as const)
    const by = below(32)
    listing.add(
      write([group, operand, place], by),
      start => `${kind} ${vector(operand, length)},${placed(start)},${hex(by)}`,
    )
  } else if (flags === 'part') {
    const part = 1 + below(length === 1 ? 1 : 3)
    const to = place as number
    const kind = evex ? 'vextractf32x4' : 'vextractf128'
    listing.add(write([reg, 0, place], part), `${kind} ${vector(to, 0)},${result},${hex(part)}`)
  } else if (has('b')) {
    const chooser = below(16)
    listing.add(
      write([reg, operand, place], chooser << 4),
      start => `v${own} ${result},${vector(operand, length)},${placed(start)},${vector(chooser, length)}`,
    )
  } else if (form === 'mr') {
    listing.add(write([reg, 0, place]), start => `v${own} ${placed(start)},${result}${last}`)
  } else if (form === 'rm') {
    listing.add(write([reg, 0, place]), start => `v${own} ${result},${placed(start)}${last}`)
  } else {
    const kind = has('p') ? name.replace('cmp', `cmp${predicate[1]}`) : own
    listing.add(
      write([reg, operand, place]),
      start => `v${kind} ${result},${vector(operand, length)},${placed(start)}${last}`,
    )
  }
}

test.skipIf(noDisassembler)('vector instructions are what their names say, in VEX and in EVEX form', () => {
  const listing = new Listing()
  for (const name of Object.keys(vectorInstructions) as VectorInstructionName[])
    for (let round = 0; round < 120; round++) addVector(listing, name)
  listing.check()
})

test('a label that is never bound is an error', () => {
  const code = new MachineCode()
  code.jump(code.label())
  expect(() => code.finish()).toThrow('machine code: label 0 is not bound')
})
