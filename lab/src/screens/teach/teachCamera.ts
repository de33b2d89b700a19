/** The camera of Teach: each frame is judged, and while a button is held it becomes a picture of a class. */
import { batch, signal } from '@preact/signals'
import { openStream, reasonOf, stopTracks } from '../../frame/camera.ts'
import type { TaughtClass } from './classes.ts'
import type { Teach } from './teach.ts'

/** Milliseconds between two frames, and the side of the square that is read of each. */
const [frameEvery, frameSide] = [66, 256] as const

/** The camera. */
export class TeachCamera {
  readonly stream = signal<MediaStream | undefined>(undefined)
  /** Whether it was asked for, and not left yet. */
  readonly isOn = signal(false)
  readonly problem = signal<string | undefined>(undefined)
  /** The class that frames are kept for. */
  readonly recording = signal<TaughtClass | undefined>(undefined)
  readonly #teach: Teach
  /** Counts how often it was asked for: what belongs to an earlier time is over. */
  #session = 0
  #frame: Promise<void> = Promise.resolve()

  constructor(teach: Teach) {
    this.#teach = teach
  }

  /** Asks for the camera. What is in the way is told, with what to do. */
  async start(): Promise<void> {
    this.stop()
    const session = ++this.#session
    batch(() => {
      this.isOn.value = true
      this.problem.value = undefined
    })
    try {
      const stream = await openStream()
      if (session !== this.#session) {
        stopTracks(stream)
        return
      }
      this.stream.value = stream
      for (const track of stream.getVideoTracks()) {
        track.addEventListener('ended', () => {
          if (session !== this.#session) return
          this.stop()
          this.problem.value =
            'The camera was taken away: unplugged, or no longer allowed. Its pictures stay. Connect it or allow it again.'
        })
      }
    } catch (error) {
      if (session !== this.#session) return
      this.stop()
      this.problem.value = reasonOf(error)
    }
  }

  /** Leaves the camera; its pictures stay. */
  stop(): void {
    this.#session++
    void this.release()
    const stream = this.stream.peek()
    if (stream) stopTracks(stream)
    batch(() => {
      this.isOn.value = false
      this.stream.value = undefined
    })
  }

  /** Takes frames of the stream, which a video plays, one after the other: none waits for the one before it. */
  async play(video: HTMLVideoElement): Promise<void> {
    const session = this.#session
    while (session === this.#session) {
      const side = Math.min(video.videoWidth, video.videoHeight)
      if (side > 0) {
        const [left, top] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2]
        const size = { resizeWidth: frameSide, resizeHeight: frameSide }
        // A frame that cannot be had is followed by others.
        const frame = await createImageBitmap(video, left, top, side, side, size).catch(() => undefined)
        if (frame && session === this.#session) {
          this.#frame = this.#teach.takeFrame(frame, this.recording.peek()).catch((error: Error) => {
            this.problem.value = error.message
          })
          await this.#frame
        }
      }
      await new Promise(resolve => setTimeout(resolve, frameEvery))
    }
  }

  /** Keeps frames for a class until {@link release}. */
  record(to: TaughtClass): void {
    if (!this.isOn.peek()) void this.start()
    this.recording.value = to
  }

  /** Ends the take. */
  async release(): Promise<void> {
    const to = this.recording.peek()
    if (!to) return
    this.recording.value = undefined
    // The last frame may still be looked at.
    await this.#frame
    this.#teach.lesson.peek()?.classes.endTake(to)
  }
}
