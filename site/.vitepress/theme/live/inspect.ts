/** Values as text, as consoles print them: short, on one line where it fits. */

/** How deep objects are opened, and how many items of a list are printed. */
const [deepest, most] = [3, 24]

/** What `console.log` prints. */
export const printed = (values: readonly unknown[]): string =>
  values.map(value => (typeof value === 'string' ? value : inspect(value))).join(' ')

function inspect(value: unknown, depth = 0): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "\\'")}'`
  if (typeof value === 'function') return `[function ${value.name || 'without a name'}]`
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (depth > deepest) return Array.isArray(value) ? '[…]' : '{…}'
  const name = value.constructor?.name ?? ''
  if (value instanceof Map)
    return wrapped(
      `Map(${value.size}) {`,
      [...value].map(([key, item]) => `${inspect(key, depth + 1)} => ${inspect(item, depth + 1)}`),
      '}',
    )
  if (value instanceof Set)
    return wrapped(
      `Set(${value.size}) {`,
      Array.from(value, item => inspect(item, depth + 1)),
      '}',
    )
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const list = value as ArrayLike<unknown>
    const items = Array.from({ length: Math.min(list.length, most) }, (_, at) => inspect(list[at], depth + 1))
    if (list.length > most) items.push(`… ${list.length - most} more`)
    return wrapped(Array.isArray(value) ? '[' : `${name}(${list.length}) [`, items, ']')
  }
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${inspect(item, depth + 1)}`)
  return wrapped(name === 'Object' || name === '' ? '{' : `${name} {`, entries, '}')
}

function wrapped(open: string, items: readonly string[], close: string): string {
  if (items.length === 0) return open + close
  const line = `${open} ${items.join(', ')} ${close}`
  if (line.length <= 100) return line
  return `${open}\n${items.map(item => `  ${item.replaceAll('\n', '\n  ')}`).join(',\n')}\n${close}`
}
