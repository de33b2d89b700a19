/**
 * Fovea in the layer sweep: a program for each convolution, run through the engine. First argument: `plain`,
 * `wide` for V8's 256-bit vectors, or `native` for machine code.
 *
 * Volumes are channels last (or samples innermost) inside a network but row-major where a program begins and ends. So that
 * conversions are not measured with the convolution, its operands are made within the program by one element-wise step,
 * which writes them as the layer before would, and of volumes that it computes only a corner is handed back. What is left of
 * a second program without the convolution is subtracted: that step and the call.
 */
import { readFile } from 'node:fs/promises'
import type { CpuPlan } from '../../../dist/debug.js'
import type { Executable, Program, RunInputs, Tensor, Volume } from '../../../dist/index.js'
import {
  add,
  conv2d,
  createWasmEngine,
  gradients,
  input,
  mul,
  sizeOf,
  slice,
  sum,
  Variable,
} from '../../../dist/index.js'
import { threads } from '../protocol.ts'
import { serveLayers } from './protocol.ts'
import { shapesOf, type Task } from './tasks.ts'

interface Compiled {
  readonly plan: CpuPlan
  run(): Promise<void>
  close(): Promise<void>
}

const on = (mode: string): 'on' | 'off' => (process.argv[2] === mode ? 'on' : 'off')
const kernels = { wide: on('wide'), native: on('native') }

/** A volume that an element-wise step makes of a row and a column of numbers. */
function made(name: string, [batch, channels, height, width]: readonly number[]): Volume {
  const perChannel = input(`${name}.channels`, [batch, channels, 1, 1], { batched: true })
  const perPosition = input(`${name}.positions`, [1, 1, height, width])
  return add(perChannel, perPosition) as Volume
}

/** One element of every image: so much less than all of them that it takes no time. */
function corner(volume: Tensor): Tensor {
  return slice(volume, [0, 0, 0, 0], [volume.shape[0], 1, 1, 1])
}

/** The program of a task, and the same without the convolution. */
function programsOf(task: Task): { program: Program; around: Program } {
  const { x: xShape, w: wShape, y: yShape } = shapesOf(task)
  const options = { stride: task.stride, padding: task.pad, groups: task.groups }
  const program = (outputs: Program['outputs']): Program => ({ outputs, updates: new Map() })
  if (task.pass === 'forward') {
    // A variable that the program leaves alone: what is made of weights is made ahead of the runs.
    const weights = new Variable(wShape, { name: 'w', value: numbers(wShape.reduce((n, size) => n * size, 1)) })
    const x = made('x', xShape)
    return {
      program: program({ y: corner(conv2d(x, weights.tensor as Volume, options)) }),
      around: program({ x: corner(x) }),
    }
  }
  const g = made('g', yShape)
  const toInput = task.pass === 'inputGradient'
  const x = toInput ? input('x', xShape, { batched: true }) : made('x', xShape)
  const w = input('w', wShape)
  const [gradient] = gradients(sum(mul(conv2d(x, w, options), g)), [toInput ? x : w])
  // The weights of a layer are in the engine's memory; here every run copies them there, which is subtracted, too.
  return toInput
    ? { program: program({ dx: corner(gradient) }), around: program({ g: corner(g), w: corner(w) }) }
    : { program: program({ dw: gradient }), around: program({ x: corner(x), g: corner(g) }) }
}

/** Numbers around zero. */
function numbers(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((i * 2654435761) % 2048) / 2048 - 0.5)
}

/** Compiles a program on an engine of its own. */
async function compile(program: Program, innermost: Task['innermost']): Promise<Compiled> {
  const engine = createWasmEngine({ threads, ...kernels, innermost })
  const executable = await engine.compile(program)
  const inputs = Object.fromEntries(
    Array.from(executable.inputs, ([name, { shape }]) => [name, numbers(sizeOf(shape))]),
  )
  return { plan: executable.plan, run: () => run(executable, inputs), close: () => engine.close() }
}

/** Runs a program; what it gives stays in the engine's memory. */
async function run(executable: Executable, inputs: RunInputs): Promise<void> {
  await executable.run(inputs, { read: [] })
}

const convolutions: Readonly<Record<Task['pass'], string>> = {
  forward: 'conv2d',
  inputGradient: 'conv2dInputGradient',
  weightGradient: 'conv2dWeightGradient',
}

/** The name of the method. @throws Error when the program has another convolution than its task's. */
function methodOf(plan: CpuPlan, { pass, innermost }: Task): string {
  const steps = plan.groups.flatMap(group => group.steps)
  const found = steps.filter(({ op, form }) => op.startsWith('conv') && form?.kind !== 'stage')
  if (found.length !== 1 || found[0].op !== convolutions[pass]) {
    throw new Error(`the program computes ${found.map(({ op }) => op).join(', ') || 'no convolution'}`)
  }
  const { form } = found[0]
  return form?.kind === 'convolution' ? form.method.name : `${innermost} innermost`
}

await serveLayers({
  version: (
    JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version,
  variant: 'wasm',
  async empty() {
    const engine = createWasmEngine({ threads, ...kernels })
    const executable = await engine.compile({ outputs: { y: add(input('x', [4]), 1) }, updates: new Map() })
    return () => run(executable, { x: [1, 2, 3, 4] })
  },
  async open(task) {
    const { program, around } = programsOf(task)
    const [whole, rest] = [await compile(program, task.innermost), await compile(around, task.innermost)]
    const { x, w, y } = shapesOf(task)
    return {
      result: { forward: y, inputGradient: x, weightGradient: w }[task.pass],
      method: methodOf(whole.plan, task),
      run: whole.run,
      around: rest.run,
      async close() {
        await whole.close()
        await rest.close()
      },
    }
  },
})
