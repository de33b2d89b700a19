/**
 * From a plan to one WebAssembly module: all kernels, and functions that call them in order.
 *
 * `alone(arena, scratch, prepare, from, to)` runs the groups `from … to − 1` of the plan on one thread. Every thread
 * calls `together(thread, threads, base, arena, scratch, prepare, from, to)` once per run; a negative result means that
 * it waited for a thread in vain (`failures` in `control.ts`). A group is cut into as many shares as there are threads, and threads take shares as they arrive. A
 * share of a blocked group is all steps on a part of the blocks; a share of a whole group is a part of every step. The
 * next group begins when all shares are done. The groups of the preparation run first when `prepare` is not 0.
 * Addresses of variables, constants and tables are part of the code.
 */
import { yieldInTime } from '../../async/yieldToEvents.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Variable } from '../../graph/variable.ts'
import { storageOf } from '../../plan/step.ts'
import type { CpuGroup, CpuPlan, CpuStep } from '../cpu/layouts/form.ts'
import type { Bound, FunctionBuilder, Local } from './emit/assembler.ts'
import type { VectorLanes, Vectors } from './emit/lanes.ts'
import { MathLibrary } from './emit/math.ts'
import { ModuleBuilder } from './emit/module.ts'
import { largestTile, type TileShape } from './emit/tile.ts'
import type { KernelInfo } from './executable.ts'
import type { KernelModule } from './kernel.ts'
import { type AddressOf, blockStride, type KernelCall, lower } from './lower.ts'
import { addMeeting, contexts } from './runtime/control.ts'
import { patienceFor } from './runtime/work.ts'

/** Addresses of everything that outlasts a run. */
export interface Addresses {
  variable(variable: Variable): number
  constant(tensor: Tensor): number
  /** A value computed ahead of the runs. */
  kept(tensor: Tensor): number
  table(values: Int32Array): number
}

/** A kernel in a module. */
export interface GeneratedKernel extends KernelInfo {
  /** Name under which the module exports it, if kernels are exported. */
  readonly name: string
  readonly code: FunctionBuilder
  /** The first step that calls it, and that call. */
  readonly step: CpuStep
  readonly call: KernelCall
}

/** The assembled module, with information about it. */
export interface GeneratedCode {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The functions that the module calls by its import `native`, in the order of their numbers. */
  readonly native: readonly FunctionBuilder[]
  /** Distinct kernels. */
  readonly kernels: readonly GeneratedKernel[]
}

/** Options of the code. */
export interface CodeOptions {
  /** Whether the memory is shared and several threads may meet. */
  readonly shared: boolean
  /** Whether relaxed fused multiply-adds may be used. */
  readonly fused: boolean
  /** Whether the module is compiled with wide vectors. */
  readonly wide: boolean
  /** Whether the module exports its kernels, besides `run`. */
  readonly exportKernels?: boolean
  /** Lanes of the longest vectors of native code, if groups run as such, outside of the module. */
  readonly native?: VectorLanes
}

/** Steps with fewer units than this per share are not split: each goes whole to one share, in turn. */
const unitsWorthSplitting = 2

/** Assembles a plan. Large ones take a while, in which events are still handled. */
export async function generate(plan: CpuPlan, addresses: Addresses, options: CodeOptions): Promise<GeneratedCode> {
  const module = new ModuleBuilder(options.shared)
  const native = options.native ? new NativeGroups(module) : undefined
  const own = native?.module ?? module
  const kernels = new KernelSet(own, options)
  const bodiesOf = async (groups: readonly CpuGroup[]): Promise<GroupCall[]> => {
    const calls: GroupCall[] = []
    for (const group of groups) {
      const body = emitGroup(own, { plan, group, addresses }, kernels)
      calls.push(
        native?.add(body) ??
          ((f, { share, shares, arena, scratch }) => pushAll(f, [share, shares, arena, scratch]).call(body)),
      )
      await yieldInTime()
    }
    return calls
  }
  const bodies = { preparation: await bodiesOf(plan.preparation), groups: await bodiesOf(plan.groups) }
  emitAlone(module, bodies)
  if (options.shared) emitTogether(module, bodies, plan)
  return { bytes: module.encode(), native: native?.functions ?? [], kernels: kernels.all }
}

