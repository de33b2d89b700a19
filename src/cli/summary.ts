/** `fovea summary`: the layer table of a model and the memory that training it takes, without training it. */
import { wasmBlockSizes } from '../backends/wasm/engine.ts'
import { formatBytes, formatSummary, summarize } from '../inspect/index.ts'
import { findModel, models } from '../models/index.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import { crossEntropy } from '../nn/losses.ts'
import { normalize } from '../nn/normalize.ts'
import { sgd } from '../optim/index.ts'
import { makePlan, type Plan } from '../plan/plan.ts'
import { trainingProgram } from '../train/programs.ts'
import { trainingDefaults } from './defaults.ts'
import { exitCodes, UsageError } from './errors.ts'
import { unknownName } from './names.ts'
import { print, printJson } from './output.ts'

/** Options of {@link summary}. */
export interface SummaryOptions {
  /** Images in a training step. */
  readonly batch: number
  readonly json?: boolean
  /** Prints the plan of the training step as well. */
  readonly plan?: boolean
}

/** Shows the layers of a model and its training plan. @returns the exit code */
export function summary(name: string, { batch, json, plan: showPlan }: SummaryOptions): number {
  if (!Object.hasOwn(models, name)) throw new UsageError(unknownName('model', name, Object.keys(models)))
  const entry = findModel(name)
  const plan = planTraining(name, batch)
  const table = summarize(entry.create().assignPaths(), entry.inputShape, { batch, arenaBytes: plan.arenaBytes })
  if (json) {
    const { arenaBytes, scratchBytes, multiplyAdds, block } = plan
    printJson({
      model: name,
      ...table,
      training: {
        batch,
        arenaBytes,
        scratchBytes,
        multiplyAdds,
        block,
        ...(showPlan ? { plan: plan.toString() } : {}),
      },
    })
    return exitCodes.done
  }
  print(`${name}: ${entry.description}`, entry.reference, '', formatSummary(table))
  if (plan.scratchBytes > 0) print(`Each thread has ${formatBytes(plan.scratchBytes)} of its own besides.`)
  if (showPlan) print('', `The plan of a training step (SGD with momentum, ${batch} images):`, plan.toString())
  return exitCodes.done
}

/** The plan of a training step, as the WebAssembly backend makes it. */
export function planTraining(name: string, batch: number): Plan {
  const { create, inputShape } = findModel(name)
  const [channels, height, width] = inputShape
  const scale = { mean: new Array<number>(channels).fill(0.5), std: new Array<number>(channels).fill(0.5) }
  const model = new ImageClassifier(normalize(scale), create())
  const { lr, momentum, weightDecay } = trainingDefaults
  const optimizer = sgd({ lr, momentum, weightDecay })
  return makePlan(trainingProgram(model, [height, width, channels], batch, crossEntropy(), optimizer), {
    blockSizes: wasmBlockSizes,
  })
}
