/** The network as a graph, to pan and to zoom, whose modules open and whose layers can be chosen, by pointer and by keys. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { downloadFile } from '../../../../src/formats/browserFiles.ts'
import { drawLayout, networkDrawing } from '../../../../src/plot/networkDrawing.ts'
import { layoutNetwork } from '../../../../src/plot/networkLayout.ts'
import { keepPlace, panByDragging, zoomByWheel } from '../../../../src/plot/page/panning.ts'
import type { Build } from './state.ts'

/** Sizes between which is zoomed, as a share of the drawing's own, and how much a press of a key changes. */
const [least, most, step] = [0.1, 3, 1.25]

/** The graph. */
export function GraphView({ build }: { readonly build: Build }) {
  const place = useRef<HTMLDivElement>(null)
  const scale = useSignal(1)
  const drawn = useComputed(() => {
    const shown = build.shown.value
    if (!shown) return undefined
    const layout = layoutNetwork(shown.graph, build.open.value)
    return { ...shown, layout, svg: drawLayout(layout, { title: `The graph of ${shown.name}`, isLive: true }) }
  })
  /** The node that has, or had, the focus. */
  const current = useRef<string | undefined>(undefined)

  const zoomTo = (to: number, x = 0.5, y = 0.5): void => {
    const box = place.current!
    const next = Math.min(most, Math.max(least, to))
    const factor = next / scale.value
    keepPlace(box, factor, x, y, () => {
      scale.value = next
    })
  }
  const fitWidth = (): void => {
    const svg = place.current?.querySelector('svg')
    if (svg) zoomTo(Math.min(1, (place.current!.clientWidth - 2) / svg.viewBox.baseVal.width))
  }

  // Another network is shown from its beginning; one that is edited stays where it is.
  const name = useComputed(() => build.shown.value?.name).value
  useLayoutEffect(() => {
    fitWidth()
    place.current?.scrollTo(0, 0)
  }, [name])
  useSignalEffect(() => {
    const { svg } = drawn.value ?? {}
    const box = place.current
    if (!box) return
    const hadFocus = box.contains(document.activeElement)
    box.innerHTML = svg ?? ''
    sizeTo(box, scale.peek())
    markChosen(box, build.chosen.peek(), drawn.peek()?.graph.nodes)
    const nodes = [...box.querySelectorAll<SVGGElement>('[data-node]')]
    const kept = nodes.find(node => node.dataset.node === current.current) ?? nodes[0]
    kept?.setAttribute('tabindex', '0')
    if (hadFocus) kept?.focus()
  })
  useSignalEffect(() => {
    if (place.current) sizeTo(place.current, scale.value)
  })
  useSignalEffect(() => {
    if (place.current) markChosen(place.current, build.chosen.value, drawn.peek()?.graph.nodes)
  })

  const nodeOf = (target: EventTarget | null): SVGGElement | undefined =>
    (target as Element | null)?.closest<SVGGElement>('[data-node]') ?? undefined
  const act = (element: SVGGElement): void => {
    const id = Number(element.dataset.node)
    const node = drawn.value!.graph.nodes[id]!
    focusOn(element)
    if (node.kind === 'module' && build.looked.value) build.toggle(id)
    else if (node.kind === 'module') {
      build.chosen.value = node.path
      build.toggle(id)
    } else build.chosen.value = node.path
  }
  const focusOn = (element: SVGGElement): void => {
    for (const other of place.current!.querySelectorAll('[data-node][tabindex="0"]'))
      other.setAttribute('tabindex', '-1')
    current.current = element.dataset.node
    element.setAttribute('tabindex', '0')
    element.focus({ preventScroll: true })
    element.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  const press = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === '+' || event.key === '=') zoomTo(scale.value * step)
    else if (event.key === '-') zoomTo(scale.value / step)
    else if (event.key === '0') fitWidth()
    else {
      const node = nodeOf(event.target)
      if (!node) return
      if (event.key === 'Enter' || event.key === ' ') act(node)
      else {
        const next = nextNode(place.current!, node, event.key)
        if (!next) return
        focusOn(next)
      }
    }
    event.preventDefault()
    event.stopPropagation()
  }
  useEffect(() => panByDragging(place.current!), [])
  useEffect(() => zoomByWheel(place.current!, (factor, x, y) => zoomTo(scale.peek() * factor, x, y)), [])

  const hasModules = useComputed(() => drawn.value?.graph.nodes.some(({ kind }) => kind === 'module') ?? false).value
  const download = (): void => {
    const shown = build.shown.value!
    const svg = networkDrawing(shown.graph, { title: `The graph of ${shown.name}`, open: build.open.value })
    downloadFile(`${shown.name.replace(/[^\w.-]+/g, '-')}.svg`, new Blob([`${svg}\n`], { type: 'image/svg+xml' }))
  }
  return (
    <section class="graph" aria-labelledby="graph-title">
      <div class="bar">
        <h2 id="graph-title">Graph</h2>
        <div class="tools">
          {hasModules && (
            <>
              <button type="button" onClick={() => build.openAll(true)}>
                Open all
              </button>
              <button type="button" onClick={() => build.openAll(false)}>
                Close all
              </button>
            </>
          )}
          <button
            type="button"
            class="icon"
            aria-label="Smaller"
            title="Smaller (−)"
            onClick={() => zoomTo(scale.value / step)}
          >
            −
          </button>
          <button
            type="button"
            class="icon"
            aria-label="Larger"
            title="Larger (+)"
            onClick={() => zoomTo(scale.value * step)}
          >
            +
          </button>
          <button type="button" title="As wide as its place (0)" onClick={fitWidth}>
            Fit
          </button>
          <button type="button" onClick={download}>
            Download SVG
          </button>
        </div>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the drawing in it has the nodes, which are buttons and take the focus */}
      <div
        class="canvas"
        ref={place}
        onClick={event => {
          const node = nodeOf(event.target)
          if (node) act(node)
        }}
        onKeyDown={press}
      />
      <p class="hint micro quiet">
        Drag to move, Ctrl and wheel to zoom. Keys: arrows along the lines, Enter opens a module or chooses a layer, + −
        0.
      </p>
    </section>
  )
}

