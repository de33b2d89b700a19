/** Opens a checkpoint of a run: its recipe and weights come from the page's server, with progress, and go to a worker. */

import { isRecord } from '../../../src/rules/record.ts'
import type { NetworkReply, RunsNews } from '../../../src/runs/live/protocol.ts'
import type { Lab, Trainer } from '../state/lab.ts'
import { firstRecipe } from '../state/recipe.ts'
import type { StillLink } from '../state/still.ts'

/** What opening a checkpoint needs of the page. */
interface Opening {
  /** Whether nothing else was opened meanwhile: what comes for another is not shown. */
  readonly isWanted: () => boolean
  /** Makes the worker when everything is here. */
  readonly createWorker: () => Trainer
}

/** Opens it. What is wrong is told in the page. */
export async function startStill(lab: Lab, link: StillLink, { isWanted, createWorker }: Opening): Promise<void> {
  lab.waiting.value = undefined
  lab.look.value = lab.problem.value = undefined
  lab.screen.value = link.screen
  lab.still.value = { ...link, model: '' }
  try {
    const { recipe, key } = await networkOf(link)
    const model = modelOf(recipe)
    const weights = await weightsOf(key, link.step, (done, total) => {
      if (isWanted()) lab.still.value = { ...link, model, reading: { done, total } }
    })
    if (!isWanted()) return
    lab.still.value = { ...link, model }
    const folder = new URL('data/', document.baseURI).href
    const { step } = link
    // Another screen may have been opened while it was read.
    const screen = lab.screen.peek()
    lab.open(
      createWorker(),
      { recipe: firstRecipe, interventions: [], screen },
      { folder, still: { recipe, weights, step } },
    )
    lab.step.value = step
  } catch (error) {
    if (isWanted()) lab.problem.value = { message: (error as Error).message }
  }
}

async function networkOf({ run }: StillLink): Promise<{ readonly recipe: unknown; readonly key: number }> {
  const { runs } = (await (await answer('list')).json()) as RunsNews
  const row = runs.find(({ name }) => name === run)
  if (!row) throw new Error(`${run}: no run of this name is served here. Runs lists those that are.`)
  const { recipe, problem } = (await (await answer(`network?run=${row.key}`)).json()) as NetworkReply
  if (problem !== undefined) throw new Error(`${run} cannot be opened: ${problem}`)
  return { recipe, key: row.key }
}

async function weightsOf(
  key: number,
  step: number,
  onRead: (done: number, total: number) => void,
): Promise<ArrayBuffer> {
  const response = await answer(`weights?run=${key}&step=${step}`)
  const total = Number(response.headers.get('content-length'))
  const bytes = new Uint8Array(total)
  let done = 0
  const reader = response.body!.getReader()
  for (;;) {
    const { value } = await reader.read()
    if (!value) break
    bytes.set(value, done)
    done += value.length
    onRead(done, total)
  }
  if (done < total)
    throw new Error(`The weights of step ${step} came to an end after ${done} of ${total} bytes. Try again.`)
  return bytes.buffer
}

async function answer(name: string): Promise<Response> {
  const response = await fetch(new URL(`runs/${name}`, document.baseURI)).catch(() => undefined)
  if (!response) throw new Error('The checkpoint did not come: is `fovea lab` still running?')
  if (!response.ok) throw new Error(await response.text())
  return response
}

const modelOf = (recipe: unknown): string =>
  isRecord(recipe) && isRecord(recipe.model) ? String(recipe.model.name) : 'a network'
