/** The default recipe: the one place to look it up and to change it. */

/** The model and the data set of a recipe that names none. */
export const defaultModel = 'lenet5'
export const defaultData = 'mnist'

/** How LeNet-5 is trained on MNIST. */
export const trainingDefaults = {
  epochs: 5,
  batchSize: 64,
  lr: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  schedule: 'oneCycle',
  seed: 0,
  /** Images held back from training: their number, or a share below 1. */
  validation: 5000,
} as const

/** Names of the learning-rate schedules, kept here for code that only lists them: their functions are slow to load. */
export const scheduleNames = [
  'constant',
  'step',
  'multiStep',
  'exponential',
  'polynomial',
  'cosine',
  'cosineWithRestarts',
  'oneCycle',
  'onPlateau',
] as const

/** Name of a learning-rate schedule. */
export type ScheduleName = (typeof scheduleNames)[number]

/** Names of preprocessing that is fitted to the training images. */
export const preprocessNames = ['mean-image', 'channel-mean', 'channel-mean-std', 'zca'] as const
