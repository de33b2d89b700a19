/** How long a run has trained, from its event log: also over several processes, of which each knows only its own time. */
import type { LoggedEvent } from './eventLog.node.ts'

/**
 * Seconds spent in the steps of a run: the time between each step and the event before it, and that of features which a frozen
 * trunk makes first. Validation, checkpoints and the pauses between a process and the next do not count.
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
