/** A drawing larger than its place: moved by dragging, zoomed by Ctrl and the wheel. */

/** CSS pixels of a drag that is one, and no click. */
const leastDrag = 4

/** Moves what is in a box that scrolls by dragging it; a click that moved nothing stays one. @returns what ends it */
export function panByDragging(box: HTMLElement): () => void {
  let from: readonly [x: number, y: number, left: number, top: number] | undefined
  let moved = false
  const down = (event: PointerEvent): void => {
    if (event.pointerType === 'touch' || event.button !== 0) return
    from = [event.clientX, event.clientY, box.scrollLeft, box.scrollTop]
    moved = false
  }
  const move = (event: PointerEvent): void => {
    // A button may be let go where nothing is heard of it.
    if (!event.buttons) from = undefined
    if (!from) return
    const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]]
    if (!moved && Math.hypot(dx, dy) < leastDrag) return
    moved = true
    box.scrollTo(from[2] - dx, from[3] - dy)
  }
  const click = (event: MouseEvent): void => {
    if (moved) event.stopPropagation()
    moved = false
  }
  const ended = new AbortController()
  const { signal } = ended
  box.addEventListener('pointerdown', down, { signal })
  addEventListener('pointermove', move, { signal })
  box.addEventListener('click', click, { signal, capture: true })
  return () => ended.abort()
}

/**
 * Ctrl and wheel, which is also what two fingers on a pad do, zooms where the pointer is.
 * @param onZoom is told the factor, and the pointer's place as shares of the box
 * @returns what ends it
 */
export function zoomByWheel(box: HTMLElement, onZoom: (factor: number, x: number, y: number) => void): () => void {
  const turn = (event: WheelEvent): void => {
    if (!event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    const { left, top, width, height } = box.getBoundingClientRect()
    onZoom(Math.exp(-event.deltaY / 300), (event.clientX - left) / width, (event.clientY - top) / height)
  }
  box.addEventListener('wheel', turn, { passive: false })
  return () => box.removeEventListener('wheel', turn)
}

/**
 * Scrolls a box so that a place of what is in it stays where it is when its size changes.
 * @param factor of the change
 * @param x y shares of the box
 */
export function keepPlace(box: HTMLElement, factor: number, x: number, y: number, resize: () => void): void {
  const [left, top] = [box.scrollLeft + x * box.clientWidth, box.scrollTop + y * box.clientHeight]
  resize()
  box.scrollLeft = left * factor - x * box.clientWidth
  box.scrollTop = top * factor - y * box.clientHeight
}
