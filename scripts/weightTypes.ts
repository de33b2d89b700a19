/**
 * What half precision and 8-bit integers cost a classifier: bytes of its file and accuracy on the test set of its run.
 *
 *     npx tsx scripts/weightTypes.ts runs/lenet5 …
 */
import { createEngine } from '../src/backends/createEngine.ts'
import { readClassifier, writeClassifier } from '../src/classifier/artifact.ts'
import { weightTypes } from '../src/classifier/weightData.ts'
import { bytesSource } from '../src/formats/source.ts'
import { loadData } from '../src/runs/data.node.ts'
import { openClassifier } from '../src/runs/openClassifier.node.ts'
import { formatPercent } from '../src/text/format.ts'
import { Evaluator } from '../src/train/evaluate.ts'

const engine = createEngine()
console.log('| model | weights | MB | accuracy | other answers than float32 |\n| --- | --- | --- | --- | --- |')
for (const run of process.argv.slice(2)) {
  const opened = await openClassifier(run)
  if (!opened.recipe) throw new Error(`${run}: is no run folder`)
  const { test } = await loadData(opened.recipe)
  if (!test) throw new Error(`${run}: its data have no test images`)
  let whole: Int32Array | undefined
  for (const weights of weightTypes) {
    const file = writeClassifier(opened.network, opened, { weights })
    const { network, shape } = await readClassifier(bytesSource(file))
    const { accuracy, predicted } = await new Evaluator(engine, network, shape).evaluate(test)
    whole ??= predicted
    const others = predicted.reduce((count, answer, k) => count + (answer === whole?.[k] ? 0 : 1), 0)
    const row = [
      opened.name,
      weights,
      (file.length / 1e6).toFixed(3),
      formatPercent(accuracy),
      `${others} of ${predicted.length}`,
    ]
    console.log(`| ${row.join(' | ')} |`)
  }
}
await engine.close()