/**
 * A module that exports some kernels of a plan by their names, as WebAssembly: what their native code is compared with.
 */
export function generateKernels(
  kernels: readonly GeneratedKernel[],
  { shared, fused }: CodeOptions,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(shared)
  const target = { module, math: new MathLibrary(module), fused }
  for (const { call, name } of kernels) module.export(name, call.kernel.emit(target))
  return module.encode()
}

/** What a group is called with. */
interface GroupArguments {
  readonly thread: Bound
  readonly share: Bound
  readonly shares: Bound
  readonly arena: Bound
  readonly scratch: Bound
}

/** Emits the call of a group. */
type GroupCall = (f: FunctionBuilder, given: GroupArguments) => void

/** The functions of a plan's groups. */
interface GroupBodies {
  readonly preparation: readonly GroupCall[]
  readonly groups: readonly GroupCall[]
}

const pushAll = (f: FunctionBuilder, values: readonly Bound[]): FunctionBuilder => {
  for (const value of values) f.push(value)
  return f
}

/** Groups that run outside of the module: it leaves their arguments in memory and calls an import with their number. */
class NativeGroups {
  readonly functions: FunctionBuilder[] = []
  /** Where the groups' own functions are assembled. */
  readonly module: ModuleBuilder
  readonly #run: FunctionBuilder

  /** @param caller the module that calls them */
  constructor(caller: ModuleBuilder) {
    this.module = new ModuleBuilder(false)
    this.#run = caller.import('native', ['i32'])
  }

