/** Parts of a drawing that say something, a `fovea-part` with a title and, as its last rectangle, its frame: the one that is pointed at, or reached by keys, is marked and read out. */

/** Makes the parts answer. @param place has the drawing; an empty `fovea-tip` follows it in its figure */
export function makePartsAnswer(place: HTMLElement): void {
  const parts = [...place.querySelectorAll<SVGGElement>('.fovea-part')]
  // The browser would show them, too.
  const said = parts.map(part => {
    const title = part.querySelector('title')!
    title.remove()
    return title.textContent
  })
  const tip = place.nextElementSibling as HTMLElement
  place.tabIndex = 0
  let at = -1
  const show = (index: number): void => {
    parts[at]?.classList.remove('on')
    at = index
    tip.textContent = said[at] ?? ''
    const part = parts[at]
    if (!part) return
    part.classList.add('on')
    placeBeside(tip, part.getBoundingClientRect(), tip.parentElement!.getBoundingClientRect())
  }
  place.addEventListener('pointerover', ({ target }) =>
    show(parts.indexOf((target as Element).closest('.fovea-part')!)),
  )
  place.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && show(-1))
  place.addEventListener('blur', () => show(-1))
  place.addEventListener('keydown', event => {
    const { key, ctrlKey, metaKey, altKey } = event
    const next = { ...stepsOf(parts, at), Home: 0, End: parts.length - 1, Escape: -1 }[key]
    if (ctrlKey || metaKey || altKey || next === undefined || (next < 0 && at < 0)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    parts[next]?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    show(next)
  })
}

/** Where the arrows lead. */
function stepsOf(parts: readonly SVGGElement[], at: number): Record<string, number> {
  const tops = parts.map(part => part.getBoundingClientRect().top)
  const columns = tops.filter(top => top < tops[0]! + 1).length
  const by = (step: number): number => (at < 0 ? 0 : Math.max(0, Math.min(parts.length - 1, at + step)))
  return { ArrowLeft: by(-1), ArrowRight: by(1), ArrowUp: by(-columns), ArrowDown: by(columns) }
}

/** Below a part, or at the side of one that is tall: nearer to the middle. */
function placeBeside({ style }: HTMLElement, part: DOMRect, figure: DOMRect): void {
  const isTall = part.height > 2 * part.width
  const isRight = part.left + part.right > figure.left + figure.right
  const aside = isTall ? part.width + 8 : 0
  style.top = `${(isTall ? part.top : part.bottom + 6) - figure.top}px`
  style.left = isRight ? '' : `${part.left - figure.left + aside}px`
  style.right = isRight ? `${figure.right - part.right + aside}px` : ''
}
