/** The parts of the page for a checkpoint, which are loaded when one is opened. */
import { signal } from '@preact/signals'

type Parts = typeof import('./stillBar.tsx') & typeof import('./startStill.ts')

/** Once they are here. */
export const stillParts = signal<Parts | undefined>(undefined)

/** Loads them. @throws TypeError when they do not come */
export async function loadStillParts(): Promise<Parts> {
  const [bar, start] = await Promise.all([import('./stillBar.tsx'), import('./startStill.ts')])
  stillParts.value = { ...bar, ...start }
  return stillParts.value
}
