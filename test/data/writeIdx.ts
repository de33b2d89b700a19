/** Writes IDX files for tests. */

/** The bytes of an IDX file; `type` is 0x08 for unsigned bytes. */
export function idxBytes(shape: readonly number[], values: ArrayLike<number>, type = 0x08): Uint8Array {
  const header = 4 + 4 * shape.length
  const bytes = new Uint8Array(header + values.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, (type << 8) | shape.length)
  for (const [axis, size] of shape.entries()) view.setUint32(4 + 4 * axis, size)
  bytes.set(values, header)
  return bytes
}
