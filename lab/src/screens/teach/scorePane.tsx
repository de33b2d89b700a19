/** How good the head is on pictures that were held back: the share with its interval, each class, and the mistakes as pictures. */
import { percent, whole } from '../../draw/format.ts'
import type { HeldPicture, Learned } from './learning.ts'
import type { Mistake, Share } from './score.ts'
import type { Lesson } from './teach.ts'
import { Thumb } from './thumb.tsx'

/** Most mistakes that are shown. */
const mostMistakes = 12

/** The pane. */
export function ScorePane({ lesson }: { readonly lesson: Lesson }) {
  const { learning } = lesson
  const learned = learning.learned.value
  return (
    <section class="score" aria-labelledby="score-title" aria-busy={learning.isBusy.value}>
      <h2 id="score-title">Held-out score</h2>
      {learning.problem.value !== undefined && (
        <p class="trouble small" role="alert">
          Training has failed: {learning.problem.value}
        </p>
      )}
      {learned ? (
        <Learnt learned={learned} lesson={lesson} />
      ) : (
        <p class="small quiet" role="status">
          {waitingFor(learning.ready.value.length)}
        </p>
      )}
    </section>
  )
}

function waitingFor(ready: number): string {
  if (ready === 0) return 'Training begins when two classes have pictures.'
  return ready === 1 ? 'Training begins when a second class has pictures.' : 'training'
}

function Learnt({ learned, lesson }: { readonly learned: Learned; readonly lesson: Lesson }) {
  const { score, classes, trained, views, held } = learned
  const left = lesson.classes.all.value.filter(one => !classes.includes(one))
  const hasFrames = held.some(({ picture }) => picture.isFrame)
  return (
    <>
      <p class="share" data-right={score.right} data-count={score.count} data-trained={trained} data-views={views}>
        {score.count === 0 ? '–' : percent(score.right / score.count)}
      </p>
      <p class="small quiet" role="status">
        {verdictOf(learned)}
      </p>
      <table class="class-scores small">
        <caption class="micro quiet">right of held back, 95 % interval</caption>
        <tbody>
          {classes.map((one, k) => (
            <ClassRow key={one.id} name={one.name.value} share={score.classes[k]!} />
          ))}
        </tbody>
      </table>
      <p class="micro quiet">
        Trained on {whole(trained)} other pictures{views > 0 && ` and ${whole(views)} views of them`}. Every fifth is
        held back
        {hasFrames &&
          ', of the camera the last fifth of each take; its frames are alike, so the true interval is wider'}
        .
      </p>
      {left.length > 0 && (
        <p class="trouble small">{left.map(({ name }) => name.value).join(', ')}: no picture to train on, left out.</p>
      )}
      {score.mistakes.length > 0 && <Mistakes learned={learned} lesson={lesson} />}
    </>
  )
}

/** What the share says, and what it does not. */
function verdictOf({ score }: Learned): string {
  const { count, interval, tells, chance } = score
  if (count === 0) return 'No picture is held back yet: a class needs two.'
  const range = `n = ${whole(count)}, ${percent(interval[0], 0)} to ${percent(interval[1], 0)}`
  return tells ? range : `${range}. Too few to tell it from guessing (${percent(chance, 0)}).`
}

function ClassRow({ name, share }: { readonly name: string; readonly share: Share }) {
  const { right, count, interval } = share
  return (
    <tr>
      <th scope="row" title={name}>
        {name}
      </th>
      <td>
        {right} / {count}
      </td>
      <td class="quiet">{count === 0 ? '' : `${percent(interval[0], 0)} to ${percent(interval[1], 0)}`}</td>
    </tr>
  )
}

function Mistakes({ learned, lesson }: { readonly learned: Learned; readonly lesson: Lesson }) {
  const { mistakes } = learned.score
  const shown = mistakes.slice(0, mostMistakes)
  return (
    <>
      <h3 class="small" title="Below each picture: what it is, and what it was taken for">
        {mistakes.length === 1 ? 'One mistake' : `${whole(mistakes.length)} mistakes`}
        {shown.length < mistakes.length && `, the ${shown.length} surest`}
      </h3>
      <ul class="mistakes">
        {shown.map(mistake => (
          <MistakeItem
            key={learned.held[mistake.index]!.picture.row}
            mistake={mistake}
            held={learned.held[mistake.index]!}
            learned={learned}
            lesson={lesson}
          />
        ))}
      </ul>
    </>
  )
}

interface MistakeProps {
  readonly mistake: Mistake
  readonly held: HeldPicture
  readonly learned: Learned
  readonly lesson: Lesson
}

function MistakeItem({ mistake, held, learned, lesson }: MistakeProps) {
  const taken = learned.classes[mistake.predicted]!.name.value
  const is = held.class.name.value
  const words = `${is}, taken for ${taken}, ${percent(mistake.probability, 0)}`
  return (
    <li title={words}>
      <Thumb thumb={lesson.store.thumb(held.picture.row)} label={words} />
      <span class="micro quiet" aria-hidden="true">
        {is}
      </span>
      <span class="micro wrong" aria-hidden="true">
        {taken}
      </span>
    </li>
  )
}
