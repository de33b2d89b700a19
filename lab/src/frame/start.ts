/** Starts the training of a link, in a worker of its own. */
import type { Lab, Trainer } from '../state/lab.ts'
import { LinkError, parseLink } from '../state/link.ts'
import { firstRecipe } from '../state/recipe.ts'

let worker: Worker | undefined

/** @param hash the fragment of an address; one that cannot be followed is told, and a first visit begins in its place */
export function startLab(lab: Lab, hash: string): void {
  worker?.terminate()
  worker = new Worker(new URL('../worker/trainWorker.ts', import.meta.url), { type: 'module' })
  const folder = new URL('data/', document.baseURI).href
  try {
    lab.open(worker as Trainer, parseLink(hash), { folder })
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    lab.open(worker as Trainer, { recipe: firstRecipe, interventions: [], screen: 'train' }, { folder })
    lab.problem.value = { message: error.message }
  }
}
