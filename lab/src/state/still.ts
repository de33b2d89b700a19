/**
 * A checkpoint of a run that is looked at, and its address: `#v=1&screen=look&of=lenet5&at=430`. It is a trained network that takes no
 * step here: the run's own process trains it, with images and augmentation that the page does not have.
 */
import { type Link, linkVersion, type Screen, screens } from './link.ts'

/** The checkpoint: a run by its name in the list, and the steps that it had. */
export interface StillLink extends Pick<Link, 'screen'> {
  readonly run: string
  readonly step: number
}

/** What the page says of it. */
export interface StillTitle extends StillLink {
  /** Of the recipe. */
  readonly model: string
  /** Bytes of weights that have come, until all have. */
  readonly reading?: { readonly done: number; readonly total: number }
}

/** The fragment of a checkpoint, with its `#`. */
export function formatStill({ run, step, screen }: StillLink): string {
  return `#${new URLSearchParams({ v: String(linkVersion), screen, of: run, at: String(step) })}`
}

/** Reads a fragment; undefined for one of no checkpoint. */
export function parseStill(fragment: string): StillLink | undefined {
  const parts = new URLSearchParams(fragment.replace(/^#/, ''))
  const [run, at] = [parts.get('of'), parts.get('at')]
  if (run === null || at === null || !/^\d{1,12}$/.test(at)) return undefined
  const screen = screens.find((name): name is Screen => name === parts.get('screen')) ?? 'look'
  return { run, step: Number(at), screen: screen === 'runs' ? 'look' : screen }
}
