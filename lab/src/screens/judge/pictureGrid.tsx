/** The pictures that are chosen, sorted: one canvas of what is in the window, however many there are. */
import { effect, useComputed, useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { digits, fixed, percent, whole } from '../../draw/format.ts'
import { useSize } from '../../draw/size.ts'
import { moves } from '../../frame/outline.tsx'
import { theme } from '../../state/theme.ts'
import type { Judged } from '../../worker/protocol.ts'
import { type Caption, drawPictures, layoutOf, placeAt, type Scene } from './drawPictures.ts'
import { marginOf, type SortKey, sortKeys, sorts } from './order.ts'
import type { Judge } from './state.ts'

/** The pictures with their order. */
export function PictureGrid({ judge }: { readonly judge: Judge }) {
  const key = judge.sortKey.value
  const isTest = judge.split.value === 'test'
  return (
    <section class="pictures-place" aria-label="Pictures">
      <div class="options">
        <h2>
          <ChosenWords judge={judge} /> <span class="small quiet">{whole(judge.images.value.length)}</span>
        </h2>
        <label class="small sort">
          sorted by{' '}
          <select
            value={key}
            title={sorts[key].about}
            onChange={event => {
              judge.sort.value = event.currentTarget.value as SortKey
              judge.place.value = 0
            }}
          >
            {sortKeys.map(name => (
              <option key={name} value={name} disabled={isTest && sorts[name].isOfTraining}>
                {sorts[name].name}
                {isTest && sorts[name].isOfTraining ? ' (training images)' : ''}
              </option>
            ))}
          </select>
          <button
            type="button"
            class="icon"
            aria-label="The other way round"
            title="The other way round"
            aria-pressed={judge.isReversed.value}
            onClick={() => {
              judge.isReversed.value = !judge.isReversed.value
              judge.place.value = 0
            }}
          >
            {sorts[key].isDown !== judge.isReversed.value ? '↓' : '↑'}
          </button>
        </label>
      </div>
      <p class="micro quiet">{sortNote(judge, key)}</p>
      <Window judge={judge} />
    </section>
  )
}

/** What the order means, and from how many answers it is known. */
function sortNote(judge: Judge, key: SortKey): string {
  const { history, labels } = judge.judged.value ?? {}
  const { about, isOfTraining } = sorts[key]
  if (!isOfTraining || !history || !labels) return about
  const answers = history.presented.reduce((a, b) => a + b, 0)
  return `${about}. From ${whole(answers)} answers in the batches trained on: ${fixed(answers / labels.length, 1)} an image`
}

function ChosenWords({ judge }: { readonly judge: Judge }) {
  const chosen = judge.chosen.value
  const names = judge.lab.opened.value!.classes
  if (chosen.kind === 'mistakes') return <>Mistakes</>
  if (chosen.kind === 'some') return <>{chosen.name}</>
  const { label, predicted } = chosen
  if (label === undefined && predicted === undefined) return <>All pictures</>
  if (predicted === undefined) return <>Labeled {names[label!]}</>
  if (label === undefined) return <>Taken for {names[predicted]}</>
  return label === predicted ? (
    <>{names[label]}, right</>
  ) : (
    <>
      {names[label]} taken for {names[predicted]}
    </>
  )
}

function Window({ judge }: { readonly judge: Judge }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { element, size } = useSize()
  const top = useSignal(0)
  const { shape } = judge.lab.opened.value!
  const layout = useComputed(() => layoutOf(shape, size.value.width))
  const tall = useComputed(() => {
    const { columns, cellHeight } = layout.value
    return `height: ${Math.ceil(judge.images.value.length / columns) * cellHeight + 6}px`
  })
  const scene = (): Scene => ({
    layout: layout.value,
    count: judge.images.value.length,
    top: top.value,
    size: size.value,
    shape,
    place: judge.place.value,
    theme: theme.value,
    pixels: place => judge.pixelsOf(judge.images.value[place]!),
    caption: place => captionOf(judge, judge.images.value[place]!),
  })
  useLayoutEffect(() => {
    const { current } = canvas
    const context = current!.getContext('2d')
    if (!context) return
    return effect(() => {
      const { width, height } = size.value
      const density = devicePixelRatio
      // Setting a size empties the canvas, even one that it has.
      if (current!.width !== Math.round(width * density) || current!.height !== Math.round(height * density)) {
        current!.width = Math.round(width * density)
        current!.height = Math.round(height * density)
        current!.style.width = `${width}px`
        current!.style.height = `${height}px`
      }
      void judge.train.count.value
      void judge.lab.edits.value
      const style = getComputedStyle(current!)
      context.setTransform(density, 0, 0, density, 0, 0)
      context.font = `11px ${style.fontFamily}`
      drawPictures(context, scene(), name => style.getPropertyValue(name))
    })
  })
  // Other pictures, or others in front, are looked at from the first one on.
  useLayoutEffect(
    () =>
      effect(() => {
        void judge.images.value
        if (element.current) element.current.scrollTop = top.value = 0
      }),
    [judge, element, top],
  )
  const show = (place: number): void => {
    const { columns, cellHeight } = layout.peek()
    const { current } = element
    judge.place.value = place
    const row = Math.floor(place / columns) * cellHeight
    if (row < current!.scrollTop) current!.scrollTop = row
    else if (row + cellHeight + 6 > current!.scrollTop + current!.clientHeight)
      current!.scrollTop = row + cellHeight + 6 - current!.clientHeight
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!actOn(event, judge, layout.peek().columns, Math.floor(size.peek().height / layout.peek().cellHeight), show))
      return
    event.preventDefault()
    event.stopPropagation()
  }
  const onPointerDown = (event: PointerEvent): void => {
    const { left, top: above } = element.current!.getBoundingClientRect()
    const found = placeAt(scene(), event.clientX - left, event.clientY - above)
    if (found !== undefined) judge.place.value = found
  }
  const said = useComputed(() => (judge.image.value === undefined ? 'none' : wordsOf(judge, judge.image.value)))
  const isEmpty = judge.judged.value !== undefined && judge.images.value.length === 0
  return (
    <div
      ref={element}
      class="pictures-window"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label="Pictures. Arrows move, p puts one on the probe, r and a class relabels it, x leaves it out, Backspace takes a change back."
      onScroll={() => {
        top.value = element.current!.scrollTop
      }}
      onPointerDown={onPointerDown}
      onDblClick={() => judge.image.value !== undefined && judge.toProbe(judge.image.value)}
      onKeyDown={onKeyDown}
    >
      <div style={tall}>
        <canvas ref={canvas} {...{ 'aria-hidden': true }} />
      </div>
      {isEmpty && <p class="small quiet none">{judge.chosen.value.kind === 'mistakes' ? 'No mistakes.' : 'None.'}</p>}
      <output class="unseen" aria-live="polite">
        {said}
      </output>
    </div>
  )
}

