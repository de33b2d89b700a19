/** Whether views of the pictures are learned from as well, and what that costs. */
import { whole } from '../../draw/format.ts'
import { Choices } from '../../frame/tabs.tsx'
import { viewCount } from '../../worker/teach/protocol.ts'
import type { Lesson } from './teach.ts'
import { type Augmentation, augmentations, viewsUsed } from './trainingRows.ts'

const titles: Readonly<Record<Augmentation, string>> = { off: 'off', moved: 'moved', mirrored: 'moved, mirrored' }

/** The pane. */
export function AugmentationPane({ lesson }: { readonly lesson: Lesson }) {
  const { classes } = lesson
  const chosen = classes.augmentation.value
  return (
    <section class="augmentation" aria-labelledby="augmentation-title">
      <h2 id="augmentation-title">Augmentation</h2>
      <Choices
        label="Augmentation"
        values={augmentations}
        chosen={chosen}
        title={one => titles[one]}
        onChoose={one => classes.augment(one)}
      />
      <p class="small quiet">{wordsOf(chosen)}</p>
      {chosen !== 'off' && <Cost lesson={lesson} />}
    </section>
  )
}

function wordsOf(chosen: Augmentation): string {
  if (chosen === 'off')
    return 'Each picture is learned from as it is. Views of it are made as it is added: choose before.'
  const views = `Each picture is learned from as it is, and in ${viewsUsed[chosen]} views: moved by up to an eighth of its side, lighter or darker`
  if (chosen === 'moved') return `${views}.`
  return `${views}, two of them mirrored. Not where left and right differ, as in letters.`
}

/** What views take, and which pictures have some. */
function Cost({ lesson: { classes, store } }: { readonly lesson: Lesson }) {
  classes.version.value
  const trained = classes.all.value.flatMap(({ pictures }) => pictures.filter(({ isHeld }) => !isHeld))
  const viewed = trained.filter(({ row }) => store.hasViews(row)).length
  if (store.mostViewed === 0) {
    return <p class="micro quiet">This trunk says too much of a picture: there is no room for views.</p>
  }
  return (
    <p class="micro quiet" data-viewed={viewed}>
      The trunk looks {1 + viewCount} times at a picture that is added, and {(store.viewBytes / 1000).toFixed(1)} kB
      more of it stay. {whole(viewed)} of {whole(trained.length)} pictures to train on have views: the first{' '}
      {whole(store.mostViewed)} can, frames of the camera and what was added while this was off have none.
    </p>
  )
}
