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
 * @param acts.again tries to go on with it
 * @param acts.renew trains up to this step again, on a new engine: of what the recipe says, or of WebAssembly
 */
export function failureProblem(
  { kind, message }: Extract<Answer, { type: 'failed' }>,
  isOpen: boolean,
  { again, renew }: { readonly again: () => void; readonly renew: (backend: 'webgpu' | 'wasm') => void },
): Problem {
  if (kind === 'data' && isOpen) return { message, remedy: { name: 'Try again', act: again }, stops: true }
  if (kind === 'graphics') {
    // Drivers end their sentences, or do not.
    const reason = message.replace(/\.$/, '')
    return isOpen
      ? {
          stops: true,
          message: `The graphics processor has stopped: ${reason}.`,
          remedy: { name: 'Train it again up to here', act: () => renew('webgpu') },
        }
      : {
          message: `This training asks for a graphics processor. ${reason}.`,
          remedy: { name: 'Train it with WebAssembly', act: () => renew('wasm') },
        }
  }
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
