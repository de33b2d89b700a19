/** What a camera sees, while it is on. */
import type { ReadonlySignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

/** A camera that reads the frames of a video. */
interface VideoReader {
  readonly stream: ReadonlySignal<MediaStream | undefined>
  /** Reads frames for as long as the stream lasts. */
  play(video: HTMLVideoElement): unknown
}

/** The square of the stream that is read. */
export function CameraVideo({ camera }: { readonly camera: VideoReader }) {
  const video = useRef<HTMLVideoElement>(null)
  const stream = camera.stream.value
  useEffect(() => {
    const element = video.current!
    if (!stream) return
    element.srcObject = stream
    // Playing ends with an error when the camera is left at once.
    element.play().catch(() => undefined)
    void camera.play(element)
  }, [camera, stream])
  return <video ref={video} muted playsInline aria-label="What the camera sees" />
}
