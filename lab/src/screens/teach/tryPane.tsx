/** What the camera sees, or a picture that no class has, and what the head takes it for. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { percent } from '../../draw/format.ts'
import { CameraVideo } from '../../frame/cameraVideo.tsx'
import { FilesButton } from '../../frame/filesButton.tsx'
import type { FoundFile } from '../../frame/upload.ts'
import type { Lesson, Teach } from './teach.ts'
import type { TeachCamera } from './teachCamera.ts'
import { Thumb } from './thumb.tsx'
import { useDrop } from './useDrop.ts'

interface TryProps {
  readonly teach: Teach
  readonly lesson: Lesson
  readonly camera: TeachCamera
}

/** The pane. */
export function TryPane({ teach, lesson, camera }: TryProps) {
  const problem = useSignal<string | undefined>(undefined)
  const isOn = camera.isOn.value
  const take = async (files: readonly FoundFile[]): Promise<void> => {
    const [first] = files
    if (!first) return
    if (camera.isOn.peek()) camera.stop()
    problem.value = undefined
    await teach.try(first.file, first.file.name).catch((error: Error) => {
      problem.value = error.message
    })
  }
  const { handlers } = useDrop(take)
  // A head that was trained anew has something else to say.
  useSignalEffect(() => {
    if (lesson.learning.learned.value) void teach.tryAgain()
  })
  return (
    <section class={isOn ? 'try on' : 'try'} aria-labelledby="try-title" {...handlers}>
      <div class="bar">
        <h2 id="try-title">Try it</h2>
        <span class="acts-line">
          <button type="button" aria-pressed={isOn} onClick={() => (isOn ? camera.stop() : void camera.start())}>
            Camera
          </button>
          <FilesButton label="Picture" name="Try a picture" accept="image/*" onFiles={take} />
        </span>
      </div>
      <div class="try-body">
        {isOn ? <Finder camera={camera} /> : <TriedPicture teach={teach} />}
        <TriedBars teach={teach} lesson={lesson} />
      </div>
      {(problem.value ?? camera.problem.value) !== undefined && (
        <p class="trouble small" role="alert">
          {problem.value ?? camera.problem.value}
        </p>
      )}
    </section>
  )
}

/** What the camera sees, once it may be used. */
function Finder({ camera }: { readonly camera: TeachCamera }) {
  return (
    <div class="seen">
      <CameraVideo camera={camera} />
      {!camera.stream.value && (
        <p class="micro quiet" role="status">
          The browser asks whether the camera may be used.
        </p>
      )}
    </div>
  )
}

function TriedPicture({ teach }: { readonly teach: Teach }) {
  const tried = teach.tried.value
  if (!tried) return <p class="seen empty micro quiet">Drop a picture here, or turn the camera on.</p>
  return (
    <div class="seen">
      <Thumb thumb={tried.thumb} label={tried.name} />
    </div>
  )
}

/** The probability of each class. */
function TriedBars({ teach, lesson }: Omit<TryProps, 'camera'>) {
  const shown = useComputed(() => {
    const tried = teach.tried.value
    const known = tried?.probabilities ? tried.classes : (lesson.learning.learned.value?.classes ?? [])
    return known.map((one, k) => ({ one, share: tried?.probabilities?.[k] }))
  }).value
  if (shown.length === 0) return <p class="micro quiet">Two classes with pictures, and each gets a bar here.</p>
  const best = shown.reduce((most, { share = 0 }) => Math.max(most, share), 0)
  return (
    <ul class="bars long" aria-label="Probabilities">
      {shown.map(({ one, share }) => (
        <li
          key={one.id}
          class={share !== undefined && share === best ? 'top' : ''}
          title={one.name.value}
          data-probability={share}
        >
          <span class="name">{one.name.value}</span>
          <span class="bar">
            <i style={`transform: scaleX(${(share ?? 0).toFixed(4)})`} />
          </span>
          <span class="value">{share === undefined ? '' : percent(share)}</span>
        </li>
      ))}
    </ul>
  )
}
