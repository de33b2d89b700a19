/** Parts of a drawing that say something, a `fovea-part` with a title: the one that is pointed at, or reached by keys, is marked and read out. */

/** Makes the parts answer. @param place has the drawing, and lies in a figure */
export function makePartsAnswer(place: HTMLElement): void {
  const parts = [...place.querySelectorAll<SVGGElement>('.fovea-part')]
  // The browser would show them, too.
  const said = parts.map(part => {
    const title = part.querySelector('title')!
    title.remove()
    return title.textContent
  })
  const mark = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  mark.setAttribute('class', 'fovea-mark')
  const tip = document.createElement('div')
  tip.className = 'fovea-tip'
  tip.setAttribute('role', 'status')
  place.after(tip)
  place.tabIndex = 0
  place.setAttribute('role', 'group')
  place.setAttribute('aria-label', place.querySelector('title')!.textContent)
  let at = -1
  const show = (index: number): void => {
    at = index
    tip.textContent = said[at] ?? ''
    const part = parts[at]
    if (!part) return mark.remove()
    mark.remove()
    for (const [name, value] of Object.entries(boxOf(part))) mark.setAttribute(name, String(value))
    part.append(mark)
    placeBeside(tip, part.getBoundingClientRect(), tip.parentElement!.getBoundingClientRect())
  }
  /** The nearest part in the next row. */
  const below = (way: 1 | -1): number => {
    const from = parts[at]!.getBoundingClientRect()
    let [nearest, least] = [at, Number.POSITIVE_INFINITY]
    for (const [k, part] of parts.entries()) {
      const { left, top } = part.getBoundingClientRect()
      const rows = way * (top - from.top)
      const far = 1000 * rows + Math.abs(left - from.left)
      if (rows > 1 && far < least) [nearest, least] = [k, far]
    }
    return nearest
  }
  place.addEventListener('pointerover', ({ target }) => show(parts.indexOf((target as Element).closest('.fovea-part')!)))
  place.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && show(-1))
  place.addEventListener('blur', () => show(-1))
  place.addEventListener('keydown', event => {
    const { key, ctrlKey, metaKey, altKey } = event
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key] as 1 | -1 | undefined
    if (ctrlKey || metaKey || altKey || !(way || key === 'Home' || key === 'End' || (key === 'Escape' && at >= 0))) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (key === 'Escape') return show(-1)
    const last = parts.length - 1
    const next = !way ? (key === 'Home' ? 0 : last) : at < 0 ? 0 : /t$/.test(key) ? at + way : below(way)
    const part = parts[Math.max(0, Math.min(last, next))]!
    part.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    show(parts.indexOf(part))
  })
}

function boxOf(part: SVGGElement): Record<'x' | 'y' | 'width' | 'height', number> {
  const { x, y, width, height } = part.getBBox()
  return { x, y, width, height }
}

/** Below a part, or at the side of one that is tall: nearer to the middle. */
function placeBeside({ style }: HTMLElement, part: DOMRect, figure: DOMRect): void {
  const isTall = part.height > 2 * part.width
  const isRight = part.left + part.right > figure.left + figure.right
  const aside = isTall ? part.width + 8 : 0
  style.top = `${isTall ? part.top - figure.top : part.bottom - figure.top + 6}px`
  style.left = isRight ? '' : `${part.left - figure.left + aside}px`
  style.right = isRight ? `${figure.right - part.right + aside}px` : ''
}
