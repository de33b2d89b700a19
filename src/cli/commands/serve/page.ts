/** The page of `fovea serve`, for trying a classifier by hand: drop a picture, see its classes. */

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Classify a picture</title>
<link rel="stylesheet" href="page.css">
<script type="module" src="page.js"></script>
<main>
  <h1 id="name">&nbsp;</h1>
  <label id="drop">
    <input id="file" type="file" accept="image/*">
    <img id="picture" alt="">
    <span id="hint">Drop a picture, paste one, or click to choose</span>
  </label>
  <ol id="answer" aria-live="polite"></ol>
</main>
`

const css = `
:root { color-scheme: light dark; --ink: light-dark(#1d1d1f, #e8e6e3); --paper: light-dark(#fbfaf8, #171614);
  --line: light-dark(#d9d5cf, #3a3733); --bar: light-dark(#2f6fb5, #6aa5e3) }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 26rem; margin: 0 auto; padding: 2rem 1rem }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 0 1rem }
#drop { display: grid; place-items: center; min-height: 14rem; padding: 1rem; border: 1px dashed var(--line);
  border-radius: 8px; cursor: pointer; text-align: center }
#drop:focus-within { outline: 2px solid var(--bar); outline-offset: 2px }
#file { position: absolute; opacity: 0; pointer-events: none }
#picture { max-width: 100%; max-height: 20rem; min-width: 6rem; image-rendering: auto }
#picture:not([src]), #picture[src] + #hint { display: none }
ol { list-style: none; margin: 1rem 0; padding: 0 }
li { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; margin-bottom: .5rem }
progress { grid-column: 1 / 3; width: 100%; height: .75rem; accent-color: var(--bar) }
`

const js = `
const at = id => document.getElementById(id)
const info = await (await fetch('info')).json()
at('name').textContent = info.name
document.title = info.name

const line = (text, probability) => {
  const item = document.createElement('li')
  item.append(text)
  if (probability === undefined) return item
  const share = document.createElement('span')
  share.textContent = (100 * probability).toFixed(1) + ' %'
  const bar = document.createElement('progress')
  bar.value = probability
  item.append(share, bar)
  return item
}

let shown = 0
const classify = async file => {
  if (!file) return
  const number = ++shown
  URL.revokeObjectURL(at('picture').src)
  at('picture').src = URL.createObjectURL(file)
  const top = Math.min(5, info.classes.length)
  const lines = await fetch('classify?top=' + top, { method: 'POST', body: file })
    .then(async response => ({ response, answer: await response.json() }))
    .then(({ response, answer }) => response.ok
      ? answer.predictions.map(found => line(found.class, found.probability)) : [line(answer.error)])
    .catch(() => [line('The server does not answer. Is it still running?')])
  if (number === shown) at('answer').replaceChildren(...lines)
}

at('file').addEventListener('change', () => classify(at('file').files[0]))
addEventListener('paste', event => classify(event.clipboardData.files[0]))
addEventListener('dragover', event => event.preventDefault())
addEventListener('drop', event => {
  event.preventDefault()
  classify(event.dataTransfer.files[0])
})
`

/** The files of the page by path. */
export const pageFiles: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  '/': { type: 'text/html; charset=utf-8', text: html },
  '/page.css': { type: 'text/css; charset=utf-8', text: css },
  '/page.js': { type: 'text/javascript; charset=utf-8', text: js },
}
