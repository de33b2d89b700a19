/** The frame of a self-contained page: it needs no network and no script. */
import { html, type Markup, raw } from '../plot/markup.ts'
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
}

/** A whole HTML document as text. */
export function page({ title, version, header, main }: Page): string {
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
<footer>Written by Fovea ${version}. This file is complete: it loads nothing and runs no script.</footer>
</body>
</html>
`.markup
}