  add(body: FunctionBuilder): GroupCall {
    const number = this.functions.push(body) - 1
    return (f, { thread, share, shares, arena, scratch }) => {
      const context = f.local('i32')
      f.push(thread).times(contexts.stride).set(context)
      ;[share, shares, arena, scratch].forEach((value, index) => {
        f.get(context)
          .push(value)
          .memory('i32.store', contexts.address + contexts.arguments + 4 * index)
      })
      f.i32(number).call(this.#run)
    }
  }
}

function emitAlone(module: ModuleBuilder, { preparation, groups }: GroupBodies): void {
  const f = module.function(['i32', 'i32', 'i32', 'i32', 'i32'], [], 'alone')
  const [arena, scratch, prepare, from, to] = [0, 1, 2, 3, 4]
  const emitBody = (call: GroupCall): void => {
    call(f, { thread: { value: 0 }, share: { value: 0 }, shares: { value: 1 }, arena, scratch })
  }
  f.get(prepare)
  f.if(() => preparation.forEach(emitBody))
  for (const [group, call] of groups.entries()) emitWithin(f, group, [from, to], () => emitBody(call))
}

/** Emits the body of a group, to be executed if the group is one of `from … to − 1`. */
function emitWithin(f: FunctionBuilder, group: number, [from, to]: readonly [Local, Local], body: () => void): void {
  f.i32(group).get(from).op('i32.sub').get(to).get(from).op('i32.sub').op('i32.lt_u')
  f.if(body)
}

function emitTogether(module: ModuleBuilder, { preparation, groups }: GroupBodies, plan: CpuPlan): void {
  const { claim, arrive, wait } = addMeeting(module)
  const f = module.function(new Array(8).fill('i32'), ['i32'], 'together')
  const [thread, threads, target, arena, scratch, prepare, from, to] = [0, 1, 2, 3, 4, 5, 6, 7]
  const [share, patience] = f.localArray('i32', 2)
  f.i32(patienceFor(plan)).set(patience)
  // Each thread's scratch area.
  f.address(scratch, [thread, plan.scratchBytes]).set(scratch)
  f.block(exit => {
    const emitBody = (call: GroupCall): void => {
      f.get(target).plus(threads).set(target)
      f.block(allTaken => {
        f.loop(again => {
          f.get(thread).get(threads).get(target).call(claim).tee(share).i32(0).op('i32.lt_s').branchIf(allTaken)
          call(f, { thread, share, shares: threads, arena, scratch })
          f.get(target).call(arrive).branch(again)
        })
      })
      f.get(target).get(patience).call(wait).tee(patience).i32(0).op('i32.lt_s').branchIf(exit)
    }
    f.get(prepare)
    f.if(() => preparation.forEach(emitBody))
    for (const [group, call] of groups.entries()) emitWithin(f, group, [from, to], () => emitBody(call))
  })
  f.get(patience)
}

/** One step's kernel call as a separate function, for measuring: `(arena, scratch)` runs it over all blocks. */
export interface MeasuredCall {
  readonly step: CpuStep
  /** Whether the step belongs to the preparation. */
  readonly ahead: boolean
  readonly kernel: GeneratedKernel
  /** Name under which the module exports it, and the function itself. */
  readonly name: string
  readonly code: FunctionBuilder
}

/** Assembles a module that exports every kernel call of a plan separately. */
export function generateCalls(
  plan: CpuPlan,
  addresses: Addresses,
  options: CodeOptions,
): { module: ModuleBuilder; calls: MeasuredCall[] } {
  const module = new ModuleBuilder(options.shared)
  const kernels = new KernelSet(module, options)
  const calls: MeasuredCall[] = []
  for (const group of [...plan.preparation, ...plan.groups]) {
    for (const step of group.steps) {
      for (const call of lower(plan, group, step, kernels.vectors)) {
        const kernel = kernels.of(step, call)
        const name = `call${calls.length}`
        const f = module.function(['i32', 'i32'], [], name)
        const block = f.local('i32')
        const pushCall = callEmitter(f, { plan, group, addresses }, { arena: 0, scratch: 1, block })
        f.for(block, { value: 0 }, { value: group.kind === 'blocked' ? plan.blocks : 1 }, () => {
          f.i32(0).i32(call.kernel.units)
          pushCall(step, call, kernel.code)
        })
        calls.push({ step, ahead: plan.preparation.includes(group), kernel, name, code: f })
      }
    }
  }
  return { module, calls }
}

/** The distinct kernels of a module, each emitted when it is first called. */
class KernelSet {
  readonly #kernels = new Map<string, GeneratedKernel>()
  readonly #module: ModuleBuilder
  readonly #target: KernelModule
  readonly #exported: boolean
  /** The vectors that kernels are written for. */
  readonly vectors: Vectors

  constructor(module: ModuleBuilder, { fused, wide, exportKernels = false, native }: CodeOptions) {
    this.#module = module
    this.vectors = { lanes: native ?? 4, joined: wide }
    this.#target = { module, math: new MathLibrary(module), fused, ...(native && { longest: native }) }
    this.#exported = exportKernels
  }

