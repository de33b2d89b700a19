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
  const marks = /["{}[\]]/g
  while (marks.test(json)) {
    const start = marks.lastIndex - 1
    const mark = json[start]
    if (mark === '{') open.push(new Set())
    else if (mark === '[') open.push(undefined)
    else if (mark !== '"') open.pop()
    else {
      const end = endOfString(json, start)
      const keys = open.at(-1)
      if (keys && followedByColon(json, end)) {
        const key = JSON.parse(json.slice(start, end)) as string
        if (keys.has(key)) return key
        keys.add(key)
      }
      marks.lastIndex = end
    }
  }
  return undefined
}

/** Index after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  // Not all of it at once: an expression remembers each repetition, and a text may have millions of backslashes.
  const some = /[^"\\]*(?:\\.[^"\\]*){0,1000}/y
  some.lastIndex = start + 1
  do some.test(json)
  while (json[some.lastIndex] !== '"')
  return some.lastIndex + 1
}

const colon = /[ \n\r\t]*:/y

function followedByColon(json: string, index: number): boolean {
  colon.lastIndex = index
  return colon.test(json)
}
