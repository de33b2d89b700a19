/**
 * How large are the activations of a deep network before any training? Ten layers of 500 neurons see 1000 Gaussian
 * inputs. Small weights make the signal die out, Xavier's keep it alive through tanh, He's through ReLU.
 *
 * Usage: activationStatistics.ts [folder for activationStatistics.svg]
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constantTensor, evaluate, randomNormal, type Tensor } from 'fovea'
import { gaussian, heNormal, inference, linear, relu, tanh, xavierNormal } from 'fovea/nn'
import { lineChart } from 'fovea/plot'

const [images, neurons, depth] = [1000, 500, 10]
const initializers = { 'gaussian(0.01)': gaussian(0.01), xavier: xavierNormal(), he: heNormal() }
const looks = [
  { hue: 'orange', style: 'dots' },
  { hue: 'blue', style: 'dots' },
  { hue: 'blue', style: 'line' },
] as const
const charts: string[] = []
const power = (y: number) => (y === 1 ? '1' : y.toExponential(0).replace('-', '−'))

for (const [activation, layer] of Object.entries({ tanh: tanh(), relu: relu() })) {
  const stds: [number, number][][] = []
  for (const [name, init] of Object.entries(initializers)) {
    let x: Tensor = randomNormal(constantTensor([0, 0], [2], 'i32'), [images, neurons], 'input')
    const values = [x]
    for (let l = 1; l <= depth; l++) {
      const affine = linear(neurons, neurons, { init, bias: false })
      init.fill(affine.weight.value as Float32Array, affine.weight.shape, 0, `${activation}.${l}`)
      x = layer.forward(affine.forward(x, inference()), inference())
      values.push(x)
    }
    console.log(`\n${activation}, ${name}`)
    const statistics = (await evaluate(values)).map(data => statisticsOf(data as Float32Array))
    for (const [l, { mean, std }] of statistics.entries()) {
      const which = l === 0 ? 'input layer' : `hidden layer ${l}`
      console.log(`${which.padEnd(15)} had mean ${mean.toFixed(6).padStart(9)} and std ${std.toPrecision(6)}`)
    }
    stds.push(statistics.map(({ std }, l) => [l, std]))
  }
  const lines = Object.keys(initializers).map((label, i) => ({ label, ...looks[i], points: stds[i] }))
  const axes = { xDomain: [0, depth], yDomain: [1e-9, 2], yScale: 'log', formatX: String, formatY: power } as const
  const description = `Standard deviation of the activations, layer by layer, with ${activation}.`
  const labels = { title: activation, description, xLabel: `layer (0: the input), ${activation}`, yLabel: 'std' }
  charts.push(lineChart({ ...labels, ...axes, lines }))
}

const path = join(process.argv[2] ?? tmpdir(), 'activationStatistics.svg')
const placed = charts.map((chart, i) => `<svg x="${i * 540}" width="520" height="300">${chart}</svg>`)
writeFileSync(path, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1060 300">${placed.join('')}</svg>\n`)
console.log(`\nDrawn in ${path}`)

function statisticsOf(values: Float32Array): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) }
}
