/** The sizes of a convolution, and whether they fit. */
import { Range } from '../../frame/range.tsx'
import { Choices } from '../../frame/tabs.tsx'
import type { Sizes } from './arithmetic.ts'
import { groupChoices, sizeNames, sizeRanges } from './numbers.ts'
import type { Convolve } from './state.ts'

/** The right side of Convolve. */
export function SizesSide({ state }: { readonly state: Convolve }) {
  return (
    <aside class="side" aria-label="Sizes">
      <section class="controls">
        <h2>Sizes</h2>
        {(Object.keys(sizeRanges) as (keyof typeof sizeRanges)[]).map(name => (
          <SizeSlider key={name} state={state} name={name} />
        ))}
        <div class="control inline">
          <span>
            <b class="mono">G</b> <span class="small quiet">{sizeNames.G}</span>
          </span>
          <Choices
            label="groups"
            values={groupChoices(state.numbers.value.sizes)}
            chosen={state.numbers.value.sizes.G}
            onChoose={value => state.resize('G', value)}
          />
        </div>
      </section>
      <div>
        <Fit state={state} />
        <Keys state={state} />
      </div>
    </aside>
  )
}

function SizeSlider({ state, name }: { readonly state: Convolve; readonly name: keyof typeof sizeRanges }) {
  const { sizes } = state.numbers.value
  const [low, high] = sizeRanges[name]
  const value = sizes[name]
  const least = Math.min(low, value)
  // A filter is no wider than the padded input.
  const most = Math.max(value, name === 'F' ? Math.min(high, sizes.W + 2 * sizes.P) : high)
  return (
    <Range
      label={
        <>
          <b class="mono">{name}</b> <span class="small quiet">{sizeNames[name]}</span>
        </>
      }
      shown={String(value)}
      value={value}
      least={least}
      most={most}
      step={1}
      onChange={to => state.resize(name, to)}
    />
  )
}

function Fit({ state }: { readonly state: Convolve }) {
  const { sizes } = state.numbers.value
  const { W, F, S, P } = sizes
  const { exact, windows, lost } = state.fit.value
  const { column } = state.cell.value
  const side = W + 2 * P
  const cell = Math.min(26, Math.floor(232 / side))
  return (
    <section class="fit">
      <h2>Does it fit?</h2>
      <p class="mono">
        (W − F + 2P) / S + 1<br />({W} − {F} + 2·{P}) / {S} + 1 ={' '}
        <b>{Number.isInteger(exact) ? exact : exact.toFixed(2)}</b>
      </p>
      <div class="ruler" aria-hidden="true" style={{ '--cell': `${cell}px` }}>
        <p>
          {Array.from({ length: side }, (_, x) => (
            <i key={x} class={`${x < P || x >= side - P ? 'pad' : ''} ${x >= side - lost ? 'lost' : ''}`} />
          ))}
        </p>
        {Array.from({ length: windows }, (_, k) => (
          <s
            key={k}
            class={k === column ? 'on' : ''}
            style={{ marginLeft: `${k * S * cell + 1}px`, width: `${F * cell - 2}px` }}
          />
        ))}
      </div>
      <p class={lost > 0 ? 'small misfit' : 'small quiet'} role="status">
        {fitWords(sizes, windows, lost)}
      </p>
    </section>
  )
}

function fitWords(sizes: Sizes, windows: number, lost: number): string {
  if (windows === 0) return 'No: the filter is wider than the padded input.'
  const rows = `${windows} ${windows === 1 ? 'window' : 'windows'} a row`
  if (lost === 0) return `Yes: ${rows}, every column is read.`
  const inside = lost - sizes.P
  const what = lost === 1 ? 'The last column and row are' : `The last ${lost} columns and rows are`
  return `${what} never read${inside <= 0 ? '; they are padding' : ''}. ${rows}.`
}

function Keys({ state }: { readonly state: Convolve }) {
  const keys: readonly (readonly [string, string])[] = [
    ['← ↑ → ↓', 'next cell, read aloud'],
    ['shift ← →', 'a whole window further'],
    ['[ ]', 'another filter'],
    ['+ −', 'change the number in focus'],
    ['p', 'play through all cells'],
    ['r', "the lecture's numbers again"],
  ]
  return (
    <section class="key-list">
      <h2>Keys</h2>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd class="small quiet">{what}</dd>
          </div>
        ))}
      </dl>
      <p class="row">
        <button
          type="button"
          aria-pressed={state.playing.value}
          onClick={() => (state.playing.value = !state.playing.value)}
        >
          {state.playing.value ? 'Stop' : 'Play all cells'}
        </button>
        <button type="button" onClick={() => state.reset()}>
          Lecture's numbers
        </button>
      </p>
    </section>
  )
}
