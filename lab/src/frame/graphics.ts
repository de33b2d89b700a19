/** The graphics processor that this browser computes on, if it has one: looked for when a menu is about to offer it. */
import { signal } from '@preact/signals'

/** Its name; none until it was found. */
export const graphics = signal<string | undefined>(undefined)

let looking: Promise<void> | undefined

/** Looks for it, once. */
export function lookForGraphics(): Promise<void> {
  looking ??= look()
  return looking
}

async function look(): Promise<void> {
  if (!('gpu' in navigator)) return
  const { findAdapter } = await import('../../../src/webgpu.ts')
  graphics.value = await findAdapter().then(
    ({ name }) => name,
    () => undefined,
  )
}
