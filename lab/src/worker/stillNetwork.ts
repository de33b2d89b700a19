/** A checkpoint of a run as a network to look at: made by the run's recipe, with data of the recipe where the Lab has them. */
import { Conv2d, type ImageClassifier, type Module } from '../../../src/nn/index.ts'
import { loadState } from '../../../src/nn/state.ts'
import { type DatasetEntry, findDataset } from '../../../src/recipe/datasets.ts'
import { imagesOf } from '../../../src/recipe/images.ts'
import { createModel } from '../../../src/recipe/model.ts'
import { parseRecipe } from '../../../src/recipe/recipe.ts'
import { readTensors } from '../../../src/train/checkpoint.ts'
import { type DataName, dataNames } from '../state/recipe.ts'
import type { DataFacts } from './facts.ts'
import type { StillNetwork } from './protocol.ts'

/** A network with the weights of its checkpoint, and what it has to know of its data. */
export interface OpenedStill {
  readonly model: ImageClassifier
  readonly facts: DataFacts
  readonly subject?: 'digit' | 'clothing'
  /** The data set of its recipe, for people; and its name where the Lab has it. */
  readonly dataTitle: string
  readonly data?: Exclude<DataName, 'own'>
}

/**
 * Makes the network.
 * @throws RecipeError for a recipe of another version; StateError for weights of another network; RangeError for a layer that Look cannot
 *   take apart.
 */
export async function openStill({ recipe: given, weights }: StillNetwork): Promise<OpenedStill> {
  const recipe = parseRecipe(given, 'the recipe of the run')
  const { classes, shape } = imagesOf(recipe)
  const model = createModel({ recipe, functions: {} })
  checkLayers(model)
  loadState(model, await readTensors(new Uint8Array(weights), 'the checkpoint'))
  // The network has its own preprocessing: these numbers are those that change nothing.
  const facts: DataFacts = { classes, shape, normalize: { mean: [0], std: [1] } }
  const { data } = recipe
  if (data.name === 'folder') return { model, facts, dataTitle: 'a folder of pictures' }
  const { subject }: DatasetEntry = findDataset(data.name)
  const name = data.name as Exclude<DataName, 'own'>
  return {
    model,
    facts,
    ...(subject && { subject }),
    dataTitle: Object.hasOwn(dataNames, name) ? dataNames[name] : data.name,
    ...(Object.hasOwn(dataNames, name) && { data: name }),
  }
}

/** Look and Convolve know windows that are square and whole. @throws RangeError naming a layer that has another one */
export function checkLayers(model: Module): void {
  for (const [path, module] of modulesOf(model)) {
    if (!(module instanceof Conv2d)) continue
    const { kernel, stride, dilation } = module.window
    if (kernel[0] === kernel[1] && stride[0] === stride[1] && dilation[0] === 1 && dilation[1] === 1) continue
    throw new RangeError(
      `Its layer ${path} has a window of ${kernel.join(' × ')}, stride ${stride.join(' × ')}, dilation ${dilation.join(' × ')}. Look takes apart square windows without dilation.`,
    )
  }
}

function* modulesOf(module: Module, under = ''): Generator<readonly [path: string, module: Module]> {
  for (const [name, child] of module.children()) {
    const path = under === '' ? name : `${under}.${name}`
    yield [path, child]
    yield* modulesOf(child, path)
  }
}
