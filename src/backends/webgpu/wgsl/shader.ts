/** Shaders: the frame around a kernel, and how its work is spread over workgroups. */
import { sizeOf } from '../../../graph/shape.ts'
import type { FusedStep } from '../../../plan/step.ts'
import { printExpression } from './expression.ts'
import { functionsFor } from './functions.ts'
import { broadcastIndex, unsigned } from './indexing.ts'
import type { Binding, Operands } from './operands.ts'

/** One dispatch: a shader, what it binds, and how many workgroups run it. */
export interface Dispatch {
  readonly code: string
  readonly bindings: readonly Binding[]
  readonly workgroups: Workgroups
}

/** Workgroups along x, y and z. */
export type Workgroups = readonly [number, number, number]

/** The most workgroups along an axis that every device allows. */
const mostWorkgroups = 65_535

/** Invocations of a workgroup where nothing asks for more. */
export const lanes = 64

/** `count` workgroups along x and y; {@link workgroupNumber} gives each its number. There may be a few too many. */
export function spread(count: number): Workgroups {
  const rows = Math.ceil(count / mostWorkgroups)
  return [Math.ceil(count / rows), rows, 1]
}

/** The number of a workgroup of {@link spread}. */
export const workgroupNumber = 'group.x + group.y * groups.x'

/** The parts of a shader. */
export interface ShaderParts {
  /** Statements of the entry point. They may read `group`, `groups` and `lane`. */
  readonly body: string
  /** Declarations besides the bindings and the functions of `functions.ts`. */
  readonly declarations?: string
  readonly workgroups: Workgroups
  /** Invocations of a workgroup; {@link lanes} by default. */
  readonly size?: number
}

/** Puts a shader together. */
export function shaderOf(
  operands: Operands,
  { body, declarations = '', workgroups, size = lanes }: ShaderParts,
): Dispatch {
  const functions = functionsFor(`${declarations}\n${body}`)
  const hidden = /\bzero\b/.test(functions)
  const grouped = /\bsubgroup[A-Z]/.test(declarations)
  const builtins = [
    '@builtin(workgroup_id) group: vec3<u32>',
    '@builtin(num_workgroups) groups: vec3<u32>',
    '@builtin(local_invocation_index) lane: u32',
    ...(grouped ? ['@builtin(subgroup_invocation_id) ownMember: u32', '@builtin(subgroup_size) ownSize: u32'] : []),
  ]
  const code = [
    ...(grouped ? ['enable subgroups;'] : []),
    operands.declarations(),
    // A zero that no compiler knows to be one.
    ...(hidden ? ['var<private> zero: u32;'] : []),
    // An invocation's number in its subgroup, and how many that has.
    ...(grouped ? ['var<private> member: u32;', 'var<private> members: u32;'] : []),
    functions,
    declarations,
    `@compute @workgroup_size(${size}) fn main(${builtins.join(', ')}) {`,
    ...(hidden ? ['  zero = groups.x >> 31u;'] : []),
    ...(grouped ? ['  member = ownMember;', '  members = ownSize;'] : []),
    `  ${body}`,
    '}',
  ]
  return { code: code.filter(part => part !== '').join('\n'), bindings: operands.bindings, workgroups }
}

/**
 * A shader whose invocations compute one element each.
 * @param count number of elements
 * @param body  computes and stores element `i`
 */
export function elementShader(operands: Operands, count: number, body: string, declarations?: string): Dispatch {
  return shaderOf(operands, {
    body: `let i = (${workgroupNumber}) * ${lanes}u + lane;\n  if (i >= ${unsigned(count)}) { return; }\n  ${body}`,
    workgroups: spread(Math.ceil(count / lanes)),
    ...(declarations && { declarations }),
  })
}

/** Statements that do a step's epilogue on the value `r` of element `i` of its result. */
function epilogueOf({ epilogue, outputs: [output] }: FusedStep, operands: Operands): string {
  if (!epilogue) return ''
  const { statements, value } = printExpression(
    epilogue.expression,
    index => {
      if (index === 0) return 'r'
      const read = epilogue.inputs[index - 1]
      return operands.float(read, broadcastIndex(read.shape, output.shape, 'i'))
    },
    'e',
  )
  return `${statements}\n    r = ${value};`
}

