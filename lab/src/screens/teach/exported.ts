/** A taught classifier as files to put on a server: the artifact, a page that uses it, and the part of Fovea that it needs. */
import { strToU8, zipSync } from 'fflate'

/** The names of the three files. */
export const artifactName = 'classifier.fovea'
const pageName = 'index.html'
const libraryName = 'fovea.js'

/** The three files as one zip. Nothing in it is compressed: weights hardly would be. @param library the script `fovea.js` */
export function exportZip(
  title: string,
  artifact: Uint8Array<ArrayBuffer>,
  library: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const files = { [pageName]: strToU8(pageOf(title)), [artifactName]: artifact, [libraryName]: library }
  // The same classifier makes the same file: no entry has a date of its own.
  return zipSync(files, { level: 0, mtime: new Date(1980, 0, 1) }) as Uint8Array<ArrayBuffer>
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`)

/** The page. */
export const pageOf = (title: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8" /><meta name="viewport" content="width=device-width" />
<title>${escaped(title)}</title>
<style>
  :root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }
  body { max-width: 30rem; margin: 8vh auto; padding: 0 1rem; }
  label { display: grid; gap: 1rem; place-items: center; padding: 3rem 1rem; border: 2px dashed gray; border-radius: 1rem; }
  img, output { display: block; max-width: 100%; margin: 1rem 0; border-radius: 1rem; white-space: pre-line; }
</style>
<label>Drop a picture anywhere, or choose one <input type="file" accept="image/*" /></label>
<img alt="" />
<output></output>
<!-- A server gives these files out: \`npx vite\` in this folder, or any host of files. -->
<script type="module">
  import { createEngine, loadClassifier } from './${libraryName}'

  const output = document.querySelector('output')
  // Precise: the answers of the page it was taught on, to the bit.
  const loading = loadClassifier('${artifactName}', { engine: createEngine({ precise: true }) })

  async function look(picture) {
    if (!picture) return
    document.querySelector('img').src = URL.createObjectURL(picture)
    output.value = '…'
    try {
      const found = await (await loading)(picture, { top: 3 })
      output.value = found.map(one => \`\${(100 * one.probability).toFixed(1)} % \${one.class}\`).join('\\n')
    } catch (error) {
      output.value = error.message
    }
  }

  document.querySelector('input').onchange = event => look(event.target.files[0])
  document.ondragover = document.ondrop = event => {
    event.preventDefault()
    look(event.dataTransfer?.files[0])
  }
</script>
</html>
`
