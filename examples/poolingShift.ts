/**
 * Max pooling's invariance: when its input moves by one place, every input value changes, but of the outputs of a window
 * of three only half do. Among k + 1 neighbors the output is the same as before if the largest is one of the k − 1 that
 * both windows see, which for random values has the probability (k − 1) / (k + 1).
 */
import { constantTensor, evaluate, randomUniform, sliceAxis, type Tensor } from 'fovea'
import { averagePool1d, inference, type Module, maxPool1d } from 'fovea/nn'

/** The series from place 1 on, and the same series moved to the right by one. */
async function compare(series: Tensor, pool: Module) {
  const length = series.shape[2]
  const before = sliceAxis(series, 2, 1, length)
  const after = sliceAxis(series, 2, 0, length - 1)
  const pooled = [before, after].map(x => pool.forward(x, inference()))
  const [x, shifted, y, moved] = await evaluate([before, after, ...pooled])
  const changed = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).filter((v, i) => v !== b[i]).length
  return { x, shifted, y, moved, inputs: changed(x, shifted) / x.length, outputs: changed(y, moved) / y.length }
}

const row = (values: ArrayLike<number>) => Array.from(values, value => value.toFixed(1)).join('  ')
const percent = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(7)

// The series slides in from the left: 0.2 is what comes into view.
const drawn = await compare(constantTensor([0.2, 0.3, 0.1, 1, 0.2, 0.1, 0], [1, 1, 7]), maxPool1d(3, { stride: 1 }))
console.log('detector          ', row(drawn.x))
console.log('  moved by one    ', row(drawn.shifted))
console.log('max pooled        ', `     ${row(drawn.y)}`)
console.log('  moved by one    ', `     ${row(drawn.moved)}`)
console.log(`inputs changed: ${percent(drawn.inputs)}, outputs changed: ${percent(drawn.outputs)}\n`)

console.log('pool       window  inputs changed  outputs changed  expected')
const noise = randomUniform(constantTensor([0, 0], [2], 'i32'), [1, 1, 30_000], 'noise')
for (const [name, pool] of Object.entries({ max: maxPool1d, average: averagePool1d })) {
  for (const width of [2, 3, 5]) {
    const { inputs, outputs } = await compare(noise, pool(width, { stride: 1 }))
    const expected = name === 'max' ? 2 / (width + 1) : 1
    const cells = [
      name.padEnd(9),
      String(width).padStart(6),
      percent(inputs).padStart(14),
      percent(outputs).padStart(15),
    ]
    console.log(cells.join('  '), percent(expected).padStart(9))
  }
}
