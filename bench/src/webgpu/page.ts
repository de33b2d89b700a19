/**
 * The page: all contenders of a row with the same weights on one graphics processor. The bench asks it through
 * `globalThis.bench`; between its calls nothing computes.
 */
import type { Module } from '../../../dist/nn/index.js'
import { exportOnnx } from '../../../dist/onnx/index.js'
import type { KernelTime } from '../contenders/foveaDetails.ts'
import type { Row } from '../rows.ts'
import type { PageContender } from './contender.ts'
import { type CallCounts, counted } from './counts.ts'
import { type FoveaContender, type FoveaWork, makeNetwork, openFovea } from './fovea.ts'
import { openJaxjs } from './jaxjs.ts'
import { openOnnxRuntime } from './onnxRuntime.ts'
import { findRow } from './rows.ts'
import { type HostValue, openTfjs } from './tfjs.ts'

/** Who is measured; the others are compared with the first. */
export type ContenderName = 'Fovea' | 'TensorFlow.js' | 'ONNX Runtime Web' | 'ONNX Runtime Web, NCHW' | 'jax-js'

/** What the adapter says of itself; browsers tell some of it only with their developer features. */
export interface AdapterText {
  readonly vendor: string
  readonly architecture: string
  readonly device: string
  readonly description: string
  readonly driver: string
  readonly software: boolean
}

/** A contender that has begun and computes the same as Fovea. */
export interface Opened {
  readonly version: string
  /** From its first call to the end of its first step, with all shaders compiled. */
  readonly startMs: number
  /** Largest difference to Fovea's answers, in parts of their largest number. */
  readonly difference: number
}

/** Steps whose answers are compared. */
const checked = 2

/** Largest difference that rounding in another order explains. */
const tolerance = 1e-3

class Bench {
  readonly #row: Row
  readonly #network: Module
  readonly #state: readonly HostValue[]
  readonly #version: string
  readonly #contenders = new Map<ContenderName, PageContender>()
  readonly #steps = new Map<ContenderName, number>()
  #fovea: FoveaContender | undefined
  /** Fovea's answers to the first steps. */
  #answers: readonly (readonly number[])[] = []

  /** @param version of Fovea */
  constructor(row: Row, version: string) {
    this.#row = row
    this.#version = version
    this.#network = makeNetwork(row)
    this.#state = [...this.#network.variables().values()].map(({ shape, value }) => ({ shape, data: value.slice() }))
  }

  /** Starts a contender, Fovea first. @throws Error when it cannot, or has other answers than Fovea. */
  async open(name: ContenderName): Promise<Opened> {
    if (name !== 'Fovea' && this.#answers.length === 0) throw new Error('nothing to compare with: Fovea has no answers')
    const started = performance.now()
    const contender = await this.#start(name)
    this.#contenders.set(name, contender)
    const answers: (readonly number[])[] = []
    let startMs = 0
    for (let k = 0; k < checked; k++) {
      answers.push(Array.from(await this.#step(name)))
      if (k === 0) startMs = performance.now() - started
    }
    if (name === 'Fovea') this.#answers = answers
    const difference = largestDifference(answers, this.#answers)
    if (!(difference <= tolerance)) {
      this.#contenders.delete(name)
      throw new Error(`has other answers than Fovea: they differ by ${difference.toPrecision(2)} of the largest`)
    }
    return { version: contender.version, startMs, difference }
  }

  /** Performs steps one after another. @returns milliseconds of each */
  async turn(name: ContenderName, steps: number): Promise<number[]> {
    const times: number[] = []
    for (let k = 0; k < steps; k++) {
      const begin = performance.now()
      const values = await this.#step(name)
      times.push(performance.now() - begin)
      if (!Number.isFinite(values[0])) throw new Error(`the result became ${values[0]}`)
    }
    return times
  }

  /** What one step asks of the graphics processor. */
  count(name: ContenderName): Promise<CallCounts> {
    return counted(() => this.#step(name))
  }

  /** What Fovea counts of a step. */
  work(): FoveaWork | undefined {
    return this.#fovea?.work
  }

  /** Times Fovea's kernels by the device's clock; the last thing to ask for, since it changes the weights. */
  async profile(repeats: number): Promise<KernelTime[]> {
    if (!this.#fovea) throw new Error('Fovea is not open')
    return this.#fovea.profile(repeats)
  }

  async #start(name: ContenderName): Promise<PageContender> {
    const row = this.#row
    switch (name) {
      case 'Fovea':
        this.#fovea = await openFovea(row, this.#network, this.#version)
        return this.#fovea
      case 'TensorFlow.js':
        return openTfjs(row, this.#state)
      case 'jax-js':
        return openJaxjs(row, this.#state)
      case 'ONNX Runtime Web':
      case 'ONNX Runtime Web, NCHW': {
        const { batch, channels, side } = row
        const file = exportOnnx(this.#network, { input: [channels, side, side], batch })
        return openOnnxRuntime(row, file, name === 'ONNX Runtime Web' ? 'NHWC' : 'NCHW')
      }
    }
  }

  async #step(name: ContenderName): Promise<ArrayLike<number>> {
    const contender = this.#contenders.get(name)
    if (!contender) throw new Error(`${name} is not open`)
    const index = this.#steps.get(name) ?? 0
    this.#steps.set(name, index + 1)
    return contender.step(index)
  }
}

function largestDifference(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): number {
  const differences = expected.map((wanted, k) => {
    if (found[k].length !== wanted.length)
      throw new Error(`answers ${found[k].length} numbers, expected ${wanted.length}`)
    const largest = Math.max(...wanted.map(Math.abs))
    return Math.max(...wanted.map((value, at) => Math.abs(found[k][at] - value))) / largest
  })
  // A difference that is no number is the largest.
  return differences.some(Number.isNaN) ? Number.NaN : Math.max(...differences)
}

/** What all contenders compute on. @throws Error when there is nothing. */
async function adapter(): Promise<AdapterText> {
  const found = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!found) throw new Error('no graphics processor with a driver was found; --swiftshader takes the one of Chromium')
  const info = found.info as GPUAdapterInfo & { readonly driver?: string }
  const { vendor, architecture, device, description, driver = '' } = info
  const software = info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${architecture} ${description}`)
  return { vendor, architecture, device, description, driver, software }
}

let current: Bench | undefined
const bench = {
  adapter,
  begin(rowId: string, version: string): void {
    current = new Bench(findRow(rowId), version)
  },
  get current(): Bench {
    if (!current) throw new Error('no row has begun')
    return current
  },
}

/** `globalThis.bench`. */
export type PageBench = typeof bench
Object.assign(globalThis, { bench })
