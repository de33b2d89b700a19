/** A drawing of a page that is made larger and smaller, and moved: by buttons, keys, the wheel and dragging. */
import { keepPlace, panByDragging, zoomByWheel } from './panning.ts'

/** Sizes between which is zoomed, as multiples of the one that fits, and how much a press of a key changes. */
const [least, most, step] = [1, 12, 1.5]
/** The share of its own size that a drawing with parts to read out has at least to begin with, even if it is larger than the page then. */
const readable = 0.7

/** Makes a drawing answer. @param place has the drawing, and nothing else */
export function makeZoomable(place: HTMLElement): void {
  const svg = place.querySelector('svg')!
  const title = svg.querySelector('title')?.textContent ?? ''
  const maxWidth = svg.style.maxWidth
  const widthNow = (): number => svg.getBoundingClientRect().width
  let scale = 1
  const zoomTo = (to: number, x = 0.5, y = 0): void => {
    const next = Math.min(most, Math.max(least, to))
    if (next === scale) return
    // The size that fits follows the window; a larger one is so many pixels.
    const fit = widthNow() / scale
    keepPlace(place, next / scale, x, y, () => {
      scale = next
      svg.style.maxWidth = next === 1 ? maxWidth : 'none'
      svg.style.width = next === 1 ? '' : `${fit * next}px`
      place.classList.toggle('fovea-zoomed', next > 1)
    })
  }
  const bar = document.createElement('div')
  bar.className = 'fovea-tools'
  for (const [text, label, to] of [
    ['−', 'Smaller', () => scale / step],
    ['+', 'Larger', () => scale * step],
    ['Fit', 'Fit the page', () => 1],
  ] as const) {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = text
    button.title = label
    button.setAttribute('aria-label', `${label}: ${title}`)
    button.addEventListener('click', () => zoomTo(to()))
    bar.append(button)
  }
  place.before(bar)
  place.tabIndex = 0
  place.setAttribute('role', 'region')
  place.setAttribute('aria-label', `${title}, to be made larger by + and smaller by −`)
  place.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === '+' || event.key === '=') zoomTo(scale * step)
    else if (event.key === '-') zoomTo(scale / step)
    else if (event.key === '0' || (event.key === 'Escape' && scale > 1)) zoomTo(1)
    else return
    event.preventDefault()
  })
  place.addEventListener('dblclick', () => zoomTo(1))
  panByDragging(place)
  zoomByWheel(place, (factor, x, y) => zoomTo(scale * factor, x, y))
  if (place.matches('.fovea-parts')) zoomTo((readable * svg.width.baseVal.value) / widthNow(), 0)
}
