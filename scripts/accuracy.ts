/**
 * Trains LeNet-5 on MNIST with the default recipe for several seeds and prints the test accuracies, their mean and
 * their spread: the table of docs/results.md. Each run reads the test set once, at its end.
 *
 *     npx tsx scripts/accuracy.ts [--seeds 5] [--threads N]
 */

import { parseArgs } from 'node:util'
import { resolveOptions } from '../src/cli/recipeOptions.ts'
import { startEngine } from '../src/recipe/engine.ts'
import { createTrainer } from '../src/recipe/trainer.ts'
import { loadData } from '../src/runs/data.node.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '5' }, threads: { type: 'string' } },
})
const seeds = Number(values.seeds)
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

console.log('| seed | validation accuracy | test accuracy | test errors | training, s |')
console.log('|---|---|---|---|---|')
const accuracies: number[] = []
for (let seed = 0; seed < seeds; seed++) {
  const recipe = resolveOptions({ seed })
  const { test, ...data } = await loadData(recipe)
  const engine = await startEngine(recipe, values.threads === undefined ? {} : { threads: Number(values.threads) })
  const trainer = await createTrainer({ recipe, functions: {} }, { ...data, engine, alarms: false })
  let validation = 0
  let seconds = 0
  for await (const event of trainer.run()) {
    if (event.type === 'validation') validation = event.accuracy
    if (event.type === 'done') seconds = event.seconds
  }
  const { accuracy, samples } = await trainer.evaluator.evaluate(test!)
  await engine.close()
  accuracies.push(accuracy)
  const errors = Math.round((1 - accuracy) * samples)
  console.log(`| ${seed} | ${percent(validation)} | ${percent(accuracy)} | ${errors} | ${seconds.toFixed(1)} |`)
}

const mean = accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / seeds
const variance = accuracies.reduce((sum, accuracy) => sum + (accuracy - mean) ** 2, 0) / Math.max(1, seeds - 1)
console.log(
  `\nmean ${percent(mean)}, standard deviation ${percent(Math.sqrt(variance))}, ` +
    `lowest ${percent(Math.min(...accuracies))}, highest ${percent(Math.max(...accuracies))}`,
)
