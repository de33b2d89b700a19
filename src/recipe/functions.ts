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
  model: { expected: 'a network: a Module', methods: ['forward', 'parameters', 'modules', 'initialize'] },
  optimizer: {
    expected: 'an optimizer, such as sgd({ lr: 0.1 })',
    methods: ['update', 'state', 'trained', 'rateFactor'],
  },
  loss: { expected: 'a loss, such as crossEntropy()', methods: ['forward'] },
} as const

/**
 * A function of a recipe file that checks what it gives.
 * @param file what to call the file in messages
 * @returns a function that throws RecipeError naming file, function and what it gave
 * @throws RecipeError for a class, which is no function that could be called
 */
export function checkedFunction(part: FunctionPart, given: AnyFunction, file: string): AnyFunction {
  const subject = `${file}: its ${part}`
  if (isClass(given)) {
    throw new RecipeError(`${subject} is a class, expected a function: () => new ${given.name || 'X'}()`)
  }
  // A schedule may have feedback, which is a field of it.
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

/** What code of a recipe gives. @throws RecipeError naming it when it throws something else than an Error */
export function called<T>(subject: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw asError(subject, error)
  }
}

/** What code of a recipe has thrown, as an error. @param subject what to call the code in messages */
export const asError = (subject: string, thrown: unknown): Error =>
  thrown instanceof Error
    ? thrown
    : new RecipeError(`${subject} threw ${display(thrown)}, which is not an Error`, { cause: thrown })

/** Whether a function can be called with `new` only. */
const isClass = (given: AnyFunction): boolean => /^class\b/.test(Function.prototype.toString.call(given))

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
