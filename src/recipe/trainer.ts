/** Makes the trainer of a recipe's run. */
import type { Engine } from '../backends/engine.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import type { ImageClassifier } from '../nn/imageClassifier.ts'
import { Trainer } from '../train/trainer.ts'
import type { TrainerOptions } from '../train/trainerOptions.ts'
import { RecipeError } from './errors.ts'
import { imagesOf } from './images.ts'
import { createModel } from './model.ts'
import { createAugmentation, trainingOptions } from './parts.ts'
import { fitPatches, fitPreprocessing } from './preprocess.ts'
import type { RunSetup } from './runSetup.ts'

/** Values that a recipe cannot hold, and values that override the recipe's. */
export interface TrainerParts
  extends Partial<Omit<TrainerOptions, 'model' | 'train' | 'engine' | 'augment' | 'distribution'>> {
  readonly engine: Engine
  readonly train: Subset<ImageCollection>
  /** A new one by default. */
  readonly model?: ImageClassifier
  /** False for unaugmented images. The recipe's augmentation by default. */
  readonly augment?: false
  /** For a recipe with `parts`: `inParts` of `fovea/distributed`, or `false` to train on undivided batches. */
  readonly distribution?: TrainerOptions['distribution'] | false
}

/**
 * A trainer that follows a recipe. Preprocessing, and a first layer that whitens patches, are first fitted to the images of `train`.
 * @throws as `Trainer`; RecipeError for a recipe with `parts` without a distribution
 * @example
 * const setup = resolveRecipe({ model: 'lenet5', data: 'mnist', epochs: 1 })
 * const trainer = await createTrainer(setup, { engine: createEngine(), train })
 * for await (const event of trainer.run()) if (event.type === 'step') console.log(event.loss)
 */
export async function createTrainer(
  setup: RunSetup,
  { augment, distribution, ...parts }: TrainerParts,
): Promise<Trainer> {
  const { recipe } = setup
  if (recipe.parts !== undefined && distribution === undefined) {
    const rule =
      'needs a distribution: createTrainer(setup, { distribution: inParts({ parts }), … }) of fovea/distributed'
    throw new RecipeError(`parts (=${recipe.parts}) ${rule}`, { field: 'parts', value: recipe.parts, rule })
  }
  const { model = createModel(setup), train } = parts
  await fitPreprocessing(model.normalize, recipe, train)
  // Weights that the run begins with include those of a first layer that was fitted before.
  if (!recipe.pretrained) await fitPatches(model, imagesOf(recipe).shape, parts)
  const augmentation = augment === false ? undefined : createAugmentation(recipe)
  return new Trainer({
    ...trainingOptions(setup),
    ...(augmentation && { augment: augmentation }),
    ...(distribution && { distribution }),
    alarms: recipe.alarms !== false,
    ...parts,
    model,
  })
}
