/**
 * The measurement of the layer sweep. All contenders are alive at the same time; layer by layer they take short turns, in an
 * order that rotates.
 */
import { fileURLToPath } from 'node:url'
import { ContenderProcess } from '../process.ts'
import type { SecondNode } from '../secondNode.ts'
import { median } from '../statistics.ts'
import type { EmptyAnswer, LayerAnswer, TurnAnswer } from './protocol.ts'
import { shapesOf, type Task } from './tasks.ts'

/** How long to measure a layer. */
export interface LayerEffort {
  readonly turns: number
  /** Milliseconds of a turn; one convolution at least. */
  readonly turnMs: number
  readonly warmUpMs: number
}

/** Who is measured. */
export interface LayerContenderSpec {
  readonly name: string
  readonly fovea: boolean
  readonly command: readonly string[]
  readonly forwardOnly?: boolean
}

/** What was measured of one contender on one layer: median milliseconds by variant, or why there are none. */
export interface LayerTime {
  readonly name: string
  readonly fovea: boolean
  readonly ms: Readonly<Record<string, number>>
  readonly method?: string
  readonly reason?: string
}

/** The line the others are compared with. */
export const subject = 'Fovea'

/**
 * All contenders of the sweep.
 * @param python the interpreter that has PyTorch
 * @param second a second Node, for Fovea alone
 */
export function layerContenders(python: string, second: SecondNode | undefined): LayerContenderSpec[] {
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
  // Convolutions are run for a tenth of a second each: too short for a compiler that waits to see what is hot.
  const fovea = (name: string, node: string, mode: string): LayerContenderSpec => ({
    name,
    fovea: true,
    command: [node, '--no-liftoff', here('./fovea.js'), mode],
  })
  return [
    fovea(subject, process.execPath, 'plain'),
    fovea(`${subject}, native`, process.execPath, 'native'),
    ...(second === undefined
      ? []
      : [
          fovea(`${subject}, ${second.name}`, second.path, 'plain'),
          fovea(`${subject}, ${second.name} wide`, second.path, 'wide'),
          fovea(`${subject}, ${second.name} native`, second.path, 'native'),
        ]),
    // Python files are not compiled: they are run where they were written.
    { name: 'PyTorch', fovea: false, command: [python, here('../../src/layers/torch_layers.py')] },
    {
      name: 'ONNX Runtime',
      fovea: false,
      command: [process.execPath, here('./onnxRuntime.js')],
      forwardOnly: true,
    },
  ]
}

/** Contenders at one thread count. */
export class LayerField {
  private readonly specs: readonly LayerContenderSpec[]
  private readonly threads: number
  private readonly say: (message: string) => void
  private readonly alive = new Map<string, ContenderProcess>()
  /** Contenders that cannot be started. */
  private readonly missing = new Map<string, string>()
  private readonly known = new Map<string, { version: string; emptyMicroseconds: number }>()

  constructor(specs: readonly LayerContenderSpec[], threads: number, say: (message: string) => void) {
    this.specs = specs
    this.threads = threads
    this.say = say
  }

  /** Version of a contender, and the time of a call that computes next to nothing; `undefined` when it never ran. */
  about(name: string): { version: string; emptyMicroseconds: number } | undefined {
    return this.known.get(name)
  }

  /** Measures one task. A contender that fails is started anew for the next. */
  async measure(task: Task, effort: LayerEffort): Promise<LayerTime[]> {
    const able = this.specs.filter(({ forwardOnly }) => !forwardOnly || task.pass === 'forward')
    const reasons = new Map<string, string>()
    const methods = new Map<string, string>()
    const times = new Map<string, Map<string, number[]>>()
    const attempt = async (spec: LayerContenderSpec, work: (on: ContenderProcess) => Promise<void>): Promise<void> => {
      if (reasons.has(spec.name)) return
      try {
        await work(await this.start(spec))
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        reasons.set(spec.name, reason)
        if (!this.missing.has(spec.name)) this.say(`${spec.name}, ${task.id}: ${reason}`)
        await this.alive.get(spec.name)?.stop()
        this.alive.delete(spec.name)
      }
    }
    for (const spec of able) {
      await attempt(spec, async on => {
        const { result, method } = await on.ask<LayerAnswer>({ cmd: 'layer', task, warmUpMs: effort.warmUpMs })
        const expected = resultShape(task)
        if (result.join() !== expected.join()) throw new Error(`computes [${result}], expected [${expected}]`)
        if (method !== undefined) methods.set(spec.name, method)
      })
    }
    for (let turn = 0; turn < effort.turns; turn++) {
      for (const [i] of able.entries()) {
        const spec = able[(i + turn) % able.length]
        await attempt(spec, async on => {
          const { ms } = await on.ask<TurnAnswer>({ cmd: 'turn', turnMs: effort.turnMs })
          const known = times.get(spec.name) ?? new Map<string, number[]>()
          times.set(spec.name, known)
          for (const [variant, value] of Object.entries(ms)) {
            known.set(variant, [...(known.get(variant) ?? []), value])
          }
          // Thread pools may spin for some milliseconds after their last work.
          if (this.threads > 1) await new Promise(resolve => setTimeout(resolve, 30))
        })
      }
    }
    return able.map(({ name, fovea }) => {
      const reason = reasons.get(name)
      const method = methods.get(name)
      // A difference of two times may come out as nothing.
      const medians = [...(times.get(name) ?? [])].map(([variant, values]) => [variant, median(values)] as const)
      const positive = reason === undefined ? medians.filter(([, ms]) => ms > 0) : []
      return {
        name,
        fovea,
        ms: Object.fromEntries(positive),
        ...(method !== undefined && { method }),
        ...(reason !== undefined && { reason }),
      }
    })
  }

  async stop(): Promise<void> {
    for (const process of this.alive.values()) await process.stop()
    this.alive.clear()
  }

  private async start({ name, command }: LayerContenderSpec): Promise<ContenderProcess> {
    const running = this.alive.get(name)
    if (running) return running
    const missing = this.missing.get(name)
    if (missing !== undefined) throw new Error(missing)
    try {
      const process = await ContenderProcess.start(command, undefined, this.threads)
      this.alive.set(name, process)
      if (!this.known.has(name)) {
        const { microseconds } = await process.ask<EmptyAnswer>({ cmd: 'empty' })
        this.known.set(name, { version: process.ready.version, emptyMicroseconds: microseconds })
      }
      return process
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.say(`${name}: ${reason}`)
      this.missing.set(name, reason)
      throw error
    }
  }
}

function resultShape(task: Task): readonly number[] {
  const { x, w, y } = shapesOf(task)
  return { forward: y, inputGradient: x, weightGradient: w }[task.pass]
}
