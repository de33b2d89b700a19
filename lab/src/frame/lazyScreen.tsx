/** Parts of the page whose code is loaded when they are first looked at. */
import { signal } from '@preact/signals'
import { createElement, type FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'

type Screen = FunctionComponent<{ readonly lab: Lab }>

/** A part that is nothing until it is loaded. @param onFailure told when it does not come */
export function lazyPart<Props extends object>(
  load: () => Promise<FunctionComponent<Props>>,
  onFailure: (props: Props) => void,
): FunctionComponent<Props> {
  const part = signal<FunctionComponent<Props> | undefined>(undefined)
  return function Place(props) {
    useEffect(() => {
      if (part.peek()) return
      load().then(
        loaded => {
          part.value = loaded
        },
        () => onFailure(props),
      )
    }, [])
    const Loaded = part.value
    return Loaded ? createElement(Loaded, props) : null
  }
}

/** What gives the screens that are not yet loaded. */
const unkept: (() => Promise<unknown>)[] = []

/** A screen. @param name as the top bar has it @param load gives the screen */
export function lazyScreen(name: string, load: () => Promise<Screen>): Screen {
  unkept.push(load)
  return lazyPart(load, ({ lab }) => {
    lab.problem.value = {
      message: `The screen ${name} could not be loaded: is \`fovea lab\` still running?`,
      remedy: { name: 'Reload the page', act: () => location.reload() },
    }
  })
}

let isKeeping = false

/**
 * Loads all screens, one after the other when the page has nothing to do, where a service worker keeps what was loaded for times
 * without a network. To be called when what is looked at is there: a training would begin later for it.
 */
export function keepScreens(): void {
  if (isKeeping || !navigator.serviceWorker?.controller) return
  isKeeping = true
  const keepNext = (): void => {
    const load = unkept.shift()
    if (load) globalThis.requestIdleCallback?.(() => load().then(keepNext, keepNext))
  }
  keepNext()
}
