/** The frame of a self-contained page: it needs no network, and without scripts it lacks only what answers the pointer. */
import { html, type Markup, raw } from '../plot/markup.ts'
import { pageScript } from '../plot/pageScript.ts'
import { reportCss } from './reportStyle.ts'

/** The parts of a page. */
export interface Page {
  /** Title shown by the browser. */
  readonly title: string
  /** Version of Fovea. */
  readonly version: string
  readonly header: Markup
  /** The sections. */
  readonly main: Markup
  /** Whether there are charts or drawings that answer the pointer, which need a script. Default false. */
  readonly hasScript?: boolean
}

/** A whole HTML document as text. */
export function page({ title, version, header, main, hasScript = false }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Fovea ${version}">
<title>${title} · Fovea</title>
<style>${raw(reportCss)}</style>
</head>
<body>
${header}
<main>
${main}
</main>
<footer>Written by Fovea ${version}. This file is complete: it loads nothing${
    hasScript ? ', and its one script makes the drawings answer.' : ' and runs no script.'
  }</footer>
${
  hasScript &&
  html`<script>${raw(pageScript)}</script>
`
}</body>
</html>
`.markup
}

/** How charts answer; shown by their script, as it is not true without. */
export const chartHint = html`<p class="note fovea-hint" hidden>Point at a curve for its numbers. Drag to show a part; double click or Esc shows all of it. With keys: arrows, + and −.</p>`

/** The same for drawings that are zoomed. */
export const drawingHint = html`<p class="note fovea-hint" hidden>+ and − or Ctrl and the wheel make it larger and smaller; drag to move it; double click or Esc makes it fit.</p>`

/** A large drawing on a page with a script. @param svg as text */
export const zoomable = (svg: string): Markup => html`<figure><div class="fovea-drawing">${raw(svg)}</div></figure>`

/** And for drawings whose parts are read out. */
export const partsHint = html`<p class="note fovea-hint" hidden>Point at a part for its name and its numbers, or move from one to the next by arrows.</p>`

/** A drawing whose parts are read out, on a page with a script. @param svg as text @param name of the drawing */
export function answering(
  svg: string,
  {
    name,
    isZoomed = false,
    caption,
  }: { readonly name: string; readonly isZoomed?: boolean; readonly caption?: string },
): Markup {
  return html`<figure class="fovea-answering"><div class="${isZoomed && 'fovea-drawing '}fovea-parts" role="group" aria-label="${name}">${raw(svg)}</div><div class="fovea-tip" role="status"></div>${
    caption !== undefined && html`<figcaption>${caption}</figcaption>`
  }</figure>`
}

/** A number of a page's head: what it is, the number, and details below. */
export function fact(name: string, value: string, ...details: string[]): Markup {
  const small = details.filter(detail => detail !== '').map(detail => html`<small>${detail}</small>`)
  return html`<div><dt>${name}</dt><dd><b>${value}</b>${small}</dd></div>\n`
}

/** Whether a file of this name is a page, and no drawing. */
export const isPage = (file: string): boolean => file.toLowerCase().endsWith('.html')
