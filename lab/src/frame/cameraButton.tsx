/** The button of the camera, and what the camera sees while it is on. */
import { useEffect, useMemo } from 'preact/hooks'
import type { Lab } from '../state/lab.ts'
import { Camera } from './camera.ts'
import { CameraVideo } from './cameraVideo.tsx'

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

/** What it sees, and what is made of it. */
function Finder({ camera }: { readonly camera: Camera }) {
  return (
    <div class="finder">
      <CameraVideo camera={camera} />
      <p class="micro quiet" role="status">
        {camera.stream.value ? camera.note.value : 'The browser asks whether the camera may be used.'}
      </p>
    </div>
  )
}
