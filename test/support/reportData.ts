/**
 * The data of a report as a LeNet-5 run on MNIST would give them, but made up: a falling noisy loss, a confusion matrix
 * of one error in a hundred, drawn digits. Always the same.
 */
import type { ReportData, ReportLayer, ReportMistake } from '../../src/report/reportData.ts'

/** A small repeatable source of numbers in 0 … 1 (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A finished run of 5 epochs of 430 steps. */
export function reportData(): ReportData {
  const random = randomNumbers(7)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const stepsPerEpoch = 430
  const total = 5 * stepsPerEpoch
  const steps = Array.from({ length: total }, (_, i) => {
    const trend = 2.3 * Math.exp(-i / 35) + 0.42 * Math.exp(-i / 280) + 0.016
    const loss = trend * Math.exp(0.45 * normal())
    const wrong = Math.round(Math.max(0, 128 * Math.min(0.9, trend * 0.34) * Math.exp(0.6 * normal())))
    return {
      step: i + 1,
      epoch: Math.floor(i / stepsPerEpoch) + 1,
      loss,
      accuracy: 1 - Math.min(128, wrong) / 128,
      learningRate: 0.05 * 0.5 * (1 + Math.cos((Math.PI * i) / total)) * Math.min(1, (i + 1) / 100),
    }
  })
  const epochs = [1, 2, 3, 4, 5].map(epoch => {
    const own = steps.filter(step => step.epoch === epoch)
    const mean = (of: (step: (typeof own)[number]) => number) =>
      own.reduce((sum, step) => sum + of(step), 0) / own.length
    return { epoch, step: epoch * stepsPerEpoch, loss: mean(s => s.loss), accuracy: mean(s => s.accuracy) }
  })
  const validation = [0.0792, 0.0521, 0.0409, 0.0368, 0.0361].map((loss, i) => ({
    epoch: i + 1,
    step: (i + 1) * stepsPerEpoch,
    loss,
    accuracy: [0.9758, 0.9836, 0.9874, 0.9888, 0.989][i]!,
  }))
  const confusion = confusionOf([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
  const samples = 10_000
  const right = confusion.reduce((sum, row, i) => sum + row[i]!, 0)
  return {
    title: 'LeNet-5 on MNIST',
    model: 'lenet5',
    dataset: 'MNIST (55,000 training, 5,000 validation, 10,000 test images)',
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    recipe: {
      model: 'lenet5',
      data: { name: 'mnist', validation: 5000 },
      optimizer: { type: 'sgd', learningRate: 0.05, momentum: 0.9, weightDecay: 0.0005, nesterov: false },
      schedule: { type: 'cosine', warmupSteps: 100 },
      batchSize: 128,
      epochs: 5,
      seed: 1,
    },
    engine: { backend: 'wasm', detail: '2 threads, SIMD: relaxed' },
    startedAt: '2026-03-14T15:09:26Z',
    seconds: 21.4,
    steps,
    epochs,
    validation,
    test: { loss: 0.0298, accuracy: right / samples, samples, confusion },
    filters: { shape: [6, 1, 5, 5], values: edgeFilters(random) },
    mistakes: Array.from({ length: 36 }, (_, i) => mistake(i, random)),
    layers: lenet5Layers,
    command: 'npx fovea train lenet5 --data mnist --epochs 5 --batch 128 --seed 1',
    version: '0.1.0',
  }
}

/** Errors where people see them too: 4 and 9, 7 and 2, 3 and 5 … */
function confusionOf(sizes: readonly number[]): number[][] {
  const errors: Record<string, number> = {
    '4,9': 12,
    '9,4': 7,
    '7,2': 9,
    '3,5': 6,
    '5,3': 5,
    '8,3': 4,
    '6,0': 5,
    '2,7': 4,
    '7,1': 4,
    '9,7': 3,
    '8,9': 3,
    '5,6': 3,
    '6,1': 2,
    '0,6': 1,
    '1,3': 1,
    '1,7': 1,
    '2,3': 2,
    '2,0': 1,
    '3,8': 2,
    '4,6': 2,
    '8,2': 2,
    '8,0': 2,
    '9,5': 3,
    '9,8': 2,
    '6,5': 2,
    '5,8': 1,
    '0,7': 1,
  }
  return sizes.map((size, i) => {
    const row = sizes.map((_, j) => errors[`${i},${j}`] ?? 0)
    row[i] = size - row.reduce((a, b) => a + b, 0)
    return row
  })
}

/** Filters as a first layer tends to learn them: oriented edges and spots, with some noise. */
function edgeFilters(random: () => number): Float32Array {
  const values = new Float32Array(6 * 25)
  for (let f = 0; f < 6; f++) {
    const angle = (f * Math.PI) / 5
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 5; x++) {
        const along = (x - 2) * Math.cos(angle) + (y - 2) * Math.sin(angle)
        const spot = Math.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 3) * 0.5 - 0.15
        values[f * 25 + y * 5 + x] = (f === 5 ? spot : 0.3 * Math.sin(along * 1.1)) + (random() - 0.5) * 0.16
      }
    }
  }
  return values
}

