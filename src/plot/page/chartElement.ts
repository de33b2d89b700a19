/**
 * A chart of a page that answers: the pointer and the arrows move a crosshair with the numbers of every line, a drag
 * shows a part. Charts of a group move together.
 */
import { dot, type Frame, plotArea, tenth } from '../chartDrawing.ts'
import { html, type Markup } from '../markup.ts'
import type { Point } from '../smooth.ts'
import { formatNumber } from './formatNumber.ts'
import type { ChartData } from './pageChart.ts'
import { axisName, drawnPart, frameOf, moved, part, readings, sentence, snap, type View, viewOf } from './view.ts'

/** CSS pixels of a drag that is one, and no click. */
const leastDrag = 4
/** Points of a line that can be told apart, as buckets of two. */
const buckets = 220
/** Moves of an arrow, as shares of what is shown: alone, and with Shift. */
const near = 0.01
const far = 0.1
/** CSS pixels between the crosshair and its numbers. */
const gap = 10

/** What the charts of a group show. */
export class Group {
  readonly charts: PageChartElement[] = []
  /** The part of the axis; undefined is all of it. */
  part: Point | undefined
  cursor: number | undefined

  show(span: Point | undefined): void {
    this.part = span
    for (const chart of this.charts) chart.draw()
    this.point(this.cursor)
  }

  point(at: number | undefined): void {
    this.cursor = at
    for (const chart of this.charts) chart.drawCursor()
  }
}

/** A chart of the page. */
export class PageChartElement {
  readonly #root: HTMLElement
  readonly #group: Group
  readonly #view: View
  /** What the file drew, shown again with the whole. */
  readonly #area: SVGGElement
  readonly #whole: string
  readonly #cursor: SVGGElement
  readonly #hand: HTMLElement
  readonly #dragged: HTMLElement
  readonly #tip: HTMLElement
  readonly #all: HTMLButtonElement
  /** Where a drag began. */
  #from: number | undefined
  #frame: Frame

