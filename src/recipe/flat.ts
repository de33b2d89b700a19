/** Recipes of runs of version 0.1.0's first days, which had all numbers on one level, in the form of today. */
import { isRecord } from '../rules/record.ts'

/** Former names of schedules on the command line; the others are unchanged. */
const namesToday: Readonly<Record<string, string>> = {
  step: 'multiStep',
  'cosine-restarts': 'cosineWithRestarts',
  'one-cycle': 'oneCycle',
  plateau: 'onPlateau',
}

/** A recipe as it is, or, of an old run, in its new form. */
export function recipeFromFlat(value: unknown): unknown {
  if (!isRecord(value) || typeof value.optimizer !== 'string') return value
  const { model, data, dataDir, limit, validation, normalize, preprocess, augment, ...training } = value
  const { optimizer, lr, momentum, weightDecay, schedule, ...rest } = training
  return {
    ...rest,
    model: { name: model },
    data: without({ name: data, directory: dataDir, limit, validation, normalize, preprocess, augment }),
    optimizer: without({ name: optimizer, lr, momentum, weightDecay }),
    schedule: { name: namesToday[String(schedule)] ?? schedule },
    loss: { name: 'crossEntropy' },
  }
}

const without = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
