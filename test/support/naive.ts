/**
 * Definitions by index, written without the library: what arrays hold is said element by element, and windows slide over
 * an explicitly padded copy. Slow, small, and independent of the code under test.
 */

/** Numbers with a shape, row-major. */
export interface NaiveArray {
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
}

/** An array of a shape whose element at `index` is `value(index)`. */
export function tabulate(
  shape: readonly number[],
  value: (index: number[]) => number,
): { shape: readonly number[]; data: Float64Array } {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = Float64Array.from({ length: size }, (_, position) => {
    const index: number[] = []
    let rest = position
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]!)
      rest = Math.floor(rest / shape[axis]!)
    }
    return value(index)
  })
  return { shape, data }
}

/** The element at `index`; an index that is too long is read from its end, and axes of size 1 repeat (broadcasting). */
export function at({ shape, data }: NaiveArray, index: readonly number[]): number {
  const own = index.slice(index.length - shape.length)
  return data[shape.reduce((position, extent, axis) => position * extent + (extent === 1 ? 0 : own[axis]!), 0)]!
}

/** All indices of a shape, in row-major order. */
export function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (prefixes, extent) => prefixes.flatMap(prefix => Array.from({ length: extent }, (_, i) => [...prefix, i])),
    [[]],
  )
}

/** A sliding window, `[vertical, horizontal]`; padding as `[top, bottom, left, right]`. */
export interface NaiveWindow {
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly dilation: readonly [number, number]
  readonly padding: readonly [number, number, number, number]
}

/** `[N, C, H, W]` with `fill` around every plane. */
function padPlanes(x: NaiveArray, [top, bottom, left, right]: NaiveWindow['padding'], fill: number): NaiveArray {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return tabulate([n, c, h + top + bottom, w + left + right], ([i, j, row, column]) => {
    const inside = row! >= top && row! < top + h && column! >= left && column! < left + w
    return inside ? at(x, [i!, j!, row! - top, column! - left]) : fill
  })
}

/** Number of positions of the window, rows and columns, by counting those that fit. */
function positions(padded: NaiveArray, { kernel, stride, dilation }: NaiveWindow): [number, number] {
  const along = (axis: 0 | 1): number => {
    let count = 0
    while (count * stride[axis] + (kernel[axis] - 1) * dilation[axis] < padded.shape[axis + 2]!) count++
    return count
  }
  return [along(0), along(1)]
}

/** Cross-correlation of `[N, C, H, W]` with `[O, C / groups, KH, KW]`. */
export function naiveConv2d(x: NaiveArray, w: NaiveArray, window: NaiveWindow, groups: number): NaiveArray {
  const padded = padPlanes(x, window.padding, 0)
  const [outputs, channels] = w.shape as [number, number]
  const { stride, dilation } = window
  return tabulate([x.shape[0]!, outputs, ...positions(padded, window)], ([n, o, i, j]) => {
    const group = Math.floor((o! * groups) / outputs)
    let total = 0
    for (const [c, u, v] of indicesOf(w.shape.slice(1))) {
      const row = i! * stride[0] + u! * dilation[0]
      const column = j! * stride[1] + v! * dilation[1]
      total += at(padded, [n!, group * channels + c!, row, column]) * at(w, [o!, c!, u!, v!])
    }
    return total
  })
}

/**
 * Gradients of ⟨upstream, naiveConv2d(x, w)⟩: every product g · x · w of the sum sends g · w to x and g · x to w. What arrives
 * at the padding is cut off.
 */
