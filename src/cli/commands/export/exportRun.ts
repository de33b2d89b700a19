/** `fovea export`: a trained model as one file. */
import { writeClassifier } from '../../../classifier/artifact.ts'
import type { WeightType } from '../../../classifier/weightData.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { openClassifier } from '../../../runs/openClassifier.node.ts'
import { formatBytes, formatCount } from '../../../text/format.ts'
import { exitCodes } from '../../terminal/errors.ts'
import { print, warn } from '../../terminal/output.ts'

/** Options of {@link exportRun}. */
export interface ExportOptions {
  readonly out: string
  readonly weights: WeightType
  readonly checkpoint: string
  readonly json?: boolean
}

/** Writes the file of a classifier. @returns the exit code */
export async function exportRun(run: string, { out, weights, checkpoint, json }: ExportOptions): Promise<number> {
  const classifier = await openClassifier(run, checkpoint, warn)
  const file = writeClassifier(classifier.network, classifier, { weights })
  await writeAtomic(out, file)
  const { classes, shape } = classifier
  if (json)
    print(JSON.stringify({ file: out, bytes: file.length, weights, classes: classes.length, shape }, undefined, 2))
  else {
    print(
      `${out}  ${formatBytes(file.length)}, ${weights}, ${formatCount(classes.length)} classes, pictures of ${shape.join(' × ')}`,
    )
    print(`try it    fovea predict ${out} PICTURE`)
  }
  return exitCodes.done
}