/** A 28 × 28 picture of two strokes, and a wrong answer to it. */
function mistake(i: number, random: () => number): ReportMistake {
  const image = new Uint8Array(28 * 28)
  const strokes = [0, 1].map(() => ({
    x: 9 + random() * 10,
    y: 9 + random() * 10,
    radius: 3 + random() * 5,
    from: random() * 6,
    length: 2 + random() * 4,
  }))
  for (let p = 0; p < image.length; p++) {
    const [x, y] = [p % 28, Math.floor(p / 28)]
    const distance = Math.min(
      ...strokes.flatMap(s =>
        Array.from({ length: 24 }, (_, k) => {
          const angle = s.from + (s.length * k) / 23
          return Math.hypot(x - s.x - s.radius * Math.cos(angle), y - s.y - s.radius * Math.sin(angle))
        }),
      ),
    )
    image[p] = Math.round(255 * Math.max(0, Math.min(1, 2 - distance)))
  }
  const probability = 0.4 + 0.6 * random()
  const label = Math.floor(random() * 10)
  return {
    image,
    shape: [28, 28, 1],
    label,
    predicted: (label + 1 + Math.floor(random() * 9)) % 10,
    probability,
    loss: -Math.log((1 - probability) * (0.3 + 0.7 * random())),
    index: 247 * i + 18,
  }
}

const lenet5Layers: readonly ReportLayer[] = [
  layer('input', 'Input', '', [1, 28, 28], '', 0, 3136, 1, 1),
  layer('conv1', 'Conv2d', '5×5, padding 2', [6, 28, 28], '(5·5·1+1)·6 = 156', 117_600, 18_816, 5, 1),
  layer('relu1', 'ReLU', '', [6, 28, 28], '', 0, 0, 5, 1),
  layer('pool1', 'MaxPool2d', '2×2, stride 2', [6, 14, 14], '', 0, 4704, 6, 2),
  layer('conv2', 'Conv2d', '5×5', [16, 10, 10], '(5·5·6+1)·16 = 2,416', 240_000, 6400, 14, 2),
  layer('relu2', 'ReLU', '', [16, 10, 10], '', 0, 0, 14, 2),
  layer('pool2', 'MaxPool2d', '2×2, stride 2', [16, 5, 5], '', 0, 1600, 16, 4),
  layer('fc1', 'Linear', '', [120], '(400+1)·120 = 48,120', 48_000, 480, 32, 1),
  layer('relu3', 'ReLU', '', [120], '', 0, 0, 32, 1),
  layer('fc2', 'Linear', '', [84], '(120+1)·84 = 10,164', 10_080, 336, 32, 1),
  layer('relu4', 'ReLU', '', [84], '', 0, 0, 32, 1),
  layer('fc3', 'Linear', '', [10], '(84+1)·10 = 850', 840, 40, 32, 1),
]

function layer(
  path: string,
  type: string,
  window: string,
  output: number[],
  arithmetic: string,
  multiplyAdds: number,
  activationBytes: number,
  size: number,
  stride: number,
): ReportLayer {
  const parameters = Number(arithmetic.match(/= ([\d,]+)/)?.[1]?.replaceAll(',', '') ?? 0)
  const receptiveField = { size: [size, size], stride: [stride, stride] } as const
  const optional = { ...(window && { window }), ...(arithmetic && { arithmetic }) }
  return { path, type, output, parameters, multiplyAdds, activationBytes, receptiveField, ...optional }
}
