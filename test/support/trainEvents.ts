/** The events of a short made-up run. */
import type { TrainEvent } from '../../src/train/events.ts'

/** Two epochs of 40 steps, each with a validation score. */
export function* trainEvents(): Generator<TrainEvent> {
  const stepsPerEpoch = 40
  yield {
    type: 'start',
    epochs: 2,
    stepsPerEpoch,
    step: 0,
    trainSamples: 5120,
    validationSamples: 512,
    parameters: 61_706,
    engine: { backend: 'wasm', detail: '2 threads, SIMD: relaxed' },
    arenaBytes: 9_437_184,
  }
  for (let step = 1; step <= 2 * stepsPerEpoch; step++) {
    const epoch = Math.ceil(step / stepsPerEpoch)
    const loss = 2.3 * Math.exp(-step / 20)
    yield { type: 'step', step, epoch, loss, accuracy: 1 - loss / 3, learningRate: 0.05, imagesPerSecond: 31_200 }
    if (step % stepsPerEpoch !== 0) continue
    yield { type: 'epoch', epoch, step, loss: 1 / epoch, accuracy: 1 - 0.2 / epoch, samples: 5120, seconds: 4 }
    yield { type: 'validation', epoch, step, loss: 0.5 / epoch, accuracy: 1 - 0.1 / epoch, samples: 512 }
    yield { type: 'checkpoint', epoch, step, file: `step-${step}.safetensors` }
  }
  yield { type: 'done', step: 2 * stepsPerEpoch, seconds: 8.25 }
}
