/**
 * The script of pages with drawings: it makes every `pageChart`, every drawing in a `fovea-drawing` or with
 * `fovea-parts`, and the trials of a search answer. Bundled by `scripts/pageScript.ts`.
 */
import { Group, PageChartElement } from './chartElement.ts'
import { makeZoomable } from './drawingElement.ts'
import type { ChartData } from './pageChart.ts'
import { makePartsAnswer } from './parts.ts'
import { linkTrials } from './trials.ts'

const groups = new Map<string, Group>()

for (const root of document.querySelectorAll<HTMLElement>('.fovea-chart')) {
  const data = JSON.parse(root.dataset.chart!) as ChartData
  const group = (data.group !== undefined && groups.get(data.group)) || new Group()
  if (data.group !== undefined) groups.set(data.group, group)
  new PageChartElement(root, data, group)
}
// Before it is zoomed: Esc first takes back what is read out.
for (const place of document.querySelectorAll<HTMLElement>('.fovea-parts')) makePartsAnswer(place)
for (const place of document.querySelectorAll<HTMLElement>('.fovea-drawing')) makeZoomable(place)
const reading = document.querySelector<HTMLElement>('.fovea-reading')
if (reading) linkTrials(reading)
// What the page says of them is true from here on.
for (const hint of document.querySelectorAll<HTMLElement>('.fovea-hint')) hint.hidden = false
