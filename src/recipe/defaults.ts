/** The recipes that are used when nothing else is said: one place to look them up and to change them. */

/** How a run trains, apart from what it trains. */
export interface TrainingDefaults {
  readonly epochs: number
  readonly batchSize: number
  readonly lr: number
  readonly momentum: number
  readonly weightDecay: number
  readonly schedule: ScheduleName
  readonly seed: number
  /** Images held back from training: their number, or a share below 1. */
  readonly validation: number
}

/** Names of the learning-rate schedules. */
export const scheduleNames = [
  'constant',
  'step',
  'cosine',
  'cosine-restarts',
  'one-cycle',
  'exponential',
  'polynomial',
  'plateau',
] as const

/** Names of preprocessing that is fitted to the training images. */
export const preprocessNames = ['mean-image', 'channel-mean', 'channel-mean-std', 'zca'] as const

/** A name in {@link scheduleNames}. */
export type ScheduleName = (typeof scheduleNames)[number]

/** The function each name stands for, and its name in a recipe. */
export const scheduleFunctions: Readonly<Record<ScheduleName, string>> = {
  constant: 'constant',
  step: 'multiStep',
  cosine: 'cosine',
  'cosine-restarts': 'cosineWithRestarts',
  'one-cycle': 'oneCycle',
  exponential: 'exponential',
  polynomial: 'polynomial',
  plateau: 'onPlateau',
}

/** Names of the backends. */
export const backendNames = ['wasm', 'reference'] as const

/** The model and data set that `fovea train` takes when none is named. */
export const defaultModel = 'lenet5'
export const defaultData = 'mnist'

/** The folder in which run folders are made. */
export const defaultRuns = 'runs'

/** The recipe of LeNet-5 on MNIST. */
export const trainingDefaults: TrainingDefaults = {
  epochs: 5,
  batchSize: 64,
  lr: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  schedule: 'one-cycle',
  seed: 0,
  validation: 5000,
}
