/** What the page knows: signals, and what follows from them. It touches no document, so that it runs in Node as well. */
import { computed, signal } from '@preact/signals'
import type { FoundFile } from '../frame/upload.ts'
import { Convolve } from '../screens/convolve/state.ts'
import type {
  Excitation,
  JudgeAnswer,
  Look,
  Mode,
  Opened,
  OwnPictures,
  Reasons,
  Statistics,
} from '../worker/protocol.ts'
import { type ImageEdits, noEdits } from './edits.ts'
import { type Line, Lines } from './lines.ts'
import type { Link, Place, Screen } from './link.ts'
import type { Problem } from './problems.ts'
import { type Controls, controlsAt, isPointSet, networks, type Recipe } from './recipe.ts'
import type { StillTitle } from './still.ts'

/** The picture that is looked at. */
export interface Probe {
  readonly pixels: Uint8Array
  readonly label: number | undefined
  /** `test image 12`, `your picture` */
  readonly name: string
  /** Number among the test images; none once it was changed, and of pictures of one's own. */
  readonly index?: number
}

/** Pictures of one's own, and by what a link knows them again. */
export interface Own {
  readonly pictures: OwnPictures
  readonly fingerprint: string
}

/** What is known. */
export class Known {
  readonly recipe = signal<Recipe>(undefined as unknown as Recipe)
  readonly screen = signal<Screen>('train')
  /** Name of the folder of runs that the page was served with, if it was. */
  served: string | undefined
  /** A link whose training waits until its screen is looked at: who compares runs needs none. */
  readonly waiting = signal<Link | undefined>(undefined)
  /** A recipe whose network Build is to show, and files that it is to open. */
  readonly asked = signal<Recipe | undefined>(undefined)
  readonly dropped = signal<readonly FoundFile[] | undefined>(undefined)
  /** The checkpoint that is looked at, when none is trained. */
  readonly still = signal<StillTitle | undefined>(undefined)
  readonly place = signal<Place | undefined>(undefined)
  /** What the columns of Train show. */
  readonly mode = signal<Mode>('values')
  readonly opened = signal<Opened | undefined>(undefined)
  readonly look = signal<Look | undefined>(undefined)
  readonly reasons = signal<Reasons | undefined>(undefined)
  /** The class whose reasons are asked for; the predicted one without. */
  readonly whyClass = signal<number | undefined>(undefined)
  /** What excites the unit that was asked for last. */
  readonly excitation = signal<Excitation | undefined>(undefined)
  readonly statistics = signal<Statistics | undefined>(undefined)
  readonly probe = signal<Probe | undefined>(undefined)
  readonly step = signal(0)
  readonly playing = signal(false)
  readonly speed = signal(Number.POSITIVE_INFINITY)
  /** Images read, while they are read. */
  readonly reading = signal<{ readonly done: number; readonly total: number } | undefined>(undefined)
  readonly problem = signal<Problem | undefined>(undefined)
  /** Hash of the weights, and the moment that it is of. */
  readonly hash = signal<{ readonly step: number; readonly hash: string } | undefined>(undefined)
  /** Changes of training images that nothing was trained with yet. */
  readonly edits = signal<ImageEdits>(noEdits)
  /** Takes what the worker judges: Judge's own state, which is loaded with its screen. */
  hearJudge: ((answer: JudgeAnswer) => void) | undefined
  /** What the pointer does on the probe. */
  readonly brush = signal<'draw' | 'erase'>('draw')
  /** Pictures of one's own that were opened, and a link that waits for others. */
  own: Own | undefined
  awaited: Link | undefined
  /** A place over which the pointer is, outlined on the probe. */
  readonly hovered = signal<Place | undefined>(undefined)
  /** The lines of training; whoever changes them counts it. */
  readonly trained = new Lines()
  readonly version = signal(0)

  /** The lines of training, as they are now. */
  readonly lines = computed(() => ({
    version: this.version.value,
    base: this.trained.base,
    fork: this.trained.fork,
    isOnFork: this.trained.isOnFork,
    current: this.trained.current as Line,
    head: this.trained.head,
  }))
  readonly interventions = computed(() => this.lines.value.current.interventions)
  /** The controls of the next step. */
  readonly controls = computed(() =>
    this.#sameControls(controlsAt(this.recipe.value, this.interventions.value, this.step.value)),
  )
  /** Steps after which training stops by itself. */
  readonly planned = computed(() => this.epochs * (this.opened.value?.stepsPerEpoch ?? 1))
  /** The loss at the moment that is shown: the mean of the last 20 steps before it. */
  readonly loss = computed(() => {
    const last = this.lines.value.current.losses.slice(Math.max(0, this.step.value - 20), this.step.value)
    return last.length > 0 ? last.reduce((a, b) => a + b, 0) / last.length : undefined
  })

  /** Passes through the training images after which training stops by itself. */
  get epochs(): number {
    return networks[this.recipe.value.model].epochs
  }

  /** What the probe is called, and one of one's own: a picture or a point. */
  get kind(): 'image' | 'point' {
    return isPointSet(this.recipe.value.data) ? 'point' : 'image'
  }

  /** Test images that are taken for another class, by the last statistics. */
  readonly mistakes = computed(() => {
    const { statistics, opened } = { statistics: this.statistics.value, opened: this.opened.value }
    if (!statistics || !opened) return []
    const classes = opened.classes.length
    return Array.from({ length: statistics.count }, (_, k) => k).filter(k => {
      const own = statistics.probabilities.subarray(k * classes, (k + 1) * classes)
      return own.indexOf(Math.max(...own)) !== opened.testLabels[k]
    })
  })

  /** The state of Convolve, made when it is first looked at: most visits begin elsewhere. */
  get convolve(): Convolve {
    this.#convolve ??= new Convolve()
    return this.#convolve
  }
  #convolve: Convolve | undefined

  /** Controls that have not changed stay one object, so that what shows them is not shown again at every step. */
  #controls: Controls | undefined
  #sameControls(controls: Controls): Controls {
    const known = this.#controls
    const isSame = known && (Object.keys(controls) as (keyof Controls)[]).every(name => known[name] === controls[name])
    if (!isSame) this.#controls = controls
    return this.#controls!
  }
}
