/**
 * JSON that keeps NaN and the infinities, which a diverging run produces and plain JSON turns into null. They are
 * written as the strings "NaN", "Infinity" and "-Infinity", and read back as numbers.
 */

const nonFinite: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** A value as JSON, on one line or indented. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item) => (typeof item === 'number' && !Number.isFinite(item) ? String(item) : item),
    indent,
  )
}

/**
 * The value of a JSON text.
 * @throws SyntaxError when it is not JSON.
 */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_key, item) =>
    typeof item === 'string' && Object.hasOwn(nonFinite, item) ? nonFinite[item] : item,
  )
}