  constructor(root: HTMLElement, data: ChartData, group: Group) {
    this.#root = root
    this.#group = group
    this.#view = viewOf(data)
    this.#frame = frameOf(data, data.xDomain, data.yDomain)
    this.#area = root.querySelector<SVGGElement>('svg > g')!
    for (const readout of root.querySelectorAll('.fovea-readout')) readout.remove()
    this.#whole = this.#area.innerHTML
    this.#cursor = document.createElementNS('http://www.w3.org/2000/svg', 'g')
    this.#cursor.setAttribute('class', 'fovea-cursor')
    this.#cursor.setAttribute('transform', this.#area.getAttribute('transform')!)
    this.#area.after(this.#cursor)
    this.#hand = this.#add('div', 'fovea-hand')
    this.#hand.tabIndex = 0
    this.#hand.setAttribute('role', 'slider')
    this.#hand.setAttribute('aria-label', `${data.title}: the crosshair`)
    this.#dragged = document.createElement('div')
    this.#dragged.className = 'fovea-dragged'
    this.#dragged.hidden = true
    this.#hand.append(this.#dragged)
    this.#tip = this.#add('div', 'fovea-tip')
    this.#tip.hidden = true
    this.#all = this.#add('button', 'fovea-all')
    this.#all.type = 'button'
    this.#all.textContent = 'Show all'
    this.#all.addEventListener('click', () => {
      group.show(undefined)
      this.#hand.focus()
    })
    group.charts.push(this)
    this.#listen()
    this.draw()
    this.drawCursor()
  }

  /** The part of the axis that is shown. */
  get #span(): Point {
    return this.#group.part ?? this.#view.data.xDomain
  }

  #add<Name extends 'div' | 'button'>(name: Name, kind: string): HTMLElementTagNameMap[Name] {
    const element = document.createElement(name)
    element.className = kind
    this.#root.append(element)
    return element
  }

  #listen(): void {
    const hand = this.#hand
    hand.addEventListener('pointermove', event => {
      const at = this.#placeUnder(event)
      this.#group.point(snap(this.#view, at))
      this.#drawDrag(at)
    })
    hand.addEventListener('pointerdown', event => {
      if (event.button !== 0) return
      hand.setPointerCapture(event.pointerId)
      this.#from = this.#placeUnder(event)
      this.#group.point(snap(this.#view, this.#from))
    })
    hand.addEventListener('pointerup', event => {
      const from = this.#from
      this.#endDrag()
      if (from === undefined) return
      const to = this.#placeUnder(event)
      const pixels = (Math.abs(to - from) / (this.#span[1] - this.#span[0])) * hand.clientWidth
      if (pixels >= leastDrag) this.#group.show(part(this.#view.data, [from, to]))
    })
    hand.addEventListener('pointercancel', () => this.#endDrag())
    hand.addEventListener('pointerleave', event => {
      // A finger that is lifted leaves its numbers.
      if (this.#from === undefined && event.pointerType !== 'touch') this.#group.point(undefined)
    })
    hand.addEventListener('dblclick', () => this.#group.show(undefined))
    hand.addEventListener('blur', () => this.#group.point(undefined))
    hand.addEventListener('keydown', event => {
      const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : this.#keyAct(event)
      if (!act) return
      event.preventDefault()
      act()
    })
  }

  #keyAct({ key, shiftKey }: KeyboardEvent): (() => void) | undefined {
    const [from, to] = this.#span
    const step = (shiftKey ? far : near) * (to - from)
    const point = (at: number) => () => this.#group.point(Math.max(from, Math.min(to, at)))
    const move = (by: number) => point(moved(this.#view, this.#group.cursor ?? snap(this.#view, (from + to) / 2), by))
    const zoom = (times: number) => () => {
      const at = this.#group.cursor ?? (from + to) / 2
      this.#group.show(part(this.#view.data, [at - (at - from) * times, at + (to - at) * times]))
    }
    switch (key) {
      case 'ArrowLeft':
      case 'ArrowDown':
        return move(-step)
      case 'ArrowRight':
      case 'ArrowUp':
        return move(step)
      case 'Home':
        return point(snap(this.#view, from))
      case 'End':
        return point(snap(this.#view, to))
      case '+':
      case '=':
        return zoom(1 / 2)
      case '-':
        return zoom(2)
      case 'Escape':
        return () => (this.#group.part ? this.#group.show(undefined) : this.#group.point(undefined))
      default:
        return undefined
    }
  }

  #placeUnder({ clientX }: PointerEvent): number {
    const { left, width } = this.#hand.getBoundingClientRect()
    const [from, to] = this.#span
    return from + Math.max(0, Math.min(1, (clientX - left) / width)) * (to - from)
  }

  #drawDrag(at: number): void {
    if (this.#from === undefined) return
    const [from, to] = this.#span
    const share = (place: number): number => (100 * (place - from)) / (to - from)
    const [left, right] = [share(Math.min(at, this.#from)), share(Math.max(at, this.#from))]
    this.#dragged.hidden = false
    this.#dragged.style.left = `${left}%`
    this.#dragged.style.width = `${right - left}%`
  }

  #endDrag(): void {
    this.#from = undefined
    this.#dragged.hidden = true
  }

  /** Draws the part that the group shows. */
  draw(): void {
    const span = this.#group.part
    this.#all.hidden = span === undefined
    const { data } = this.#view
    if (span) {
      const { drawn, frame } = drawnPart(this.#view, span, buckets)
      this.#frame = frame
      this.#area.innerHTML = plotArea(drawn, frame).markup
    } else {
      this.#frame = frameOf(data, data.xDomain, data.yDomain)
      this.#area.innerHTML = this.#whole
    }
    const [from, to] = this.#span
    this.#hand.setAttribute('aria-valuemin', String(from))
    this.#hand.setAttribute('aria-valuemax', String(to))
  }

  /** Draws the crosshair, with its numbers. */
  drawCursor(): void {
    const [from, to] = this.#span
    const at = this.#group.cursor
    this.#hand.setAttribute('aria-valuenow', String(at ?? to))
    this.#hand.setAttribute('aria-valuetext', sentence(this.#view, at ?? to))
    const place = at !== undefined && at >= from && at <= to ? at : undefined
    this.#tip.hidden = place === undefined
    this.#cursor.innerHTML = place === undefined ? '' : this.#cross(place).markup
    if (place === undefined) return
    this.#tip.innerHTML = this.#numbers(place).markup
    // Beside the crosshair, where there is more room.
    const { clientWidth, offsetLeft } = this.#hand
    const x = offsetLeft + ((place - from) / (to - from)) * clientWidth
    const isRight = place - from > (to - from) / 2
    this.#tip.style.left = isRight ? '' : `${x + gap}px`
    this.#tip.style.right = isRight ? `${this.#root.clientWidth - x + gap}px` : ''
  }

  #cross(place: number): Markup {
    const { x, y, inner } = this.#frame
    const dots = readings(this.#view, place)
      .filter(({ line, point: [, value] }) => line.style !== 'faint' && y(value) >= 0 && y(value) <= inner.height)
      .filter(({ point: [at] }) => at >= this.#span[0] && at <= this.#span[1])
      .map(({ point, line }) => dot(this.#frame, ...point, line.hue))
    return html`<path d="M${tenth(x(place))} 0V${inner.height}" stroke="currentColor"/>${dots}`
  }

  #numbers(place: number): Markup {
    const { xLabel, xFormat } = this.#view.data
    const rows = readings(this.#view, place).map(
      ({ name, text, line: { hue, style, isDashed } }) =>
        html`<li><i class="fovea-key${isDashed && ' fovea-dashed'}${style === 'faint' && ' fovea-faint'}" style="--hue:var(--fovea-${hue})"></i>${name} <b>${text}</b></li>`,
    )
    return html`<b>${axisName(xLabel)} ${formatNumber(xFormat, place)}</b><ul>${rows}</ul>`
  }
}
