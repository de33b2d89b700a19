/** Convolve: how one number of a convolution comes about, in numbers that can be dragged. */
import { useEffect } from 'preact/hooks'
import { Tabs } from '../../frame/tabs.tsx'
import type { Lab } from '../../state/lab.ts'
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
  const origin = state.origin.value
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
            {origin && (
              <span class="small quiet">
                {' '}
                {origin.layer}, map {origin.unit}, row {origin.row}, column {origin.column}, at step {origin.step}
              </span>
            )}
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
        <Shown state={state} />
      </section>
      <SizesSide state={state} />
    </div>
  )
}

/** Keys of the screen. */
function pressed(lab: Lab, event: KeyboardEvent): void {
  const state = lab.convolve
  const { target, key } = event
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (target instanceof HTMLElement && target.matches('input, select, [role=tab], [role=radio], summary')) return
  const acts: Readonly<Record<string, () => void>> = {
    ArrowRight: () => state.next(1),
    ArrowLeft: () => state.next(-1),
    ArrowDown: () => state.nextRow(1),
    ArrowUp: () => state.nextRow(-1),
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
