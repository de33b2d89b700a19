/**
 * Activation functions and their derivatives, drawn. The derivatives come from the library's own gradients: of the sum of
 * all values, the gradient with respect to each input is that input's derivative.
 *
 * Usage: activationPlots.ts [folder for activationPlots.svg]
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constantTensor, evaluate, sum, type Tensor, valueAndGrad } from 'fovea'
import { elu, gelu, hardSwish, inference, leakyRelu, relu, selu, sigmoid, silu, tanh } from 'fovea/nn'
import { type LineChart, lineChart } from 'fovea/plot'

// biome-ignore format: a list
const functions = {
  sigmoid: sigmoid(), tanh: tanh(), ReLU: relu(), 'leaky ReLU (0.1)': leakyRelu(0.1), ELU: elu(), SELU: selu(),
  GELU: gelu(), SiLU: silu(), 'hard swish': hardSwish(),
}
const points = Float32Array.from({ length: 241 }, (_, i) => (i - 120) / 24)
const shown = [-5, -2, -1, 0, 1, 2, 5]
const table = (values: ArrayLike<number>) => shown.map(x => values[points.indexOf(x)].toFixed(4).padStart(8)).join(' ')
console.log(`${'x'.padEnd(18)}   ${shown.map(x => String(x).padStart(8)).join(' ')}`)

const charts: string[] = []
for (const [name, layer] of Object.entries(functions)) {
  const x = constantTensor(points, [points.length])
  const { gradients } = valueAndGrad((at: { x: Tensor }) => sum(layer.forward(at.x, inference())))({ x })
  const [values, derivatives] = await evaluate([layer.forward(x, inference()), gradients.x])
  console.log(`${name.padEnd(18)} f ${table(values)}\n${''.padEnd(18)} f′${table(derivatives)}`)
  const chart: LineChart = {
    title: name,
    description: `${name} from −5 to 5, and its derivative.`,
    xLabel: 'x',
    yLabel: '',
    xDomain: [-5, 5],
    yDomain: [-2, 5],
    formatX: x => String(x).replace('-', '−'),
    formatY: y => String(y).replace('-', '−'),
    lines: [
      { label: name, hue: 'blue', points: Array.from(points, (at, i) => [at, values[i]]) },
      { label: 'its derivative', hue: 'orange', points: Array.from(points, (at, i) => [at, derivatives[i]]) },
    ],
    width: 340,
    height: 260,
  }
  const place = `x="${(charts.length % 3) * 350}" y="${Math.floor(charts.length / 3) * 270}"`
  charts.push(`<svg ${place} width="340" height="260">${lineChart(chart)}</svg>`)
}
const path = join(process.argv[2] ?? tmpdir(), 'activationPlots.svg')
writeFileSync(path, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1040 810">${charts.join('')}</svg>\n`)
console.log(`\nDrawn in ${path}`)
