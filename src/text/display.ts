/** Values as messages show them. */

/** The most characters of a value that messages show. */
const mostShown = 80

/** Any value as messages show it: data as JSON, anything else by its kind. */
export function display(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (jsonOf(value) ?? kindOf(value))
  const line = text.replace(/\s*\n\s*/g, ' ')
  return line.length > mostShown ? `${line.slice(0, mostShown)}…` : line
}

function jsonOf(value: unknown): string | undefined {
  const isData = typeof value !== 'object' || value === null || Array.isArray(value) || isPlain(value)
  try {
    return isData ? JSON.stringify(value) : undefined
  } catch {
    // A bigint, or an object that contains itself.
    return undefined
  }
}

/** `Promise {…}`, `[function sgd]`, `3n`, `undefined`. */
function kindOf(value: unknown): string {
  if (typeof value === 'function') return `[function${value.name === '' ? '' : ` ${value.name}`}]`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return String(value)
  return `${value.constructor?.name ?? 'object'} {…}`
}

const isPlain = (value: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(value))
