/** Shared by commands that begin with a recipe: an argument that is a model or a recipe file, and its options. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { backendNames } from '../backends/engine.ts'
import {
  defaultData,
  defaultModel,
  trainingDefaults as defaults,
  preprocessNames,
  scheduleNames,
} from '../recipe/defaults.ts'
import { unknownName } from '../text/names.ts'
import { numeric, setOption } from './options.ts'
import type { RecipeOptions } from './recipeOptions.ts'

const usual = (value: string | number) => `(default: ${value})`

/** Adds the argument, `--set`, and an option for each common field. */
export function takesRecipe(command: Command): Command {
  return command
    .argument('[model|recipe]', `model ${usual(defaultModel)}, or a recipe file (.ts, .js, .json)`)
    .addOption(setOption())
    .option(
      '--data <name>',
      `data set, or folder:PATH with a sub-folder of pictures for each class ${usual(defaultData)}`,
    )
    .option('--data-dir <dir>', "folder with the data set's files (default: the npm package of the data set)")
    .option('--limit <n>', "train on n images only, with each class's share kept, for quick tries", numeric)
    .option(
      '--validation <n>',
      `images held back from training, or their share below 1 ${usual(defaults.validation)}`,
      numeric,
    )
    .option('--epochs <n>', `times through the training images ${usual(defaults.epochs)}`, numeric)
    .option('--batch-size <n>', `images in a step ${usual(defaults.batchSize)}`, numeric)
    .option('--drop-last', 'leave out the last batch of an epoch when it is not full')
    .option('--lr <rate>', `learning rate, the largest of its schedule ${usual(defaults.lr)}`, numeric)
    .option('--momentum <share>', `momentum ${usual(defaults.momentum)}`, numeric)
    .option('--weight-decay <rate>', `weight decay ${usual(defaults.weightDecay)}`, numeric)
    .option(
      '--schedule <name>',
      `learning-rate schedule: ${scheduleNames.join(', ')} ${usual(defaults.schedule)}`,
      scheduleName,
    )
    .option('--seed <n>', `decides everything random ${usual(defaults.seed)}`, numeric)
    .option('--precise', 'leave out fused multiply-add: the same bits on every machine')
    .addOption(new Option('--backend <name>', 'what computes (default: wasm)').choices(backendNames))
    .option('--augment <file>', "file with a pipeline of transforms, or none (default: the data set's usual one)")
    .addOption(
      new Option(
        '--preprocess <name>',
        "preprocessing fitted to the training images and stored with the weights (default: the data set's mean and deviation)",
      ).choices(preprocessNames),
    )
}

/** The name of a schedule. @throws InvalidArgumentError with the nearest known name */
function scheduleName(name: string): string {
  if (scheduleNames.some(known => known === name)) return name
  throw new InvalidArgumentError(unknownName('schedule', name, scheduleNames))
}

/** Fields of {@link takesRecipe}'s options that belong to the recipe. */
const recipeFields = [
  'data',
  'dataDir',
  'limit',
  'validation',
  'epochs',
  'batchSize',
  'dropLast',
  'lr',
  'momentum',
  'weightDecay',
  'schedule',
  'seed',
  'precise',
  'backend',
  'preprocess',
] as const

/** The recipe options of the command line. @param word a model or a recipe file */
export async function recipeOptions(
  word: string | undefined,
  options: Readonly<Record<string, unknown>>,
): Promise<{ given: RecipeOptions; file: string | undefined }> {
  const { isRecipeFile } = await import('../recipe/recipeFile.node.ts')
  const { augmentOption } = await import('../recipe/augmentFile.node.ts')
  const augment = await augmentOption(options.augment as string | undefined)
  const isFile = word !== undefined && isRecipeFile(word)
  const said = recipeFields.flatMap(field => (options[field] === undefined ? [] : [[field, options[field]] as const]))
  const given = {
    ...(word === undefined || isFile ? {} : { model: word }),
    ...Object.fromEntries(said),
    // `--no-test` is the only option about the test set.
    ...(options.test === false ? { test: false } : {}),
    ...(augment === undefined ? {} : { augment }),
  }
  return { given, file: isFile ? word : undefined }
}

/** Options, with the recipe file given to a command instead of a model. */
export async function withFile<T extends object>(
  word: string | undefined,
  options: T,
): Promise<T & { file: string | undefined }> {
  const { isRecipeFile } = await import('../recipe/recipeFile.node.ts')
  return { ...options, file: word !== undefined && isRecipeFile(word) ? word : undefined }
}
