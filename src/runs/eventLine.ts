/** One line of an event log: an event of the training with the time at which it was logged. */
import { isRecord } from '../rules/record.ts'
import type { TrainEvent } from '../train/events.ts'

/** An event with the time at which it was logged, ISO 8601 in UTC. */
export type LoggedEvent = TrainEvent & { readonly time: string }

/** A scalar of others' logs, as a line of a stream: a value that a chart shows, apart from all others of its step. */
export interface ScalarEvent {
  readonly type: 'scalar'
  readonly role: ScalarRole
  readonly step: number
  readonly value: number
  readonly time: string
}

/** What a scalar is shown as: values of the training as lines, those on images that were held out as dots. */
export type ScalarRole = 'loss' | 'accuracy' | 'validationLoss' | 'validationAccuracy'

const nonFinite: readonly unknown[] = ['NaN', 'Infinity', '-Infinity']

/**
 * The event of a line; undefined for what is none. Numbers that are not finite are written as strings (`train/json.ts`) and are numbers
 * here: an event has them in its own fields only, which is why the rest of the line need not be walked through.
 */
export function parseEventLine(line: string): LoggedEvent | undefined
export function parseEventLine<E extends ScalarEvent>(line: string): LoggedEvent | E | undefined
export function parseEventLine(line: string): LoggedEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!isRecord(value)) return undefined
  const event = value as Record<string, unknown>
  for (const field in event) if (nonFinite.includes(event[field])) event[field] = Number(event[field])
  return typeof event.type === 'string' && typeof event.step === 'number'
    ? (event as unknown as LoggedEvent)
    : undefined
}
