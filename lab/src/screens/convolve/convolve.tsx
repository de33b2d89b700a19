/** Convolve: how one number of a convolution comes about, in numbers that can be dragged. */
import { useComputed } from '@preact/signals'
import { useEffect, useLayoutEffect } from 'preact/hooks'
import { useSize } from '../../draw/size.ts'
import { moves } from '../../frame/outline.tsx'
import { Tabs } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
import '../../style/convolve.css'
import { Convolution } from './convolution.tsx'
import { Gradients } from './gradients.tsx'
import { MatrixProduct } from './matrix.tsx'
import { Pooling } from './pooling.tsx'
import { SizesSide } from './sizes.tsx'
import { type Tab, tabs } from './state.ts'
import { Transposed } from './transposed.tsx'

const screens: Readonly<Record<Tab, typeof Convolution>> = {
  convolution: Convolution,
  'max pooling': Pooling,
  transposed: Transposed,
  gradients: Gradients,
  'as a matrix': MatrixProduct,
}

const titles: Readonly<Record<Tab, string>> = {
  convolution: 'One cell, from the numbers it is made of',
  'max pooling': 'Max pooling keeps the largest of each window',
  transposed: 'A transposed convolution stamps its filter',
  gradients: 'Gradients to weights and inputs are sums of products too',
  'as a matrix': 'The same numbers as one matrix product',
}

/** Milliseconds for a cell while all are played through. */
const playEvery = 1000

/** The screen. */
export function ConvolveScreen({ lab }: { readonly lab: Lab }) {
  const state = lab.convolve
  const Shown = screens[state.tab.value]
  const { element, size } = useSize()
  useLayoutEffect(() => {
    state.room.value = size.value.width
  }, [state, size.value.width])
  useFreshNumbers(lab)
  useEffect(() => {
    const press = (event: KeyboardEvent): void => pressed(lab, event)
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [lab])
  useEffect(() => {
    if (!state.playing.value) return undefined
    const timer = setInterval(() => state.next(1), playEvery)
    return () => clearInterval(timer)
  }, [state, state.playing.value])
  return (
    <div class="screen with-side">
      <section class="work convolve" aria-labelledby="convolve-title">
        <div class="bar">
          <h1 id="convolve-title">
            {titles[state.tab.value]}
            <Origin lab={lab} />
          </h1>
          <Tabs
            label="What is computed"
            names={tabs}
            chosen={state.tab.value}
            onChoose={tab => {
              state.tab.value = tab
            }}
          />
        </div>
        <div ref={element}>
          <Shown state={state} />
        </div>
      </section>
      <SizesSide state={state} />
    </div>
  )
}

/** Numbers of a cell of the network are those of the moment and the picture that are shown, unless they were changed here. */
function useFreshNumbers(lab: Lab): void {
  // While the network trains they stay those of one step: others would come with each.
  const resting = useComputed(() => (lab.playing.value ? undefined : lab.look.value)).value
  useEffect(() => {
    const { isChanged } = lab.convolve
    if (resting && lab.opened.value && !isChanged.value) lab.convolve.refresh(lab.opened.value.layers, resting)
  }, [lab, resting])
}

/** Which cell of the network the numbers are those of, and at which step. */
function Origin({ lab }: { readonly lab: Lab }) {
  const { origin, isChanged } = { origin: lab.convolve.origin.value, isChanged: lab.convolve.isChanged.value }
  const isPlaying = lab.playing.value
  const now = useComputed(() => (lab.playing.value ? undefined : lab.look.value?.step)).value
  if (!origin) return null
  const isOld = isPlaying || (isChanged && now !== undefined)
  return (
    <span class="small quiet origin">
      {' '}
      {origin.layer}, map {origin.unit}, row {origin.row}, column {origin.column}, at step {origin.step}
      {isChanged && ', changed here'}
      {isOld && (
        <button
          type="button"
          onClick={() =>
            lab.opened.value && lab.look.value && lab.convolve.refresh(lab.opened.value.layers, lab.look.value)
          }
        >
          {isPlaying ? 'Take those of now' : `Take those of step ${now}`}
        </button>
      )}
    </span>
  )
}

/** Keys of the screen. */
function pressed(lab: Lab, event: KeyboardEvent): void {
  const state = lab.convolve
  const { target, key } = event
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (target instanceof HTMLElement && target.matches('input, select, [role=tab], [role=radio], summary')) return
  const move = moves[key]
  if (move) {
    // A plain arrow goes on through all cells; with Shift it goes on by a whole window.
    const steps = event.shiftKey ? state.stride : 1
    if (steps === 1 && key === 'ArrowRight' && isWindow(state.tab.value)) state.next(1)
    else if (steps === 1 && key === 'ArrowLeft' && isWindow(state.tab.value)) state.next(-1)
    else state.move(steps * move[0], steps * move[1])
    event.preventDefault()
    return
  }
  const acts: Readonly<Record<string, () => void>> = {
    '[': () => state.nextFilter(-1),
    ']': () => state.nextFilter(1),
    p: () => {
      state.playing.value = !state.playing.value
    },
    r: () => state.reset(),
  }
  const act = acts[key]
  if (!act) return
  event.preventDefault()
  act()
}

/** Whether a tab shows a window, whose cells follow each other row by row. */
const isWindow = (tab: Tab): boolean => tab !== 'transposed' && tab !== 'gradients'