/** A block that stores element `at` of a step's result, an f32, after the epilogue. */
export function storeResult(step: FusedStep, operands: Operands, at: string, value: string): string {
  return `{
    let i = ${at};
    var r = ${value};
    ${epilogueOf(step, operands)}
    ${operands.store(step.outputs[0], 'i', 'r')}
  }`
}

/**
 * A block that stores elements `at` and `at` + 1 of a step's result in half precision, after the epilogue; `at` is even.
 * @param body statements that set `r` to element `i`, the one or, with `k` = 1, the other
 * @param more statements after each
 * @param size the result may end after `at`
 */
export function storePair(
  step: FusedStep,
  operands: Operands,
  at: string,
  body: string,
  { more = '', size = 0 }: { readonly more?: string; readonly size?: number } = {},
): string {
  return `{
    let first = ${at};
    var halves = vec2<f32>(0.0);
    for (var k = 0u; k < 2u; k++) {
      let i = first + k;
      ${size % 2 === 1 ? `if (i >= ${unsigned(size)}) { break; }` : ''}
      var r = 0.0;
      ${body}
      ${epilogueOf(step, operands)}
      halves[k] = r;
      ${more}
    }
    ${operands.storePair(step.outputs[0], 'first', 'halves')}
  }`
}

/** How a shader stores sums that it has in an array. */
interface SumStore {
  readonly parts: number
  /** Whether neighboring sums are stored two at once. */
  readonly pairs: boolean
  /** Names of the array, and of the place in it. */
  readonly sums: string
  readonly at: string
}

/**
 * Statements that store sums `at` of an array into element `place` of the result or, of a part, of its scratch.
 * @returns them, and how many sums they store: 2 of pairs
 */
export function storeSums(step: FusedStep, operands: Operands, { parts, pairs, sums, at }: SumStore) {
  if (parts > 1) {
    const size = sizeOf(step.outputs[0].shape)
    return { width: 1, store: `${operands.workspace(`part * ${size}u + place`)} = ${sums}[${at}];` }
  }
  if (pairs) return { width: 2, store: storePair(step, operands, 'place', `r = ${sums}[${at} + k];`) }
  return { width: 1, store: storeResult(step, operands, 'place', `${sums}[${at}]`) }
}

/**
 * The shader of a step that computes each element of its result on its own.
 * @param body statements that set `r` (f32) or `q` (i32, u8) to element `i`
 * @param more statements after the element is stored
 */
export function resultShader(step: FusedStep, operands: Operands, body: string, more = ''): Dispatch {
  const [output] = step.outputs
  const size = sizeOf(output.shape)
  if (output.dtype === 'u8') return bytesShader(step, operands, body)
  if (operands.isHalf(output))
    return pairsShader(operands, size, at => storePair(step, operands, at, body, { more, size }))
  if (output.dtype === 'i32') {
    return elementShader(operands, size, `var q = 0i;\n  ${body}\n  ${operands.store(output, 'i', 'q')} ${more}`)
  }
  const store = storeResult(step, operands, 'i', 'r')
  return elementShader(operands, size, `var r = 0.0;\n  ${body}\n  ${store} ${more}`)
}

/** The shader whose invocations store two of `size` elements each: `store` does it from an even number on. */
export function pairsShader(operands: Operands, size: number, store: (at: string) => string): Dispatch {
  const words = Math.ceil(size / 2)
  return shaderOf(operands, {
    body: `let word = (${workgroupNumber}) * ${lanes}u + lane;
  if (word >= ${unsigned(words)}) { return; }
  ${store('word * 2u')}`,
    workgroups: spread(Math.ceil(words / lanes)),
  })
}

/** Bytes are stored four to a word, so an invocation computes four. */
function bytesShader({ outputs: [output] }: FusedStep, operands: Operands, body: string): Dispatch {
  const size = sizeOf(output.shape)
  const store = operands.store(output, 'word', 'bytes')
  return shaderOf(operands, {
    body: `let word = (${workgroupNumber}) * ${lanes}u + lane;
  if (word >= ${unsigned(Math.ceil(size / 4))}) { return; }
  var bytes = 0u;
  for (var k = 0u; k < 4u; k++) {
    let i = word * 4u + k;
    if (i >= ${unsigned(size)}) { break; }
    var q = 0i;
    ${body}
    bytes |= (u32(q) & 255u) << (k * 8u);
  }
  ${store}`,
    workgroups: spread(Math.ceil(size / 4 / lanes)),
  })
}
