/** Keys that work wherever the focus is, but not in a field that is written into. */
import type { Lab } from '../state/lab.ts'
import { screens } from '../state/link.ts'

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
    ...Object.fromEntries(
      screens.map((screen, k) => [
        String(k + 1),
        () => {
          lab.screen.value = screen
        },
      ]),
    ),
    z: () => lab.showTest(lab.lastIndex),
  }
  return event => {
    const { target, key, ctrlKey, metaKey, altKey } = event
    if (ctrlKey || metaKey || altKey || event.defaultPrevented || !lab.opened.value) return
    if (target instanceof HTMLElement && target.matches('input, select, textarea, summary')) return
    // A button takes the space that it has the focus for.
    if (key === ' ' && target instanceof HTMLElement && target.matches('button, a, [role=radio]')) return
    const act = acts[key]
    if (!act) return
    event.preventDefault()
    act()
  }
}
