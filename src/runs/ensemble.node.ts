/**
 * The members of an ensemble: how their recipes differ, where their weights are, and their scores alone and together.
 */
import { join } from 'node:path'
import { type EngineChoices, startEngine } from '../recipe/engine.ts'
import { imagesOf } from '../recipe/images.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { type AnswerScore, averageOf, scoreAnswers, scoreProbabilities, voteOf } from '../study/vote.ts'
import { Evaluator } from '../train/evaluate.ts'
import { divideData, openData } from './data.node.ts'
import { readEvents } from './eventLog.node.ts'
import type { FingerprintCheck } from './fingerprint.node.ts'
import type { DataListener } from './pictures.node.ts'
import { loadRun } from './trainedModel.node.ts'

/** Names of the ways to obtain different members. */
export const ensembleKinds = ['seeds', 'snapshots', 'bagging'] as const

/** A run to train for an ensemble, and the fields in which its recipe differs from the first, as `--set` takes them. */
export interface MemberRun {
  readonly name: string
  readonly changes: readonly string[]
}

/** The runs to train. All hold back the same images, so that the ensemble can be evaluated on them. */
export function memberRuns(kind: (typeof ensembleKinds)[number], first: Recipe, members: number): MemberRun[] {
  if (kind === 'snapshots') return [{ name: snapshotRun, changes: snapshotChanges(first, members) }]
  const bag = kind === 'bagging' ? ['data.bootstrap=true'] : []
  return Array.from({ length: members }, (_, k) => ({
    name: `member${k + 1}`,
    changes: [`seed=${first.seed + k}`, `data.seed=${first.data.seed ?? first.seed}`, ...bag],
  }))
}

const snapshotRun = 'cycles'

/** Snapshot ensembles (Huang et al. 2017): a cosine with restarts, whose valleys are the members. */
const snapshotChanges = ({ epochs }: Recipe, members: number): string[] => [
  'schedule.name=cosineWithRestarts',
  `schedule.cycles=${members}`,
  `checkpoints.every=${epochs / members}`,
]

/** A trained model of an ensemble. */
export interface Member {
  readonly name: string
  /** Its run folder. */
  readonly run: string
  /** Checkpoint, as in `loadRun`. */
  readonly checkpoint: string
}

/** The snapshots of the single run of a snapshot ensemble. @throws Error when a checkpoint is missing. */
export async function snapshotsOf(run: string, { epochs }: Recipe, members: number): Promise<Member[]> {
  const saved = (await readEvents(join(run, 'events.jsonl'))).filter(event => event.type === 'checkpoint')
  return Array.from({ length: members }, (_, k) => {
    const epoch = ((k + 1) * epochs) / members
    const event = saved.findLast(candidate => candidate.epoch === epoch + 1)
    if (!event) throw new Error(`${run}: has no checkpoint of epoch ${epoch}`)
    return { name: `cycle${k + 1}`, run, checkpoint: join(run, event.file) }
  })
}

/** Scores of an ensemble. */
export interface EnsembleScores {
  readonly split: 'validation' | 'test'
  readonly samples: number
  readonly members: readonly (AnswerScore & { readonly name: string })[]
  readonly average: AnswerScore
  readonly vote: AnswerScore
}

/** Options of {@link scoreMembers}. */
export interface EnsembleScoring extends EngineChoices {
  readonly split: EnsembleScores['split']
  readonly listener: DataListener
  /** Checks that the images of a member are those that its run began with. */
  readonly check: (check: FingerprintCheck) => Promise<void>
}

/**
 * Scores members alone and together, by the mean of their probabilities and by vote.
 * @param first recipe that decides which images are used
 * @throws Error when there are no images of the split
 */
export async function scoreMembers(
  members: readonly Member[],
  first: Recipe,
  { split, listener, check, ...choices }: EnsembleScoring,
): Promise<EnsembleScores> {
  const sources = await openData(first, listener)
  const images = divideData(first, sources)[split]
  if (!images) throw new Error(`there are no ${split} images to score on`)
  const { dataset, indices } = images
  const labels = Array.from(indices, index => dataset.labels[index]!)
  const answers = []
  for (const member of members) {
    const { recipe, model } = await loadRun(member.run, member.checkpoint, listener.warn ?? (() => undefined))
    await check({ run: member.run, recipe, data: divideData(recipe, sources), split })
    const engine = await startEngine(recipe, choices)
    try {
      const probabilities = await new Evaluator(engine, model, imagesOf(recipe).shape).probabilities(images)
      answers.push({ ...member, probabilities })
    } finally {
      await engine.close()
    }
  }
  return {
    split,
    samples: labels.length,
    members: answers.map(({ name, probabilities }) => ({ name, ...scoreProbabilities(probabilities, labels) })),
    average: scoreProbabilities(averageOf(answers), labels),
    vote: scoreAnswers(voteOf(answers, dataset.classes.length), labels),
  }
}
