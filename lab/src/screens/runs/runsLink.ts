/** What Runs shows, as part of the fragment of its address: `#v=1&screen=runs&run=lenet5&run=lenet5-2&axis=epochs&scale=linear`. */
import type { ScalarChoice } from '../../../../src/runs/live/protocol.ts'
import { linkVersion } from '../../state/link.ts'
import { type Axis, axes } from './shape.ts'

/** What is shown. */
export interface RunsView {
  /** Names of the runs that are drawn, in the order in which they were chosen; none where nobody has chosen. */
  readonly chosen: readonly string[] | undefined
  readonly axis: Axis
  readonly isLog: boolean
  /** Tags of runs of scalars that somebody has chosen. */
  readonly tags: ScalarChoice
}

/** The fragment of a view, with its `#`. */
export function formatRunsView({ chosen, axis, isLog, tags }: RunsView): string {
  const parts = new URLSearchParams({ v: String(linkVersion), screen: 'runs' })
  for (const name of chosen ?? []) parts.append('run', name)
  // Nothing is a choice, too.
  if (chosen?.length === 0) parts.append('run', '')
  if (axis !== 'steps') parts.set('axis', axis)
  if (!isLog) parts.set('scale', 'linear')
  for (const quantity of ['loss', 'accuracy'] as const) {
    const tag = tags[quantity]
    if (tag !== undefined) parts.set(quantity, tag)
  }
  return `#${parts}`
}

/** Whether a fragment leads to Runs. */
export const isRunsLink = (fragment: string): boolean =>
  new URLSearchParams(fragment.replace(/^#/, '')).get('screen') === 'runs'

/** Reads a fragment; what it does not say is as on a first visit. */
export function parseRunsView(fragment: string): RunsView {
  const parts = new URLSearchParams(fragment.replace(/^#/, ''))
  return {
    chosen: parts.has('run') ? parts.getAll('run').filter(name => name !== '') : undefined,
    axis: axes.find(axis => axis === parts.get('axis')) ?? 'steps',
    isLog: parts.get('scale') !== 'linear',
    tags: { loss: parts.get('loss') ?? undefined, accuracy: parts.get('accuracy') ?? undefined },
  }
}