/** Does what a key says. @returns whether it says anything */
function actOn(
  { key, ctrlKey, metaKey, altKey }: KeyboardEvent,
  judge: Judge,
  columns: number,
  rows: number,
  show: (place: number) => void,
): boolean {
  const [image, last] = [judge.image.peek(), judge.images.peek().length - 1]
  if (image === undefined || ctrlKey || metaKey || altKey) return false
  const { place } = judge
  if (judge.isRelabeling.peek()) {
    // Digits are the first ten classes, letters the next.
    const label = /^[0-9a-z]$/.test(key) ? Number.parseInt(key, 36) : -1
    const { length } = judge.lab.opened.peek()!.classes
    if (label >= 0 && label < length) {
      judge.edit(image, label)
      return true
    }
    judge.isRelabeling.value = false
    // No key that was meant as a class does something else.
    if (key.length === 1) {
      judge.said.value = `There is no class ${key}: there are ${length}. Press r to relabel.`
      return true
    }
  }
  const page = columns * Math.max(1, rows)
  const jumps: Record<string, number> = { Home: -last, End: last, PageUp: -page, PageDown: page }
  const move = moves[key]
  const by = move ? move[0] * columns + move[1] : jumps[key]
  if (by !== undefined) show(Math.max(0, Math.min(last, place.peek() + by)))
  else if (key === 'p' || key === 'Enter') judge.toProbe(image)
  else if (key === 'r') judge.startRelabeling()
  else if (key === 'x') judge.leaveOut(image)
  else if (key === 'Backspace') judge.undo()
  else return false
  return true
}

/** What stands under a picture. */
function captionOf(judge: Judge, image: number): Caption {
  const judged = judge.judged.value!
  const names = judge.lab.opened.value!.classes
  const [label, predicted] = [names[judged.labels[image]!]!, names[judged.predicted[image]!]!]
  const edit = judge.editOf(image)
  const second = valueText(judged, judge.sortKey.value, image)
  if (edit !== undefined) return { first: edit === 'out' ? 'left out' : `is ${names[edit]}`, second, kind: 'changed' }
  const isShort = label.length + predicted.length < 8
  if (label === predicted) return { first: label, second, kind: 'right' }
  return { first: isShort ? `${label} → ${predicted}` : `→ ${predicted}`, second, kind: 'wrong' }
}

/** The number that a picture is sorted by. */
function valueText(judged: Judged, key: SortKey, image: number): string {
  const { losses, probability, history } = judged
  if (key === 'loss') return `loss ${digits(losses[image]!, 3)}`
  if (key === 'margin') return fixed(marginOf(judged, image), 3)
  if (key === 'confidence') return percent(probability[image]!)
  if (key === 'number') return `no. ${image}`
  if (key === 'forgotten') return `${history?.forgotten[image] ?? 0} × of ${history?.presented[image] ?? 0}`
  const learned = history?.learned[image] ?? -1
  return learned < 0 ? 'not seen' : learned === 0 ? 'not learned' : `in pass ${learned}`
}

/** A picture in words, to be read aloud. */
export function wordsOf(judge: Judge, image: number): string {
  const { labels, predicted, probability, losses } = judge.judged.value!
  const names = judge.lab.opened.value!.classes
  const kind = judge.split.value === 'test' ? 'test' : 'training'
  return `${kind} image ${image}, label ${names[labels[image]!]}, taken for ${names[predicted[image]!]} with ${percent(
    probability[image]!,
  )}, loss ${digits(losses[image]!, 3)}`
}
