/** The button of the camera, and what the camera sees while it is on. */
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'
import { Camera } from './camera.ts'

/** Both. */
export function CameraButton({ lab }: { readonly lab: Lab }) {
  const camera = useMemo(() => new Camera(lab), [lab])
  useEffect(() => () => camera.stop(), [camera])
  const isOn = camera.isOn.value
  return (
    <>
      <button
        type="button"
        id="camera"
        disabled={lab.opened.value === undefined}
        aria-pressed={isOn}
        title={isOn ? 'Leave the camera; its last picture stays' : 'What the camera sees goes through the network'}
        onClick={() => (isOn ? camera.stop() : void camera.start())}
      >
        Camera<kbd>c</kbd>
      </button>
      {isOn && <Finder camera={camera} />}
    </>
  )
}

/** The square of the stream that is read. */
function Finder({ camera }: { readonly camera: Camera }) {
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
  return (
    <div class="finder">
      <video ref={video} muted playsInline aria-label="What the camera sees" />
      <p class="micro quiet" role="status">
        {stream ? camera.note.value : 'The browser asks whether the camera may be used.'}
      </p>
    </div>
  )
}
