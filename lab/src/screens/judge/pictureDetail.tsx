/** The picture that is chosen: what the network says of it, its label, and what can be done with it. */
import { digits, fixed, percent } from '../../draw/format.ts'
import { Picture } from '../../draw/raster.tsx'
import { NearestPictures } from './nearestPictures.tsx'
import { marginOf } from './order.ts'
import { type Judge, testStays } from './state.ts'

/** Side of the picture, CSS pixels, about. */
const side = 96

/** The section. */
export function PictureDetail({ judge }: { readonly judge: Judge }) {
  const image = judge.image.value
  const judged = judge.judged.value
  if (image === undefined || !judged)
    return (
      <section class="detail">
        <h2>No picture</h2>
        <p class="small quiet">A cell of the matrix shows its pictures; the one that is chosen is told here.</p>
      </section>
    )
  const { classes, shape } = judge.lab.opened.value!
  const [label, predicted] = [judged.labels[image]!, judged.predicted[image]!]
  const isTest = judge.split.value === 'test'
  void judge.train.count.value
  const pixels = judge.pixelsOf(image)
  const [height, width] = shape
  const cell = Math.max(1, Math.floor(side / Math.max(height, width)))
  const isPoint = height * width === 1
  return (
    <section class="detail">
      <h2 data-image={image}>
        {isTest ? 'test' : 'training'} {judge.lab.kind} {image}
      </h2>
      <div class="facts">
        {pixels && !isPoint && (
          <Picture
            pixels={pixels}
            width={width}
            height={height}
            cell={cell}
            label={`${classes[label]}, taken for ${classes[predicted]}`}
          />
        )}
        <dl class="small">
          <dt>label</dt>
          <dd>
            <b>{classes[label]}</b>
            <CameWith judge={judge} image={image} label={label} />
          </dd>
          <dt>taken for</dt>
          <dd class={label === predicted ? '' : 'wrong'}>
            {classes[predicted]}, {percent(judged.probability[image]!)}
          </dd>
          <dt>loss</dt>
          <dd data-picture-loss={judged.losses[image]}>{digits(judged.losses[image]!, 4)}</dd>
          <dt>margin</dt>
          <dd>{fixed(marginOf(judged, image), 4)}</dd>
          <Earlier judge={judge} image={image} />
        </dl>
      </div>
      <Probabilities judge={judge} image={image} />
      <div class="acts-row">
        <button type="button" onClick={() => judge.toProbe(image)}>
          Put on the probe<kbd>p</kbd>
        </button>
      </div>
      {isTest ? <p class="micro quiet">{testStays}</p> : <Edit judge={judge} image={image} />}
      <p class="small" role="status">
        {judge.said.value}
      </p>
      <NearestPictures judge={judge} image={image} />
    </section>
  )
}

interface PartProps {
  readonly judge: Judge
  readonly image: number
}

/** The label that a training image came with, if it was another. */
function CameWith({ judge, image, label }: PartProps & { readonly label: number }) {
  const came = judge.split.value === 'train' ? judge.train.label(image) : undefined
  if (came === undefined || came === label) return null
  return <span class="quiet"> (came as {judge.lab.opened.value!.classes[came]})</span>
}

/** What was answered for a training image while it was trained on. */
function Earlier({ judge, image }: PartProps) {
  const { history } = judge.judged.value!
  if (!history) return null
  const [times, forgotten, learned] = [history.presented, history.forgotten, history.learned].map(all => all[image]!)
  return (
    <>
      <dt class="all">in training</dt>
      <dd class="all">
        {times === 0
          ? 'not seen yet'
          : `${times} × seen, ${forgotten} × forgotten, ${learned === 0 ? 'last answer wrong' : `right since pass ${learned}`}`}
      </dd>
    </>
  )
}

function Probabilities({ judge, image }: PartProps) {
  const { classes } = judge.lab.opened.value!
  const { probabilities, labels, predicted } = judge.judged.value!
  const own = probabilities.subarray(image * classes.length, (image + 1) * classes.length)
  const isLong = classes.some(name => name.length > 2)
  return (
    <ul class={isLong ? 'bars long' : 'bars'} aria-label="Probabilities">
      {classes.map((name, k) => (
        <li
          key={name}
          class={k === labels[image] ? 'true' : k === predicted[image] ? 'wrong' : ''}
          title={`${name}: ${percent(own[k]!, 3)}`}
        >
          <span class="name">{name}</span>
          <span class="bar">
            <i style={`transform: scaleX(${own[k]!.toFixed(4)})`} />
          </span>
          <span class="value">{percent(own[k]!)}</span>
        </li>
      ))}
    </ul>
  )
}

/** Another label for a training image, or none of it. */
function Edit({ judge, image }: PartProps) {
  const { classes } = judge.lab.opened.value!
  const edit = judge.editOf(image)
  const isRelabeling = judge.isRelabeling.value
  return (
    <div class="acts-row">
      <label class="small">
        relabel<kbd>r</kbd>{' '}
        <select
          class={isRelabeling ? 'waiting-key' : ''}
          value={typeof edit === 'number' ? edit : ''}
          onChange={event => judge.edit(image, Number(event.currentTarget.value))}
        >
          <option value="" disabled>
            {isRelabeling ? 'press a number' : 'as …'}
          </option>
          {classes.map((name, k) => (
            <option key={name} value={k}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-pressed={edit === 'out'} onClick={() => judge.leaveOut(image)}>
        Leave out<kbd>x</kbd>
      </button>
    </div>
  )
}