  get all(): GeneratedKernel[] {
    return [...this.#kernels.values()]
  }

  /** The kernel of a call. */
  of(step: CpuStep, call: KernelCall): GeneratedKernel {
    const { key } = call.kernel
    const known = this.#kernels.get(key)
    if (known) return known
    const code = call.kernel.emit(this.#target)
    const name = `kernel${this.#kernels.size}`
    if (this.#exported) this.#module.export(name, code)
    const parts = [...code.reachable]
    const codeBytes = parts.reduce((sum, { codeSize }) => sum + codeSize, 0)
    const tile = parts.map(largestTile).reduce((a, b) => (areaOf(b) > areaOf(a) ? b : a))
    const kernel = { key, codeBytes, name, code, step, call, ...(tile && { tile }) }
    this.#kernels.set(key, kernel)
    return kernel
  }
}

const areaOf = (tile: TileShape | undefined): number => (tile ? tile.rows * tile.columns : 0)

/** A group of a plan, and the addresses of its values. */
interface PlacedGroup {
  readonly plan: CpuPlan
  readonly group: CpuGroup
  readonly addresses: Addresses
}

/** A function `(share, shares, arena, scratch)` that does one share of a group. */
function emitGroup(module: ModuleBuilder, placed: PlacedGroup, kernels: KernelSet): FunctionBuilder {
  const { plan, group } = placed
  // Kernels first: a function's index is fixed when it is added.
  const calls = group.steps.map(step =>
    lower(plan, group, step, kernels.vectors).map(call => ({ step, call, kernel: kernels.of(step, call).code })),
  )
  const f = module.function(['i32', 'i32', 'i32', 'i32'], [])
  const [share, shares, arena, scratch] = [0, 1, 2, 3]
  const [from, to, block] = f.localArray('i32', 3)
  const pushCall = callEmitter(f, placed, { arena, scratch, block })

  if (group.kind === 'blocked') {
    pushShare(f, [share, shares], plan.blocks, [from, to])
    f.for(block, from, to, () => {
      for (const { step, call, kernel } of calls.flat()) {
        f.i32(0).i32(call.kernel.units)
        pushCall(step, call, kernel)
      }
    })
    return f
  }
  calls.flat().forEach(({ step, call, kernel }, index) => {
    const { units } = call.kernel
    // Few units: the whole step goes to one share, the next step to the next share.
    f.i32(units).get(shares).times(unitsWorthSplitting).op('i32.ge_s')
    f.if(
      () => pushShare(f, [share, shares], units, [from, to]),
      () => {
        f.i32(0).set(from)
        f.i32(units).i32(0).i32(index).get(shares).op('i32.rem_u').get(share).op('i32.eq', 'select').set(to)
      },
    )
    f.get(from).get(to).op('i32.lt_s')
    f.if(() => {
      f.get(from).get(to)
      pushCall(step, call, kernel)
    })
  })
  return f
}

/** Pushes the addresses of a call's operands and tables, and calls the kernel; its range is already on the stack. */
function callEmitter(
  f: FunctionBuilder,
  { plan, group, addresses }: PlacedGroup,
  { arena, scratch, block }: { arena: Local; scratch: Local; block: Local },
): (step: CpuStep, call: KernelCall, target: FunctionBuilder) => void {
  const pushAddress = (step: CpuStep, { tensor, offset }: AddressOf): void => {
    if (tensor === 'workspace') {
      f.get(scratch).offset(plan.workspaceOffset + offset)
      return
    }
    const value = plan.value(tensor)
    if (!value) throw new Error(`plan: no place for ${tensor.label ?? `tensor ${tensor.id}`}`)
    const storage = storageOf(tensor)
    if (value.space === 'variable' && value.variable) f.i32(addresses.variable(value.variable) + offset)
    else if (value.space === 'constant') f.i32(addresses.constant(storage) + offset)
    else if (value.space === 'kept') f.i32(addresses.kept(storage) + offset)
    else {
      f.get(value.space === 'arena' ? arena : scratch)
      if (value.offset + offset !== 0) f.offset(value.offset + offset)
    }
    if (group.kind !== 'blocked' || value.space === 'scratch') return
    const stride = blockStride(plan, step, tensor)
    if (stride !== 0) f.plus(block, stride)
  }
  return (step, { kernel, addresses: operands }, target) => {
    for (const operand of operands) pushAddress(step, operand)
    for (const table of kernel.tables) f.i32(addresses.table(table))
    f.call(target)
  }
}

/** Sets `from` and `to` to a share of `count`; shares differ by at most one. */
function pushShare(
  f: FunctionBuilder,
  [share, shares]: readonly [share: Local, shares: Local],
  count: number,
  [from, to]: readonly [from: Local, to: Local],
): void {
  f.get(share).times(count).get(shares).op('i32.div_u').set(from)
  f.get(share).offset(1).times(count).get(shares).op('i32.div_u').set(to)
}
