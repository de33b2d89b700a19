/**
 * From a plan to one WebAssembly module: all kernels, and a function `run` that calls them in order.
 *
 * `run(thread, threads, base, arena, scratch, prepare)` is called once per run on every thread; its result is 0, or that of
 * the barrier where it gave up. The groups of the preparation run first when `prepare` is not 0. In a blocked group a thread runs
 * all steps on its share of the blocks; in a whole group it takes its share of every step. After each group the threads
 * meet at a barrier. Addresses of variables, constants and tables are part of the code.
 */
import type { Tensor } from '../../graph/tensor.ts'
import type { Variable } from '../../graph/variable.ts'
import type { Group, Plan } from '../../plan/plan.ts'
import { type Step, storageOf } from '../../plan/steps.ts'
import { type FunctionBuilder, type Local, ModuleBuilder } from './assembler.ts'
import { addBarrier } from './control.ts'
import type { KernelInfo } from './executable.ts'
import type { KernelModule } from './kernel.ts'
import { type AddressOf, blockStride, type KernelCall, lower } from './lower.ts'
import { MathLibrary } from './math.ts'
import type { TileShape } from './tile.ts'

/** Where things live that outlast a run. */
export interface Addresses {
  variable(variable: Variable): number
  constant(tensor: Tensor): number
  /** A value that is computed ahead of the runs. */
  kept(tensor: Tensor): number
  table(values: Int32Array): number
}

/** A kernel in a module. */
export interface GeneratedKernel extends KernelInfo {
  /** Name under which the module exports it, if kernels are exported. */
  readonly name: string
  readonly code: FunctionBuilder
  /** The first step that calls it, and that call. */
  readonly step: Step
  readonly call: KernelCall
}

/** The assembled module and what is worth knowing about it. */
export interface GeneratedCode {
  readonly bytes: Uint8Array<ArrayBuffer>
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
}

/** Steps with fewer units than this per thread are given to one thread whole, in turn. */
const unitsWorthSplitting = 2

