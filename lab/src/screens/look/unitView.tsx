/** One unit of a fully connected layer: its largest terms, which add up with all others and the bias to what it says. */
import { useMemo } from 'preact/hooks'
import { fixed, plain, whole } from '../../draw/format.ts'
import { ValueMap } from '../../draw/raster.tsx'
import { mostOf, roundUp } from '../../draw/scale.ts'
import { useSize } from '../../draw/size.ts'
import type { Lab } from '../../state/lab.ts'
import type { Place } from '../../state/link.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import { printSum } from '../convolve/sums.ts'
import { columnOf, type UnitsColumn } from '../train/columns.ts'
import { UnitGrid, unitsAcross } from '../train/units.tsx'
import { Excites } from './excites.tsx'
import { termsOfUnit } from './terms.ts'

/** Terms that are told one by one, and units of a row where there is room. */
const [mostTerms, mostAcross] = [10, 40]
/** CSS pixels of a cell of the products, and cells of a row where the inputs are no maps. */
const [productCell, productsAcross] = [12, 30]

/** The view. */
export function UnitView({ lab, place }: { readonly lab: Lab; readonly place: Place }) {
  const { layers } = lab.opened.value!
  const look = lab.look.value!
  const index = layers.findIndex(({ path }) => path === place.layer)
  const info = layers[index]!
  const unit = place.unit!
  const { element, size } = useSize()
  const inputs = look.volumes[info.reads]!
  const shape = inputShape(layers, index)
  const { weights, bias, values } = look.layers[index]!
  const { largest, others, rest } = termsOfUnit(inputs, weights, unit, mostTerms)
  const sum = printSum([...largest.map(({ product }) => product), rest, bias[unit]!], 2)
  const excites = useMemo(
    () => <Excites key={`${info.path} ${unit}`} lab={lab} info={info} unit={unit} />,
    [lab, info, unit],
  )
  return (
    <>
      <nav ref={element} aria-label={`The ${info.shape[0]} units of ${info.path}`}>
        <UnitGrid
          lab={lab}
          info={info}
          column={() => columnOf(info, lab.look.value ?? look, index, 'values') as UnitsColumn}
          across={Math.min(mostAcross, unitsAcross(size.value.width))}
          chosen={unit}
        />
      </nav>
      <div class="unit-stage">
        <table class="unit-terms">
          <thead class="micro quiet">
            <tr>
              <th scope="col">input</th>
              <th scope="col">value</th>
              <th scope="col">weight</th>
              <th scope="col">product</th>
            </tr>
          </thead>
          <tbody>
            {largest.map(({ input, value, weight }, k) => (
              <tr key={input}>
                <th scope="row">{inputName(shape, input)}</th>
                <td>{fixed(value, 3)}</td>
                <td>{fixed(weight, 3)}</td>
                <td>{sum.terms[k]}</td>
              </tr>
            ))}
            {others > 0 && <Row name={`${whole(others)} smaller ones`} value={sum.terms[largest.length]!} />}
            <Row name="bias" value={sum.terms.at(-1)!} />
            {sum.rounding !== undefined && <Row name="rounding" value={sum.rounding} />}
          </tbody>
          <tfoot>
            <Row name={info.hasRelu ? `unit ${unit}, before ReLU` : `unit ${unit}`} value={sum.total} />
          </tfoot>
        </table>
        <Products shape={shape} inputs={inputs} weights={weights} unit={unit} />
      </div>
      <p class="unseen" aria-live="polite">
        Unit {unit} of {info.path}: {fixed(values[unit]!, 2)}
      </p>
      {excites}
    </>
  )
}

function Row({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <tr>
      <th scope="row" colSpan={3}>
        {name}
      </th>
      <td>{value}</td>
    </tr>
  )
}

/** What a layer reads, `[features]`, or the maps `[C, H, W]` that were laid out as one row for it. */
function inputShape(layers: readonly LayerInfo[], index: number): readonly number[] {
  const maps = layers[index - 1]?.passed?.shape
  const { input } = layers[index]!
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
  return maps?.length === 3 && size(maps) === size(input) ? maps : input
}

/** `map 3, row 1, column 4`, or `unit 17` of the layer before. */
function inputName(shape: readonly number[], input: number): string {
  const [, rows = 1, columns = 1] = shape
  if (shape.length < 3) return `unit ${input}`
  const within = input % (rows * columns)
  return `map ${Math.floor(input / (rows * columns))}, row ${Math.floor(within / columns)}, column ${within % columns}`
}

interface ProductsProps {
  /** Of the inputs. */
  readonly shape: readonly number[]
  readonly inputs: Float32Array
  readonly weights: Float32Array
  readonly unit: number
}

/** All products where their inputs are: a map for each input map, or a row of units. */
function Products({ shape, inputs, weights, unit }: ProductsProps) {
  const products = inputs.map((value, k) => value * weights[unit * inputs.length + k]!)
  const most = roundUp(mostOf(products))
  const [channels, rows, columns] = productShape(shape)
  const size = rows * columns
  return (
    <div>
      <p class="micro quiet above">
        input · weight, all {whole(inputs.length)}, ± {plain(most)}
      </p>
      <div class="strip">
        {Array.from({ length: channels }, (_, c) => (
          <span key={c} class="framed">
            <ValueMap
              values={padded(products, c * size, size)}
              width={columns}
              height={rows}
              cell={productCell}
              most={most}
              label={channels > 1 ? `Products of input map ${c}` : 'Products of all inputs'}
            />
          </span>
        ))}
      </div>
    </div>
  )
}

/** Maps as they are; units in rows, the last of which may be shorter. */
function productShape(shape: readonly number[]): readonly [channels: number, rows: number, columns: number] {
  const [channels = 1, rows = 1, columns = 1] = shape
  if (shape.length === 3) return [channels, rows, columns]
  return [1, Math.ceil(channels / productsAcross), Math.min(channels, productsAcross)]
}

/** A part of values; zeros, the paper, where there are none. */
function padded(values: Float32Array, from: number, length: number): Float32Array {
  const part = new Float32Array(length)
  part.set(values.subarray(from, Math.min(values.length, from + length)))
  return part
}