function sizeTo(box: HTMLElement, scale: number): void {
  const svg = box.querySelector('svg')
  if (!svg) return
  svg.style.maxWidth = 'none'
  svg.style.width = `${svg.viewBox.baseVal.width * scale}px`
}

function markChosen(
  box: HTMLElement,
  path: string | undefined,
  nodes: readonly { readonly path: string }[] = [],
): void {
  for (const element of box.querySelectorAll<SVGGElement>('[data-node]')) {
    const isChosen = path !== undefined && nodes[Number(element.dataset.node)]?.path === path
    element.classList.toggle('chosen', isChosen)
    if (isChosen && !box.contains(document.activeElement)) bringIntoView(box, element)
  }
}

/** Scrolls the graph, and nothing around it. */
function bringIntoView(box: HTMLElement, element: Element): void {
  const [outer, inner] = [box.getBoundingClientRect(), element.getBoundingClientRect()]
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2
  }
}

/** The node that a key leads to: along an edge, or the next in the order of computation. */
function nextNode(box: HTMLElement, node: SVGGElement, key: string): SVGGElement | undefined {
  const all = [...box.querySelectorAll<SVGGElement>('[data-node]')]
  const at = all.indexOf(node)
  const linked = (from: 'from' | 'to', to: 'from' | 'to'): SVGGElement | undefined => {
    const edge = box.querySelector<SVGPathElement>(`path[data-${from}="${node.dataset.node}"]`)
    return edge ? all.find(other => other.dataset.node === edge.dataset[to]) : undefined
  }
  if (key === 'ArrowDown') return linked('from', 'to') ?? all[at + 1]
  if (key === 'ArrowUp') return linked('to', 'from') ?? all[at - 1]
  if (key === 'ArrowRight') return all[at + 1]
  if (key === 'ArrowLeft') return all[at - 1]
  return key === 'Home' ? all[0] : key === 'End' ? all.at(-1) : undefined
}
