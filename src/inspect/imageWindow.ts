/** The part of an image that a unit sees: plain numbers, which a page can use without the graph that they were read off. */

/** The part of the image that one unit sees, `[vertical, horizontal]`, in pixels of the input. */
export interface ReceptiveField {
  /** Rows and columns seen. */
  readonly size: readonly [number, number]
  /** Rows and columns between the fields of neighboring units. */
  readonly stride: readonly [number, number]
  /** First row and column that the unit at (0, 0) sees; negative when it sees padding. */
  readonly offset: readonly [number, number]
  /**
   * True for rows or columns that every unit sees in full, wherever it is: after a gate that pools globally, for
   * example.
   */
  readonly seesAll?: readonly [boolean, boolean]
}

/** Rows and columns of the image, ends exclusive. */
export interface ImageWindow {
  readonly top: number
  readonly left: number
  readonly bottom: number
  readonly right: number
}

/**
 * The part of an image that the unit at a row and column sees, cut off at the image's edges.
 * @param shape `[height, width]` of the image
 * @example windowSeenBy(inspector.point('conv2').receptiveField, [3, 3], [28, 28])
 */
export function windowSeenBy(
  { size, stride, offset, seesAll = [false, false] }: ReceptiveField,
  cell: readonly [row: number, column: number],
  shape: readonly [height: number, width: number, ...rest: number[]],
): ImageWindow {
  const [[top, bottom], [left, right]] = ([0, 1] as const).map(axis => {
    if (seesAll[axis]) return [0, shape[axis]]
    const first = offset[axis] + cell[axis] * stride[axis]
    const within = (at: number): number => Math.min(Math.max(at, 0), shape[axis])
    return [within(first), within(first + size[axis])]
  })
  return { top, left, bottom, right }
}