/** Assembles a plan. */
export function generate(plan: Plan, addresses: Addresses, options: CodeOptions): GeneratedCode {
  const module = new ModuleBuilder(options.shared)
  const kernels = new KernelSet(module, options)
  const barrier = options.shared ? addBarrier(module) : undefined

  const bodiesOf = (groups: readonly Group[]): FunctionBuilder[] =>
    groups.map(group => emitGroup(module, plan, group, addresses, kernels))
  const [preparation, bodies] = [bodiesOf(plan.preparation), bodiesOf(plan.groups)]
  const run = module.function(['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], ['i32'], 'run')
  const outcome = run.local('i32')
  const [thread, threads, base, arena, scratch, prepare] = [0, 1, 2, 3, 4, 5]
  // Each thread's scratch area.
  run.get(scratch).get(thread).i32(plan.scratchBytes).op('i32.mul', 'i32.add').set(scratch)
  run.block(exit => {
    const emitBody = (body: FunctionBuilder): void => {
      run.get(thread).get(threads).get(arena).get(scratch).call(body)
      if (!barrier) return
      run.get(base).get(threads).op('i32.add').tee(base).call(barrier).tee(outcome).branchIf(exit)
    }
    run.get(prepare)
    run.if(() => preparation.forEach(emitBody))
    bodies.forEach(emitBody)
  })
  run.get(outcome)
  return { bytes: module.encode(), kernels: kernels.all }
}

/** One step's kernel call as a function of its own, for measuring: `(arena, scratch)` runs it over all blocks. */
export interface MeasuredCall {
  readonly step: Step
  /** Whether the step belongs to the preparation. */
  readonly ahead: boolean
  readonly kernel: GeneratedKernel
  readonly name: string
}

/** Assembles a module that exports every kernel call of a plan separately. */
export function generateCalls(
  plan: Plan,
  addresses: Addresses,
  options: CodeOptions,
): { bytes: Uint8Array<ArrayBuffer>; calls: MeasuredCall[] } {
  const module = new ModuleBuilder(options.shared)
  const kernels = new KernelSet(module, options)
  const calls: MeasuredCall[] = []
  for (const group of [...plan.preparation, ...plan.groups]) {
    for (const step of group.steps) {
      for (const call of lower(plan, group, step, kernels.wide)) {
        const kernel = kernels.of(step, call)
        const name = `call${calls.length}`
        const f = module.function(['i32', 'i32'], [], name)
        const block = f.local('i32')
        const pushCall = callEmitter(f, plan, group, addresses, { arena: 0, scratch: 1, block })
        f.for(block, { value: 0 }, { value: group.kind === 'blocked' ? plan.blocks : 1 }, () => {
          f.i32(0).i32(call.kernel.units)
          pushCall(step, call, kernel.code)
        })
        calls.push({ step, ahead: plan.preparation.includes(group), kernel, name })
      }
    }
  }
  return { bytes: module.encode(), calls }
}

/** The distinct kernels of a module, each emitted when it is first called. */
class KernelSet {
  private readonly kernels = new Map<string, GeneratedKernel>()
  private readonly module: ModuleBuilder
  private readonly target: KernelModule
  private readonly exported: boolean
  /** Whether kernels are written for wide vectors. */
  readonly wide: boolean

  constructor(module: ModuleBuilder, { fused, wide, exportKernels = false }: CodeOptions) {
    this.module = module
    this.wide = wide
    this.target = { module, math: new MathLibrary(module), fused }
    this.exported = exportKernels
  }

  get all(): GeneratedKernel[] {
    return [...this.kernels.values()]
  }

  /** The kernel of a call. */
  of(step: Step, call: KernelCall): GeneratedKernel {
    const { key } = call.kernel
    const known = this.kernels.get(key)
    if (known) return known
    const code = call.kernel.emit(this.target)
    const name = `kernel${this.kernels.size}`
    if (this.exported) this.module.export(name, code)
    const parts = [...code.reachable]
    const codeBytes = parts.reduce((sum, { codeSize }) => sum + codeSize, 0)
    const tile = parts.map(part => part.tile).reduce((a, b) => (areaOf(b) > areaOf(a) ? b : a))
    const kernel = { key, codeBytes, name, code, step, call, ...(tile && { tile }) }
    this.kernels.set(key, kernel)
    return kernel
  }
}

const areaOf = (tile: TileShape | undefined): number => (tile ? tile.rows * tile.columns : 0)

/** A function `(thread, threads, arena, scratch)` that does one thread's share of a group. */
function emitGroup(
  module: ModuleBuilder,
  plan: Plan,
  group: Group,
  addresses: Addresses,
  kernels: KernelSet,
): FunctionBuilder {
  // Kernels first: a function's index is fixed when it is added.
  const calls = group.steps.map(step =>
    lower(plan, group, step, kernels.wide).map(call => ({ step, call, kernel: kernels.of(step, call).code })),
  )
  const f = module.function(['i32', 'i32', 'i32', 'i32'], [])
  const [thread, threads, arena, scratch] = [0, 1, 2, 3]
  const [from, to, block] = f.localArray('i32', 3)
  const pushCall = callEmitter(f, plan, group, addresses, { arena, scratch, block })

  if (group.kind === 'blocked') {
    pushShare(f, thread, threads, plan.blocks, from, to)
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
    // Few units: the whole step goes to one thread, the next one to the next thread.
    f.i32(units).get(threads).i32(unitsWorthSplitting).op('i32.mul', 'i32.ge_s')
    f.if(
      () => pushShare(f, thread, threads, units, from, to),
      () => {
        f.i32(0).set(from)
        f.i32(units).i32(0).i32(index).get(threads).op('i32.rem_u').get(thread).op('i32.eq', 'select').set(to)
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

/** Pushes the addresses of a call's operands and tables, and calls the kernel; its range is on the stack already. */
function callEmitter(
  f: FunctionBuilder,
  plan: Plan,
  group: Group,
  addresses: Addresses,
  { arena, scratch, block }: { arena: Local; scratch: Local; block: Local },
): (step: Step, call: KernelCall, target: FunctionBuilder) => void {
  const pushAddress = (step: Step, { tensor, offset }: AddressOf): void => {
    if (tensor === 'workspace') {
      f.get(scratch)
        .i32(plan.workspaceOffset + offset)
        .op('i32.add')
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
      if (value.offset + offset !== 0) f.i32(value.offset + offset).op('i32.add')
    }
    if (group.kind !== 'blocked' || value.space === 'scratch') return
    const stride = blockStride(plan, step, tensor)
    if (stride !== 0) f.get(block).i32(stride).op('i32.mul', 'i32.add')
  }
  return (step, { kernel, addresses: operands }, target) => {
    for (const operand of operands) pushAddress(step, operand)
    for (const table of kernel.tables) f.i32(addresses.table(table))
    f.call(target)
  }
}

/** Sets `from`, `to` to this thread's share of `count`: shares differ by at most one. */
function pushShare(f: FunctionBuilder, thread: Local, threads: Local, count: number, from: Local, to: Local): void {
  f.get(thread).i32(count).op('i32.mul').get(threads).op('i32.div_u').set(from)
  f.get(thread).i32(1).op('i32.add').i32(count).op('i32.mul').get(threads).op('i32.div_u').set(to)
}
