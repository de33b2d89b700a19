/** The page: reads what is drawn, chosen or filmed, and trains a model of its own. */
import { createReader } from './reader.ts'
import { trainInWorker } from './train.ts'

const find = <T extends Element>(selector: string) => document.querySelector<T>(selector) as T
const canvas = find<HTMLCanvasElement>('canvas')
const output = find('output')
const fileOf = (name: string) => new URL(name, document.baseURI)

let read = await createReader('lenet5.safetensors')

/** A picture may show nothing: the error says so. */
async function show(source: ImageBitmapSource): Promise<void> {
  output.textContent = await read(source).catch((error: Error) => error.message)
}

// Drawing, with a mouse, a pen or a finger.
const pen = canvas.getContext('2d') as CanvasRenderingContext2D
pen.lineWidth = 20
pen.lineCap = 'round'
canvas.onpointerdown = () => pen.beginPath()
canvas.onpointermove = ({ buttons, offsetX, offsetY }) => {
  if (buttons === 0) return
  pen.lineTo(offsetX, offsetY)
  pen.stroke()
}
canvas.onpointerup = () => show(canvas)
find<HTMLElement>('#clear').onclick = () => pen.clearRect(0, 0, canvas.width, canvas.height)

// A file.
const input = find<HTMLInputElement>('input')
input.onchange = () => input.files?.[0] && show(input.files[0])

// The camera, five times a second.
find<HTMLElement>('#camera').onclick = async () => {
  const video = document.createElement('video')
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
  await video.play()
  setInterval(() => show(video), 200)
}

// Training: the page goes on reading with the old weights meanwhile.
find<HTMLElement>('#train').onclick = async () => {
  const images = { images: fileOf('mnist/images').href, labels: fileOf('mnist/labels').href }
  const weights = await trainInWorker(images, (step, loss) => {
    output.textContent = `step ${step}: loss ${loss.toFixed(3)}`
  })
  read = await createReader(weights)
  output.textContent = 'trained'
}