export function naiveConv2dGradients(
  x: NaiveArray,
  w: NaiveArray,
  upstream: NaiveArray,
  window: NaiveWindow,
  groups: number,
): { dx: NaiveArray; dw: NaiveArray } {
  const padded = padPlanes(x, window.padding, 0)
  const dPadded = tabulate(padded.shape, () => 0)
  const dw = tabulate(w.shape, () => 0)
  const [outputs, channels] = w.shape as [number, number]
  for (const [n, o, i, j] of indicesOf(upstream.shape)) {
    const g = at(upstream, [n!, o!, i!, j!])
    const group = Math.floor((o! * groups) / outputs)
    for (const [c, u, v] of indicesOf(w.shape.slice(1))) {
      const row = i! * window.stride[0] + u! * window.dilation[0]
      const column = j! * window.stride[1] + v! * window.dilation[1]
      const tap = [n!, group * channels + c!, row, column]
      const weight = [o!, c!, u!, v!]
      addAt(dPadded, tap, g * at(w, weight))
      addAt(dw, weight, g * at(padded, tap))
    }
  }
  return { dx: cropPlanes(dPadded, x.shape, window.padding), dw }
}

function addAt(
  { shape, data }: { shape: readonly number[]; data: Float64Array },
  index: number[],
  value: number,
): void {
  const position = shape.reduce((sum, extent, axis) => sum * extent + index[axis]!, 0)
  data[position]! += value
}

/** Undoes `padPlanes`. */
function cropPlanes(padded: NaiveArray, shape: readonly number[], [top, , left]: NaiveWindow['padding']): NaiveArray {
  return tabulate(shape, ([n, c, h, w]) => at(padded, [n!, c!, h! + top, w! + left]))
}

/** The largest element of each window, and its position h · W + w in the plane of x; the first of equals. */
export function naiveMaxPool2d(x: NaiveArray, window: NaiveWindow): { values: NaiveArray; switches: NaiveArray } {
  const padded = padPlanes(x, window.padding, Number.NEGATIVE_INFINITY)
  const shape = [x.shape[0]!, x.shape[1]!, ...positions(padded, window)]
  const best = (index: number[]): { value: number; position: number } => {
    const [n, c, i, j] = index as [number, number, number, number]
    const found = indicesOf(window.kernel).map(([u, v]) => {
      const row = i * window.stride[0] + u! * window.dilation[0]
      const column = j * window.stride[1] + v! * window.dilation[1]
      const position = (row - window.padding[0]) * x.shape[3]! + column - window.padding[2]
      return { value: at(padded, [n, c, row, column]), position }
    })
    return found.reduce((a, b) => (b.value > a.value ? b : a))
  }
  return {
    values: tabulate(shape, index => best(index).value),
    switches: tabulate(shape, index => best(index).position),
  }
}

/** The mean of each window; padding counts in the divisor or not. */
export function naiveAveragePool2d(x: NaiveArray, window: NaiveWindow, countPadding: boolean): NaiveArray {
  const padded = padPlanes(x, window.padding, 0)
  const inside = padPlanes(
    tabulate(x.shape, () => 1),
    window.padding,
    countPadding ? 1 : 0,
  )
  return tabulate([x.shape[0]!, x.shape[1]!, ...positions(padded, window)], ([n, c, i, j]) => {
    let total = 0
    let count = 0
    for (const [u, v] of indicesOf(window.kernel)) {
      const index = [n!, c!, i! * window.stride[0] + u!, j! * window.stride[1] + v!]
      total += at(padded, index)
      count += at(inside, index)
    }
    return total / count
  })
}

/** Gradient of ⟨upstream, naiveAveragePool2d(x)⟩ for x of a shape. */
export function naiveAveragePool2dGradient(
  shape: readonly number[],
  upstream: NaiveArray,
  window: NaiveWindow,
  countPadding: boolean,
): NaiveArray {
  const inside = padPlanes(
    tabulate(shape, () => 1),
    window.padding,
    countPadding ? 1 : 0,
  )
  const result = tabulate(inside.shape, () => 0)
  for (const [n, c, i, j] of indicesOf(upstream.shape)) {
    const taps = indicesOf(window.kernel).map(([u, v]) => [
      n!,
      c!,
      i! * window.stride[0] + u!,
      j! * window.stride[1] + v!,
    ])
    const count = taps.reduce((sum, tap) => sum + at(inside, tap), 0)
    for (const tap of taps) addAt(result, tap, at(upstream, [n!, c!, i!, j!]) / count)
  }
  return cropPlanes(result, shape, window.padding)
}
