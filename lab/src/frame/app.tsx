/** The frame: bar, probe, screen, timeline, and the keys that work everywhere. */
import { effect, useSignalEffect } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks'
import { LookScreen } from '../screens/look/look.tsx'
import { Train } from '../screens/train/train.tsx'
import { Lab } from '../state/lab.ts'
import { restingScreens, type Screen } from '../state/link.ts'
import { formatStill } from '../state/still.ts'
import { theme } from '../state/theme.ts'
import { DropPlace } from './drop.tsx'
import { nextFrame } from './frames.ts'
import { InTurn } from './inTurn.tsx'
import { keysOf } from './keys.ts'
import { keepScreens, lazyScreen } from './lazyScreen.tsx'
import { ProblemLine } from './problem.tsx'
import { Rail } from './rail.tsx'
import { RunsPlace } from './runsPlace.tsx'
import { beginningOf, restingLink, startLab, startWaiting } from './start.ts'
import { stillParts } from './stillParts.ts'
import { Timeline } from './timeline.tsx'
import { TopBar } from './topBar.tsx'

const ConvolvePlace = lazyScreen(
  'Convolve',
  async () => (await import('../screens/convolve/convolve.tsx')).ConvolveScreen,
)
const BuildPlace = lazyScreen('Build', async () => (await import('../screens/build/build.tsx')).BuildScreen)
const TeachPlace = lazyScreen('Teach', async () => (await import('../screens/teach/teachScreen.tsx')).TeachScreen)
const JudgePlace = lazyScreen('Judge', async () => (await import('../screens/judge/judge.tsx')).JudgeScreen)

const shown: Readonly<Record<Screen, FunctionComponent<{ readonly lab: Lab }>>> = {
  train: Train,
  look: LookScreen,
  convolve: ConvolvePlace,
  judge: JudgePlace,
  build: BuildPlace,
  runs: RunsPlace,
  teach: TeachPlace,
}

/** A Lab that shows what it hears when the page is drawn anyway, and hears in turn what that took. */
function createLab(): Lab {
  const lab = new Lab(draw => nextFrame(draw, took => lab.drawn(took)))
  lab.served = document.querySelector<HTMLMetaElement>('meta[name="fovea-runs"]')?.content
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
  // Who looks elsewhere looks at no training here: it rests, and one that waits begins when its screen is opened.
  useSignalEffect(() => {
    const isResting = restingScreens.has(lab.screen.value)
    if (isResting && lab.playing.value) lab.pause()
    if (!isResting && lab.waiting.peek()) startWaiting(lab)
    // Loaded again, the page opens what was looked at last.
    const still = lab.still.value
    if (!isResting && still) history.replaceState(null, '', formatStill({ ...still, screen: lab.screen.value }))
    else if (!isResting && restingLink(location.hash)) history.replaceState(null, '', beginningOf(lab))
  })
  useSignalEffect(() => {
    if (lab.look.value || restingScreens.has(lab.screen.value)) keepScreens()
  })
  const isResting = restingScreens.has(lab.screen.value)
  const Shown = shown[lab.screen.value]
  const parts = stillParts.value
  const isReading = lab.still.value && !lab.opened.value && !isResting
  return (
    <InTurn>
      <TopBar lab={lab} onStart={link => startLab(lab, link)} />
      {!isResting && <Rail lab={lab} />}
      <main class={isResting ? 'wide' : undefined}>
        <ProblemLine lab={lab} />
        {isReading ? parts && <parts.StillReading lab={lab} /> : <Shown lab={lab} />}
      </main>
      {!isResting && (lab.still.value ? parts && <parts.StillBar lab={lab} /> : <Timeline lab={lab} />)}
      <DropPlace lab={lab} />
    </InTurn>
  )
}
