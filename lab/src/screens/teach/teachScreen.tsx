/** Teach: classes from folders or a camera, and a head on a frozen trunk that learns them as they come. */
import { signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { whole } from '../../draw/format.ts'
import { FilesButton } from '../../frame/filesButton.tsx'
import { Said } from '../../frame/said.tsx'
import type { FoundFile } from '../../frame/upload.ts'
import type { Lab } from '../../state/lab.ts'
import '../../style/teach.css'
import { AugmentationPane } from './augmentationPane.tsx'
import { ClassColumn } from './classColumn.tsx'
import { mostClasses } from './classes.ts'
import { ExportPane } from './exportPane.tsx'
import { Keeper } from './keeper.ts'
import { ScorePane } from './scorePane.tsx'
import { type Lesson, Teach } from './teach.ts'
import { TeachCamera } from './teachCamera.ts'
import { TrunkLine } from './trunkLine.tsx'
import { TryPane } from './tryPane.tsx'
import { useDrop } from './useDrop.ts'

/** The trunk that comes with the Lab. */
const shippedTrunk = (): string => new URL('teach/trunk.fovea', document.baseURI).href

const createWorker = (): Worker =>
  new Worker(new URL('../../worker/teach/teachWorker.ts', import.meta.url), { type: 'module' })

/** What was taught stays while other screens are looked at. */
let taught: { readonly teach: Teach; readonly keeper: Keeper } | undefined

function present() {
  if (!taught) {
    const teach = new Teach({ trunk: createWorker(), head: createWorker() })
    taught = { teach, keeper: new Keeper(teach) }
    void tell(taught.keeper.begin(shippedTrunk()))
  }
  return taught
}

/** A trunk that would take the place of the one that is here, with its pictures. */
const offered = signal<string | File | undefined>(undefined)

/** Why a trunk was not opened. */
const problem = signal<string | undefined>(undefined)

async function tell(opening: Promise<void>): Promise<void> {
  problem.value = undefined
  await opening.catch((error: Error) => {
    problem.value = error.message
  })
}

/** The screen. */
export function TeachScreen(_: { readonly lab: Lab }) {
  const { teach, keeper } = present()
  const camera = useMemo(() => new TeachCamera(teach), [teach])
  useEffect(() => {
    history.replaceState(null, '', '#screen=teach')
    const hide = (): void => {
      if (document.visibilityState === 'hidden') camera.stop()
    }
    document.addEventListener('visibilitychange', hide)
    return () => {
      document.removeEventListener('visibilitychange', hide)
      camera.stop()
    }
  }, [camera])
  const lesson = teach.lesson.value
  return (
    <div class="screen teach">
      {lesson ? (
        <Taught teach={teach} keeper={keeper} lesson={lesson} camera={camera} />
      ) : (
        <section class="work" aria-labelledby="teach-title">
          <h1 id="teach-title">Teach</h1>
          {problem.value === undefined ? (
            <p class="waiting quiet" role="status">
              opening the trunk
            </p>
          ) : (
            <>
              <p class="trouble" role="alert">
                <Said text={problem.value} />
              </p>
              <button type="button" class="go" onClick={() => tell(keeper.begin(shippedTrunk()))}>
                Try again
              </button>
            </>
          )}
        </section>
      )}
    </div>
  )
}

interface TaughtProps {
  readonly teach: Teach
  readonly keeper: Keeper
  readonly lesson: Lesson
  readonly camera: TeachCamera
}

function Taught({ teach, keeper, lesson, camera }: TaughtProps) {
  const { classes } = lesson
  const take = (files: readonly FoundFile[]): void => {
    const trunk = files.find(({ file }) => /\.fovea$/i.test(file.name))
    if (trunk) offer(trunk.file)
    else teach.addFolders(files)
  }
  const { isOver, handlers } = useDrop(take)
  const use = (trunk: string | File): void => {
    offered.value = undefined
    void tell(keeper.use(trunk))
  }
  // With another trunk all begins anew: nobody does that by a file that slipped.
  const offer = (trunk: string | File): void => {
    if (classes.count.peek() === 0) use(trunk)
    else offered.value = trunk
  }
  return (
    <section class={isOver.value ? 'lesson over' : 'lesson'} aria-labelledby="teach-title" {...handlers}>
      <header class="lesson-head">
        <div class="bar">
          <h1 id="teach-title">Teach</h1>
          <span class="acts-line">
            <FilesButton
              label="Folder of classes"
              name="Folder of classes: one that has a folder of pictures for each"
              isFolder
              accept="image/*"
              onFiles={take}
            />
            <button type="button" disabled={classes.all.value.length >= mostClasses} onClick={() => classes.add()}>
              Add a class
            </button>
            <button
              type="button"
              disabled={classes.undoable.value === undefined}
              title={classes.undoable.value}
              onClick={() => classes.undo()}
            >
              Undo
            </button>
            <button type="button" disabled={classes.all.value.length === 0} onClick={() => classes.clear()}>
              Remove all
            </button>
          </span>
        </div>
        <TrunkLine lesson={lesson} onTrunk={offer} onShipped={() => offer(shippedTrunk())} />
        <OfferedTrunk lesson={lesson} onUse={use} />
        <Progress teach={teach} keeper={keeper} lesson={lesson} />
        <Trouble teach={teach} />
      </header>
      <TryPane teach={teach} lesson={lesson} camera={camera} />
      <div class="columns">
        {classes.all.value.map(one => (
          <ClassColumn key={one.id} teach={teach} lesson={lesson} camera={camera} of={one} />
        ))}
        {classes.all.value.length === 0 && (
          <p class="waiting quiet">Add a class, or drop a folder that has a folder of pictures for each.</p>
        )}
      </div>
      <div class="results">
        <ScorePane lesson={lesson} />
        <AugmentationPane lesson={lesson} />
        <ExportPane teach={teach} lesson={lesson} />
      </div>
    </section>
  )
}

/** Asks whether another trunk is worth the pictures, and says why one was not opened. */
function OfferedTrunk({ lesson, onUse }: { readonly lesson: Lesson; readonly onUse: (trunk: string | File) => void }) {
  const trunk = offered.value
  if (trunk) {
    return (
      <div class="trouble small" role="alert">
        <p>
          With {typeof trunk === 'string' ? 'the trunk of the Lab' : trunk.name} you begin anew: the{' '}
          {whole(lesson.classes.count.value)} pictures here are what {lesson.trunk.name} saw in them, and have to be
          added again.
        </p>
        <span class="acts-line">
          <button type="button" onClick={() => onUse(trunk)}>
            Begin anew
          </button>
          <button
            type="button"
            onClick={() => {
              offered.value = undefined
            }}
          >
            Keep what is here
          </button>
        </span>
      </div>
    )
  }
  if (problem.value === undefined) return null
  return (
    <p class="trouble small" role="alert">
      {problem.value} The trunk that was here stays.
    </p>
  )
}

/** Files on their way, and how much room there is. */
function Progress({ teach, keeper, lesson }: Omit<TaughtProps, 'camera'>) {
  const reading = teach.reading.value
  lesson.classes.version.value
  const { count, capacity, bytes } = lesson.store
  if (!reading) {
    return (
      <p class="micro quiet" data-pictures={count} data-bytes={bytes} data-kept={keeper.isKept.value}>
        {whole(count)} of at most {whole(capacity)} pictures, {(bytes / 2 ** 20).toFixed(1)} MB of memory. They never
        leave this browser{keeper.isKept.value && ', which keeps them for your next visit'}. {keeper.problem.value}
      </p>
    )
  }
  return (
    <p class="progress small" role="status">
      <progress value={reading.done} max={reading.total} aria-label="Files that were read" />
      {whole(reading.done)} of {whole(reading.total)} files
      <button type="button" onClick={() => teach.cancel()}>
        Stop
      </button>
    </p>
  )
}

/** Files that were left out, and what else went wrong. */
function Trouble({ teach }: { readonly teach: Teach }) {
  const failures = teach.failures.value
  const said = teach.problem.value
  if (!failures && said === undefined) return null
  return (
    <div class="trouble small" role="alert">
      {said !== undefined && <p>{said}</p>}
      {failures?.sentences.map(sentence => (
        <p key={sentence}>{sentence}</p>
      ))}
      {failures && failures.more > 0 && <p>So with {whole(failures.more)} more. What could be read is here.</p>}
      <button
        type="button"
        onClick={() => {
          teach.failures.value = teach.problem.value = undefined
        }}
      >
        Close
      </button>
    </div>
  )
}
