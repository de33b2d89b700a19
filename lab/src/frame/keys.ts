/** Keys that work wherever the focus is, but not in a field that is written into. */
import type { Lab } from '../state/lab.ts'
import { standsAlone } from '../state/link.ts'
import { screensOf } from './topBar.tsx'

/** The listener for a Lab. */
export function keysOf(lab: Lab): (event: KeyboardEvent) => void {
  const acts: Readonly<Record<string, () => void>> = {
    ' ': () => lab.toggle(),
    ',': () => lab.stepBy(-1),
    '.': () => lab.stepBy(1),
    Home: () => lab.goTo(0),
    n: () => lab.next('any'),
    m: () => lab.next('mistake'),
    u: () => document.getElementById('upload')?.click(),
    c: () => document.getElementById('camera')?.click(),
    d: () => {
      lab.brush.value = 'draw'
    },
    e: () => {
      lab.brush.value = 'erase'
    },
    z: () => lab.showTest(lab.lastIndex),
  }
  const screens: Readonly<Record<string, () => void>> = Object.fromEntries(
    screensOf(lab).map((screen, k) => [
      String(k + 1),
      () => {
        lab.screen.value = screen
      },
    ]),
  )
  return event => {
    const { target, key, ctrlKey, metaKey, altKey } = event
    if (ctrlKey || metaKey || altKey || event.defaultPrevented) return
    if (target instanceof HTMLElement && target.matches('input, select, textarea, summary')) return
    // A button takes the space that it has the focus for.
    if (key === ' ' && target instanceof HTMLElement && target.matches('button, a, [role=radio]')) return
    // Keys of the network's picture and training do nothing where neither can be seen.
    const act = screens[key] ?? (lab.opened.value && !standsAlone(lab.screen.value) ? acts[key] : undefined)
    if (!act) return
    event.preventDefault()
    act()
  }
}
