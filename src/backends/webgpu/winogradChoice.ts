/** Where Winograd's algorithm is faster than the products that convolutions are otherwise. */
import { sizeOf } from '../../graph/shape.ts'
import type { Hardware } from './kernels/kernel.ts'
import { tileOf, tileSize } from './kernels/product.ts'
import { transformWork, type WinogradSpec, winogradSizes } from './winogradSpec.ts'

/** Most bytes of a transformed value: what every device binds at once. */
const mostBytes = 2 ** 27

/** What work costs, in multiply-adds of a product. */
interface Prices {
  /** A byte that one dispatch stores and another reads: once for each of the two. */
  readonly byte: number
  /** A term of a transform. */
  readonly term: number
  /** A dispatch. */
  readonly dispatch: number
}

/**
 * Nothing here has been measured. By data sheets, graphics processors do 7 to 40 multiply-adds in the time in which their
 * memory moves a byte, and tiled products reach about half of that. This is the upper end, as if no cache held anything;
 * transforms wait for memory, so that their terms are free. A dispatch waits some microseconds for the one before.
 */
const onGraphicsProcessors: Prices = { byte: 20, term: 0, dispatch: 2 ** 24 }

/**
 * Measured on SwiftShader (scripts/measure/webgpuWinograd.ts): there a multiply-add of a convolution takes as long as one of a
 * plain product, and transforming an element of a result back as long as twelve. The price of a dispatch leaves out layers
 * that take less time than it takes to compile their shaders.
 */
const onSoftware: Prices = { byte: 0.5, term: 2, dispatch: 2 ** 16 }

/**
 * The side m of tiles with which a convolution of 3 × 3 is computed; `undefined` for none.
 * @param filtersLast whether the filters are transformed ahead of the runs
 */
export function tileOutputs(
  convolution: Omit<WinogradSpec, 'outputs'>,
  filtersLast: boolean,
  hardware: Hardware,
): 2 | 4 | undefined {
  const sizes = ([2, 4] as const).filter(outputs => fits({ ...convolution, outputs }))
  if (hardware.winograd !== undefined) return sizes.find(outputs => outputs === hardware.winograd)
  let best: 2 | 4 | undefined
  let least = directCost(convolution, hardware)
  for (const outputs of sizes) {
    const cost = winogradCost({ ...convolution, outputs }, filtersLast, hardware)
    if (cost < least) {
      best = outputs
      least = cost
    }
  }
  return best
}

function fits(spec: WinogradSpec): boolean {
  const { places, depth, lines, columns } = winogradSizes(spec)
  return 4 * places * Math.max(depth * lines, depth * columns, lines * columns) <= mostBytes
}

const pricesOn = ({ parallel }: Hardware): Prices => (parallel ? onGraphicsProcessors : onSoftware)

/** Multiply-adds of a product with those that its tiles waste at their edges. */
function productCost(batches: number, m: number, n: number, k: number, hardware: Hardware): number {
  const tile = tileOf({ batches, m, n, k }, hardware)
  const [rows, columns] = tile ? tileSize(tile) : [1, 1]
  return batches * Math.ceil(m / rows) * rows * Math.ceil(n / columns) * columns * k
}

function directCost({ source, result }: Omit<WinogradSpec, 'outputs'>, hardware: Hardware): number {
  const [depth, lines] = [source[1], result[1]]
  const filters = 4 * 9 * depth * lines
  return productCost(1, lines, sizeOf(result) / lines, 9 * depth, hardware) + pricesOn(hardware).byte * filters
}

function winogradCost(spec: WinogradSpec, filtersLast: boolean, hardware: Hardware): number {
  const { matrices, places, depth, lines, columns } = winogradSizes(spec)
  const { byte, term, dispatch } = pricesOn(hardware)
  const [filters, input, products] = [depth * lines, depth * columns, lines * columns]
  // Everything transformed is stored once and read once; filters that last are only read.
  const moved = 4 * places * ((filtersLast ? 1 : 2) * filters + 2 * input + 2 * products)
  const terms =
    (filtersLast ? 0 : filters * transformWork(matrices.weights)) +
    input * transformWork(matrices.input) +
    products * transformWork(matrices.output)
  const dispatches = filtersLast ? 2 : 3
  return productCost(places, lines, columns, depth, hardware) + byte * moved + term * terms + dispatch * dispatches
}
