/**
 * Finds keys that occur twice in one object of a JSON text. `JSON.parse` silently keeps the last of them, so two
 * readers of one file may see different contents; formats that forbid it need this check.
 */

/**
 * The first key that occurs twice within the same object, or undefined.
 *
 * @param json a text that `JSON.parse` has accepted
 *
 * @example
 * firstDuplicateKey('{"a": 1, "b": {"a": 2}, "a": 3}') // 'a'
 */
export function firstDuplicateKey(json: string): string | undefined {
  // One entry per open bracket: the keys of an object seen so far, or undefined for an array.
  const open: (Set<string> | undefined)[] = []
  for (let i = 0; i < json.length; i++) {
    const character = json[i]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(undefined)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(json, i)
      const keys = open.at(-1)
      if (keys && followedByColon(json, end)) {
        const key = JSON.parse(json.slice(i, end)) as string
        if (keys.has(key)) return key
        keys.add(key)
      }
      i = end - 1
    }
  }
  return undefined
}

/** Index after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let first = end
    while (json[first - 1] === '\\') first--
    // After an odd number of backslashes, the quote belongs to the text.
    if ((end - first) % 2 === 0) return end + 1
  }
}

function followedByColon(json: string, index: number): boolean {
  let i = index
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++
  return json[i] === ':'
}
