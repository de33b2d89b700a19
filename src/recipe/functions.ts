/** The functions of a recipe file, checked where they are called: a function must return the part that it stands for. */
import type { Loss } from '../nn/losses.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer, Schedule } from '../optim/index.ts'
import { factorOf, ScheduleError } from '../optim/schedule.ts'
import { display } from '../text/display.ts'
import { RecipeError } from './errors.ts'
import type { ModelFunctionOptions } from './input.ts'

/** The functions of a recipe file. */
export interface RecipeFunctions {
  /** Makes the network. */
  readonly model?: (options: ModelFunctionOptions) => Module
  /** Makes the optimizer. */
  readonly optimizer?: () => Optimizer
  /** The learning-rate schedule itself. */
  readonly schedule?: Schedule
  /** Makes the loss. */
  readonly loss?: () => Loss
}

/** Parts of a recipe that may be functions. */
export const functionParts = ['model', 'optimizer', 'schedule', 'loss'] as const

type FunctionPart = (typeof functionParts)[number]
type AnyFunction = (...given: never[]) => unknown

/** What the functions must give, and the methods by which it is known: it may be of another copy of this package. */
const results = {
  model: { expected: 'a network: a Module', methods: ['forward', 'parameters'] },
  optimizer: { expected: 'an optimizer, such as sgd({ lr: 0.1 })', methods: ['update', 'state'] },
  loss: { expected: 'a loss, such as crossEntropy()', methods: ['forward'] },
} as const

/**
 * A function of a recipe file that checks what it gives.
 * @param file what to call the file in messages
 * @returns a function that throws RecipeError naming file, function and what it gave
 */
export function checkedFunction(part: FunctionPart, given: AnyFunction, file: string): AnyFunction {
  // A schedule may have feedback, which is a field of it.
  if (part === 'schedule') return Object.assign(checkedSchedule(given as Schedule, file), given)
  const { expected, methods } = results[part]
  return (...options) => {
    const result = given(...options)
    const fits = isObject(result) && methods.every(name => typeof result[name] === 'function')
    if (!fits)
      throw new RecipeError(
        `${file}: its ${part} gave ${result === undefined ? 'nothing' : display(result)}, expected ${expected}`,
      )
    return result
  }
}

const checkedSchedule = (given: Schedule, file: string) => (step: number, totalSteps: number) => {
  try {
    return factorOf(given, step, totalSteps, `${file}: its schedule`)
  } catch (error) {
    throw error instanceof ScheduleError ? new RecipeError(error.message, { cause: error }) : error
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
