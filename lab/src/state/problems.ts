/** What goes wrong with a training, as the page says it: what happened, what stays, and what to do. */
import type { Answer } from '../worker/protocol.ts'

/** Something that went wrong, and what to do about it. */
export interface Problem {
  readonly message: string
  readonly remedy?: { readonly name: string; readonly act: () => void }
  /** True for what has stopped the training: it is forgotten when that goes on. */
  readonly stops?: boolean
}

const reload = { name: 'Reload the page', act: (): void => globalThis.location.reload() }

/** Of a step whose loss is no number. @param goBack goes to a moment before */
export function lossProblem(loss: number, step: number, rate: number, goBack: (to: number) => void): Problem {
  const before = Math.max(0, step - 20)
  return {
    stops: true,
    message: `The loss is ${Number.isNaN(loss) ? 'NaN' : '∞'} at step ${step}, with the rate ${rate}: the steps have become too large. Go back, and try a smaller rate there.`,
    remedy: { name: `Go to step ${before}`, act: () => goBack(before) },
  }
}

/**
 * Of the worker.
 * @param isOpen whether there is a training, whose steps stay
 * @param again tries to go on with it
 */
export function failureProblem(
  { kind, message }: Extract<Answer, { type: 'failed' }>,
  isOpen: boolean,
  again: () => void,
): Problem {
  if (kind === 'data' && isOpen) return { message, remedy: { name: 'Try again', act: again }, stops: true }
  if (kind !== 'memory') return { message, remedy: reload }
  const full = `The memory is full: ${message}.`
  if (isOpen) return { stops: true, message: `${full} What was learned is kept; a smaller batch needs less.` }
  return { message: `${full} Close other pages or programs, and load this one again.`, remedy: reload }
}

/** Of a worker that the browser has ended, or could not load. */
export const workerProblem = (reason: string): Problem => ({
  message: `The training has stopped: the browser could not load its worker, or has ended it${reason ? ` (${reason})` : ''}. A copied link leads back to this step.`,
  remedy: reload,
})
