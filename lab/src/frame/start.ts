/** Starts the training of a link, in a worker of its own; on pictures of one's own when the page has them. */
import type { Lab, Trainer } from '../state/lab.ts'
import { formatLink, type Link, LinkError, parseLink, restingScreens } from '../state/link.ts'
import { workerProblem } from '../state/problems.ts'
import { firstRecipe, fits, type Recipe, recipeFor } from '../state/recipe.ts'
import { parseStill } from '../state/still.ts'
import type { Answer } from '../worker/protocol.ts'
import { drawing, holdTraining, nextFrame } from './frames.ts'
import { loadStillParts } from './stillParts.ts'
import type { OwnFolder } from './upload.ts'

let worker: Worker | undefined
/** Counts what was opened: trainings and checkpoints. */
let openings = 0

/** @param hash the fragment of an address; one that cannot be followed is told, and a first visit begins in its place */
export function startLab(lab: Lab, hash: string): void {
  const still = parseStill(hash)
  if (still) {
    const own = ++openings
    const isWanted = (): boolean => own === openings
    worker?.terminate()
    lab.opened.value = undefined
    lab.recipe.value = firstRecipe
    lab.still.value = { ...still, model: '' }
    loadStillParts().then(
      async ({ startStill }) => {
        if (isWanted()) await startStill(lab, still, { isWanted, createWorker: () => createWorker(lab) })
      },
      () => {
        if (isWanted())
          lab.problem.value = { message: 'The checkpoint could not be opened: is `fovea lab` still running?' }
      },
    )
    return
  }
  const resting = restingLink(hash)
  if (resting) {
    if (!lab.opened.peek()) {
      lab.recipe.value = resting.recipe
      lab.waiting.value = resting
    }
    if (resting.recipe.model === 'custom') lab.asked.value = resting.recipe
    lab.screen.value = resting.screen
    return
  }
  openings++
  lab.waiting.value = lab.still.value = undefined
  const trainer = createWorker(lab)
  const folder = new URL('data/', document.baseURI).href
  try {
    const link = parseLink(hash)
    const own = link.recipe.data === 'own' ? ownOf(lab, link) : undefined
    lab.open(trainer, link, { folder, own, drawing })
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    lab.open(trainer, { recipe: firstRecipe, interventions: [], screen: 'train' }, { folder, drawing })
    lab.problem.value = { message: error.message }
  }
}

/** A new worker, in place of the one before. */
function createWorker(lab: Lab): Trainer {
  worker?.terminate()
  worker = new Worker(new URL('../worker/trainWorker.ts', import.meta.url), { type: 'module' })
  // What has opened is drawn at once, and the training begins meanwhile.
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    if (data.type !== 'opened') return
    holdTraining()
    nextFrame(() => undefined)
  })
  worker.onerror = ({ message }) => {
    lab.playing.value = false
    lab.problem.value = workerProblem(message)
  }
  return worker as Trainer
}

/** The link of an address that leads to a screen where nothing need be trained; undefined for any other. */
export function restingLink(hash: string): Link | undefined {
  try {
    const link = parseLink(hash)
    return restingScreens.has(link.screen) ? link : undefined
  } catch {
    return undefined
  }
}

/** Starts the training that has waited, at the screen that is looked at now. */
export function startWaiting(lab: Lab): void {
  const link = lab.waiting.peek()
  if (link) startLab(lab, formatLink({ ...link, screen: lab.screen.peek() }))
}

/** @throws LinkError when the page does not have the pictures of a link. */
function ownOf(lab: Lab, link: Link) {
  const { own } = lab
  if (own && (link.recipe.pictures === undefined || own.fingerprint === link.recipe.pictures)) return own.pictures
  lab.awaited = link
  throw new LinkError(
    own
      ? 'This link was trained on other pictures than those that are open. Drop the folder of its pictures here, and it goes on.'
      : 'This link was trained on pictures of somebody’s own, which are not in it. Drop the folder of these pictures here, and it goes on.',
  )
}

/** What is trained on pictures of one's own, and by what. */
export type OwnTraining = Pick<Recipe, 'model' | 'seed' | 'backend'>

/**
 * Trains on pictures of one's own: at the moment of the link that waits for them, or from the start.
 * @param chosen the network, by default the one that is open
 */
export function startOwn(lab: Lab, own: OwnFolder, chosen: OwnTraining = lab.recipe.value): void {
  lab.own = own
  const { awaited, screen } = lab
  lab.awaited = undefined
  const isAwaited = awaited?.recipe.pictures === own.fingerprint
  // Layers that were built for other pictures do not fit these.
  const model = fits(chosen.model, 'own') && chosen.model !== 'custom' ? chosen.model : 'convnet'
  const { seed, backend } = chosen
  const begin: Link = {
    recipe: { ...recipeFor(model, 'own'), seed, pictures: own.fingerprint, ...(backend && { backend }) },
    interventions: [],
    screen: screen.value,
  }
  const link = isAwaited ? awaited : begin
  // Who drops pictures on a screen where no training is seen wants to see one.
  startLab(lab, formatLink(restingScreens.has(link.screen) ? { ...link, screen: 'train' } : link))
}

/** The link to the beginning of what is trained, on the screen that is looked at. */
export const beginningOf = (lab: Lab): string =>
  formatLink({ recipe: lab.recipe.peek(), interventions: [], screen: lab.screen.peek() })
