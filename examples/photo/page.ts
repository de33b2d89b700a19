import { classifierInWorker } from 'fovea/classifier'

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
const loading = classifierInWorker(worker, 'photo.fovea', { cache: true })

async function look(photo: File | undefined) {
  if (!photo) return
  const [image, output] = [document.querySelector('img')!, document.querySelector('output')!]
  image.src = URL.createObjectURL(photo)
  output.value = '…'
  const answers = loading.then(classify => classify(photo, { top: 3 }))
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const text = answers.then(found => found.map(({ class: name, probability }) => `${percent(probability)} ${name}`))
  output.value = await text.then(lines => lines.join('\n')).catch((error: Error) => error.message)
}

document.querySelector('input')!.onchange = event => look((event.target as HTMLInputElement).files?.[0])
document.ondragover = document.ondrop = event => {
  event.preventDefault()
  look(event.dataTransfer?.files[0])
}
