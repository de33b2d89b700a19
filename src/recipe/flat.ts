/** Converts recipes from the first days of version 0.1.0, which had all fields on one level, to the present form. */
import { isRecord } from '../rules/record.ts'

/** Former names of schedules on the command line; the others are unchanged. */
const namesToday: Readonly<Record<string, string>> = {
  step: 'multiStep',
  'cosine-restarts': 'cosineWithRestarts',
  'one-cycle': 'oneCycle',
  plateau: 'onPlateau',
}

/** A recipe, converted to the present form when it is of an old run. */
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
