/**
 * The camera as the probe: what it sees goes through the network, frame by frame, until another picture is looked at or the page is
 * left. Frames never leave the page.
 */
import { batch, effect, signal } from '@preact/signals'
import type { Probe } from '../state/known.ts'
import type { Lab } from '../state/lab.ts'
import type { FrameAnswer, FrameRequest } from '../worker/readWorker.ts'
import { createReader } from './upload.ts'

/** Milliseconds between two frames, and the side of the square that is read of each. */
const [frameEvery, frameSide] = [66, 256]

/** A camera that has been asked for, until it is left. */
interface Session {
  readonly reader: Worker
  stream?: MediaStream
  /** What was shown of it last; the probe from before it has shown anything. */
  shown: Probe | undefined
  /** Ends the watch over the probe and the page. */
  unwatch(): void
}

/** The camera of a page. */
export class Camera {
  /** The stream, while there is one. */
  readonly stream = signal<MediaStream | undefined>(undefined)
  /** Whether it was asked for, and not left yet. */
  readonly isOn = signal(false)
  /** Why the last frame was no picture for the network. */
  readonly note = signal<string | undefined>(undefined)
  readonly #lab: Lab
  #session: Session | undefined

  constructor(lab: Lab) {
    this.#lab = lab
  }

  /** Asks for the camera. What is in the way is told, with what to do. */
  async start(): Promise<void> {
    this.stop()
    const session: Session = { reader: createReader(), shown: this.#lab.probe.peek(), unwatch: () => undefined }
    session.unwatch = this.#watch(session)
    this.#session = session
    this.isOn.value = true
    try {
      const stream = await openStream()
      // It was left while the browser still asked.
      if (this.#session !== session) {
        stopTracks(stream)
        return
      }
      session.stream = stream
      this.stream.value = stream
      for (const track of stream.getVideoTracks()) {
        track.addEventListener('ended', () => {
          if (this.#session === session)
            this.#fail(
              'The camera was taken away: unplugged, or no longer allowed. Its last picture stays. Connect it or allow it again.',
            )
        })
      }
    } catch (error) {
      if (this.#session === session) this.#fail(reasonOf(error))
    }
  }

  /** Leaves the camera; the last picture stays. */
  stop(): void {
    const session = this.#session
    this.#session = undefined
    session?.unwatch()
    session?.reader.terminate()
    if (session?.stream) stopTracks(session.stream)
    batch(() => {
      this.isOn.value = false
      this.stream.value = this.note.value = undefined
    })
  }

  /** Shows frames of the stream, which a video plays, one after the other. */
  async play(video: HTMLVideoElement): Promise<void> {
    const session = this.#session
    if (!session) return
    while (this.#session === session) {
      const side = Math.min(video.videoWidth, video.videoHeight)
      if (side > 0) {
        const [left, top] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2]
        const size = { resizeWidth: frameSide, resizeHeight: frameSide }
        // A frame that cannot be had is followed by others.
        const frame = await createImageBitmap(video, left, top, side, side, size).catch(() => undefined)
        if (frame) await this.#show(session, frame)
      }
      await new Promise(resolve => setTimeout(resolve, frameEvery))
    }
  }

  async #show(session: Session, frame: ImageBitmap): Promise<void> {
    const opened = this.#lab.opened.value
    if (!opened) return
    const { shape, subject } = opened
    const answer = await new Promise<FrameAnswer>(resolve => {
      session.reader.onmessage = ({ data }: MessageEvent<FrameAnswer>) => resolve(data)
      const request: FrameRequest = { frame, shape, subject: subject ?? 'picture' }
      session.reader.postMessage(request, [frame])
    })
    if (this.#session !== session) return
    this.note.value = answer.type === 'nothing' ? nothingSeen[subject ?? 'picture'] : undefined
    if (answer.type === 'nothing') return
    session.shown = { pixels: answer.pixels, label: undefined, name: 'your camera' }
    this.#lab.showPicture(session.shown)
  }

  /** Another picture than the camera's, another training, or a page that is hidden leaves it. */
  #watch(session: Session): () => void {
    const unwatch = effect(() => {
      // A new training begins with a picture of its own.
      if (this.#lab.probe.value !== session.shown) queueMicrotask(() => this.#session === session && this.stop())
    })
    const hide = (): void => {
      if (document.visibilityState === 'hidden') this.stop()
    }
    document.addEventListener('visibilitychange', hide)
    return () => {
      unwatch()
      document.removeEventListener('visibilitychange', hide)
    }
  }

  #fail(message: string): void {
    this.stop()
    this.#lab.problem.value = { message, remedy: { name: 'Try again', act: () => void this.start() } }
  }
}

const nothingSeen = {
  digit: 'No digit is seen. Hold one before it, dark on white paper.',
  clothing: 'No clothing is seen. Hold a piece before it, on an even ground.',
  picture: 'Nothing is seen yet.',
} as const

/** The camera's stream. @throws DOMException, or TypeError where pages have no cameras. */
export async function openStream(): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false })
}

/** Ends a stream. */
export function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop()
}

/** Why there is no stream, and what to do. */
export function reasonOf(error: unknown): string {
  if (!navigator.mediaDevices) {
    return 'Pages of plain http have no camera. Open the Lab by https, or at the address that `fovea lab` prints.'
  }
  const { name, message } = error as Error
  if (name === 'NotAllowedError' || name === 'SecurityError') {
    return 'The page is not allowed to use the camera. Allow it in the browser, beside the address, and try again; or upload a picture.'
  }
  if (name === 'NotFoundError' || name === 'OverconstrainedError') {
    return 'There is no camera. Connect one and try again; or upload a picture.'
  }
  if (name === 'NotReadableError' || name === 'AbortError') {
    return 'The camera does not start: another program may have it. Close that program and try again; or upload a picture.'
  }
  return `The camera does not start: ${message}. Upload a picture instead, or try again.`
}
