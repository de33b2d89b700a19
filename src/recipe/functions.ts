/** The functions of a recipe file, checked when they are called: a function must return the part that it makes. */
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

/** What the functions must return, recognized by its methods: it may come from another copy of this package. */
const results = {
  model: { expected: 'a network: a Module', methods: ['forward', 'parameters', 'modules', 'initialize'] },
  optimizer: {
    expected: 'an optimizer, such as sgd({ lr: 0.1 })',
    methods: ['update', 'state', 'trained', 'rateFactor'],
  },
  loss: { expected: 'a loss, such as crossEntropy()', methods: ['forward'] },
} as const

/**
 * A function of a recipe file, with a check of its result.
 * @param file what to call the file in messages
 * @returns a function that throws RecipeError naming the file, the function and its result
 * @throws RecipeError for a class, which cannot be called as a function
 */
export function checkedFunction(part: FunctionPart, given: AnyFunction, file: string): AnyFunction {
  const subject = `${file}: its ${part}`
  if (isClass(given)) {
    throw new RecipeError(`${subject} is a class, expected a function: () => new ${given.name || 'X'}()`)
  }
  // A schedule may have feedback, stored in a field.
  if (part === 'schedule') return Object.assign(checkedSchedule(given as Schedule, subject), given)
  const { expected, methods } = results[part]
  return (...options) => {
    const result = called(subject, () => given(...options))
    const fits = isObject(result) && methods.every(name => typeof result[name] === 'function')
    if (!fits) {
      throw new RecipeError(
        `${subject} gave ${result === undefined ? 'nothing' : display(result)}, expected ${expected}`,
      )
    }
    return result
  }
}

const checkedSchedule = (given: Schedule, subject: string) => (step: number, totalSteps: number) => {
  try {
    return called(subject, () => factorOf(given, step, totalSteps, subject))
  } catch (error) {
    throw error instanceof ScheduleError ? new RecipeError(error.message, { cause: error }) : error
  }
}

/** The result of a recipe's code. @throws RecipeError naming the code when it throws anything but an Error */
export function called<T>(subject: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw asError(subject, error)
  }
}

/** A value thrown by a recipe's code, as an error. @param subject what to call the code in messages */
export const asError = (subject: string, thrown: unknown): Error =>
  thrown instanceof Error
    ? thrown
    : new RecipeError(`${subject} threw ${display(thrown)}, which is not an Error`, { cause: thrown })

/** Whether a function can be called only with `new`. */
const isClass = (given: AnyFunction): boolean => /^class\b/.test(Function.prototype.toString.call(given))

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
