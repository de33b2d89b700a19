/** The frame: bar, probe, screen, timeline, and the keys that work everywhere. */
import { effect } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks'
import { ConvolveScreen } from '../screens/convolve/convolve.tsx'
import { LookScreen } from '../screens/look/look.tsx'
import { Train } from '../screens/train/train.tsx'
import { Lab } from '../state/lab.ts'
import type { Screen } from '../state/link.ts'
import { theme } from '../state/theme.ts'
import { DropPlace } from './drop.tsx'
import { keysOf } from './keys.ts'
import { ProblemLine } from './problem.tsx'
import { Rail } from './rail.tsx'
import { startLab } from './start.ts'
import { Timeline } from './timeline.tsx'
import { TopBar } from './topBar.tsx'

const shown: Readonly<Record<Screen, typeof Train>> = { train: Train, look: LookScreen, convolve: ConvolveScreen }

/**
 * A Lab that shows what it hears when the page is drawn anyway, and hears in turn what that took: a message to oneself comes when the
 * frame is laid out and painted.
 */
function createLab(): Lab {
  const lab = new Lab(draw =>
    requestAnimationFrame(() => {
      const began = performance.now()
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        port1.close()
        lab.drawn(performance.now() - began)
      }
      port2.postMessage(undefined)
      draw()
    }),
  )
  return lab
}

/** The Lab. */
export function App() {
  const lab = useMemo(createLab, [])
  useMemo(() => startLab(lab, location.hash), [lab])
  useLayoutEffect(
    () =>
      effect(() => {
        document.documentElement.dataset.theme = theme.value
      }),
    [],
  )
  useEffect(() => {
    const start = (): void => startLab(lab, location.hash)
    const press = keysOf(lab)
    addEventListener('hashchange', start)
    addEventListener('keydown', press)
    return () => {
      removeEventListener('hashchange', start)
      removeEventListener('keydown', press)
    }
  }, [lab])
  const Shown = shown[lab.screen.value]
  return (
    <>
      <TopBar lab={lab} onStart={link => startLab(lab, link)} />
      <Rail lab={lab} />
      <main>
        <ProblemLine lab={lab} />
        <Shown lab={lab} />
      </main>
      <Timeline lab={lab} />
      <DropPlace lab={lab} />
    </>
  )
}
