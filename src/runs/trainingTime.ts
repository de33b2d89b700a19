/**
 * How long a run has trained, from its event log; this covers all its processes, each of which knows only its own time.
 */
import type { LoggedEvent } from './eventLog.node.ts'

/**
 * Seconds spent in the steps of a run: the time between each step and the event before it, and the time for computing
 * the features of a frozen trunk. Validation, checkpoints and pauses between processes do not count.
 */
export function trainingSeconds(events: readonly LoggedEvent[]): number {
  let milliseconds = 0
  events.forEach((event, index) => {
    const before = events[index - 1]
    // A clock that was set back counts as no time.
    const counts = event.type === 'step' || (event.type === 'notice' && event.kind === 'features')
    if (counts && before) milliseconds += Math.max(0, Date.parse(event.time) - Date.parse(before.time))
  })
  return milliseconds / 1000
}
