/** Ensembles of models: the mean of their probabilities, and the vote of their answers. */

/** Probabilities of a model for some images. */
export interface MemberAnswers {
  /** `[images, classes]` */
  readonly probabilities: Float32Array
}

/** A score of an ensemble or of one of its members. */
export interface AnswerScore {
  readonly accuracy: number
  readonly right: number
  /** Cross-entropy, nats; absent for a vote, which gives no probabilities. */
  readonly loss?: number
}

/**
 * Mean of the members' probabilities, `[images, classes]`.
 * @throws RangeError for no members, or different numbers of images.
 */
export function averageOf(members: readonly MemberAnswers[]): Float32Array {
  const length = members[0]?.probabilities.length ?? 0
  if (members.length === 0 || members.some(({ probabilities }) => probabilities.length !== length)) {
    throw new RangeError('averageOf: expected members with answers to the same images')
  }
  const mean = new Float64Array(length)
  for (const { probabilities } of members) {
    for (let i = 0; i < length; i++) mean[i]! += probabilities[i]! / members.length
  }
  return Float32Array.from(mean)
}

/**
 * The class that most members answer, for each image; of classes with equally many votes, the one with the larger mean
 * probability.
 */
export function voteOf(members: readonly MemberAnswers[], classes: number): Int32Array {
  const mean = averageOf(members)
  const answers = members.map(({ probabilities }) => answersOf(probabilities, classes))
  return Int32Array.from({ length: mean.length / classes }, (_, image) => {
    const votes = new Float64Array(classes)
    for (const answer of answers) votes[answer[image]!]! += 1
    // A mean is below 1: it decides only between equal numbers of votes.
    for (let c = 0; c < classes; c++) votes[c]! += mean[image * classes + c]! / 2
    return votes.indexOf(Math.max(...votes))
  })
}

/** The most probable class of each image. */
export function answersOf(probabilities: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: probabilities.length / classes }, (_, image) => {
    const row = probabilities.subarray(image * classes, (image + 1) * classes)
    return row.indexOf(Math.max(...row))
  })
}

/** Score of probabilities against labels. */
export function scoreProbabilities(probabilities: Float32Array, labels: ArrayLike<number>): AnswerScore {
  const classes = probabilities.length / labels.length
  let loss = 0
  for (let i = 0; i < labels.length; i++) {
    loss -= Math.log(Math.max(probabilities[i * classes + labels[i]!]!, Number.MIN_VALUE)) / labels.length
  }
  return { ...scoreAnswers(answersOf(probabilities, classes), labels), loss }
}

/** Share and number of correct answers. */
export function scoreAnswers(answers: ArrayLike<number>, labels: ArrayLike<number>): AnswerScore {
  let right = 0
  for (let i = 0; i < labels.length; i++) if (answers[i] === labels[i]) right++
  return { accuracy: right / labels.length, right }
}

/** Mean and standard deviation (of a sample, n − 1) of some numbers. */
export function meanAndSpread(values: readonly number[]): { readonly mean: number; readonly std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, std: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 }
}
