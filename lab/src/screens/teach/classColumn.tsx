/** A class: its name, its pictures, and where more come from. */
import { useEffect, useRef } from 'preact/hooks'
import { whole } from '../../draw/format.ts'
import { FilesButton } from '../../frame/filesButton.tsx'
import { Icon } from '../../frame/icons.tsx'
import type { TaughtClass } from './classes.ts'
import type { Lesson, Teach } from './teach.ts'
import type { TeachCamera } from './teachCamera.ts'
import { Thumbnails } from './thumbnails.tsx'
import { useDrop } from './useDrop.ts'

interface ColumnProps {
  readonly teach: Teach
  readonly lesson: Lesson
  readonly camera: TeachCamera
  readonly of: TaughtClass
}

/** The column. */
export function ClassColumn({ teach, lesson, camera, of }: ColumnProps) {
  const { isOver, handlers } = useDrop(files => teach.addFiles(of, files))
  const { classes } = lesson
  const name = of.name.value
  const { count, held } = of.counts.value
  const label = name.trim() || 'a class without a name'
  return (
    <section class={isOver.value ? 'taught over' : 'taught'} aria-label={label} {...handlers}>
      <header>
        <input
          class="class-name"
          aria-label="Name of the class"
          value={name}
          maxLength={60}
          onInput={event => classes.rename(of, event.currentTarget.value)}
        />
        <button
          type="button"
          class="icon"
          aria-label={`Remove ${label}`}
          title={`Remove ${label}`}
          onClick={() => classes.removeClass(of)}
        >
          <Icon name="close" />
        </button>
      </header>
      <p class="small quiet" data-count={count} data-held={held}>
        {count === 0
          ? 'No pictures yet: drop some here, or a folder.'
          : `${whole(count)} picture${count === 1 ? '' : 's'}, ${whole(held)} held back`}
      </p>
      <Thumbnails lesson={lesson} of={of} />
      <div class="more">
        <FilesButton
          label="Files"
          name={`Add files to ${label}`}
          accept="image/*"
          onFiles={files => teach.addFiles(of, files)}
        />
        <FilesButton
          label="Folder"
          name={`Add a folder to ${label}`}
          isFolder
          accept="image/*"
          onFiles={files => teach.addFiles(of, files)}
        />
        <HoldButton camera={camera} of={of} label={label} />
      </div>
    </section>
  )
}

/** Takes frames of the camera while it is held: by mouse, finger, space or Enter. A click by other means begins, and another ends. */
function HoldButton(props: { readonly camera: TeachCamera; readonly of: TaughtClass; readonly label: string }) {
  const { camera, of, label } = props
  const wasHeld = useRef(false)
  const isRecording = camera.recording.value === of
  const end = (): void => {
    if (camera.recording.peek() === of) void camera.release()
  }
  useEffect(() => end, [])
  return (
    <button
      type="button"
      class={isRecording ? 'hold on' : 'hold'}
      aria-pressed={isRecording}
      aria-label={`Hold to record ${label}`}
      title="Hold: frames of the camera become pictures of this class"
      onPointerDown={event => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        wasHeld.current = true
        camera.record(of)
      }}
      onPointerUp={end}
      onLostPointerCapture={end}
      onContextMenu={event => event.preventDefault()}
      onKeyDown={event => {
        if (event.key !== ' ' && event.key !== 'Enter') return
        event.preventDefault()
        if (!event.repeat) camera.record(of)
      }}
      onKeyUp={event => {
        if (event.key !== ' ' && event.key !== 'Enter') return
        event.preventDefault()
        end()
      }}
      onBlur={end}
      onClick={() => {
        // A pointer has held it already; a voice or a screen reader only clicks.
        if (wasHeld.current) wasHeld.current = false
        else if (isRecording) end()
        else camera.record(of)
      }}
    >
      {isRecording ? 'Recording' : 'Hold to record'}
    </button>
  )
}
