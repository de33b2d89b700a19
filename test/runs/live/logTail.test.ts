/** Reading on in a log: whole lines, each once, and a log that was cut is noticed. */
import { appendFile, mkdir, mkdtemp, realpath, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LogTail, type Place } from '../../../src/runs/live/logTail.node.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'fovea-tail-')))
  path = join(folder, 'events.jsonl')
})
afterEach(() => rm(folder, { recursive: true }))

/** All lines that a call reads, and how it ended. */
async function read(tail: LogTail): Promise<[string[], string]> {
  const lines: string[] = []
  const ended = await tail.read(more => void lines.push(...more))
  return [lines, ended]
}

describe('a tail', () => {
  test('waits for a log that is not there yet', async () => {
    const tail = new LogTail(path)
    expect(await read(tail)).toEqual([[], 'read'])
    await writeFile(path, 'a\n')
    expect(await read(tail)).toEqual([['a'], 'read'])
    expect(await read(tail)).toEqual([[], 'read'])
  })

  test('reads a line when it is whole, wherever it was cut in two, and letters of several bytes with it', async () => {
    const bytes = Buffer.from('{"α":1}\n{"β":"зыбь"}\n')
    for (let at = 0; at <= bytes.length; at++) {
      await writeFile(path, bytes.subarray(0, at))
      const tail = new LogTail(path)
      const [first] = await read(tail)
      await appendFile(path, bytes.subarray(at))
      const [second] = await read(tail)
      expect([...first, ...second]).toEqual(['{"α":1}', '{"β":"зыбь"}'])
      expect(tail.place.offset).toBe(bytes.length)
    }
  })

  test('goes on at the place of another, and reads nothing twice', async () => {
    const lines = Array.from({ length: 5000 }, (_, k) => `line ${k} ${'x'.repeat(k % 50)}`)
    await writeFile(path, `${lines.join('\n')}\n`)
    const places: { place: Place; next: number }[] = []
    const seen: string[] = []
    const tail = new LogTail(path)
    await tail.read(more => {
      seen.push(...more)
      places.push({ place: tail.place, next: seen.length })
    })
    expect(seen).toEqual(lines)
    expect(places.length).toBeGreaterThan(2)
    for (const { place, next } of places) {
      expect(await read(new LogTail(path, place))).toEqual([lines.slice(next), 'read'])
    }
  })

  test('reads lines that are longer than what it reads at a time', async () => {
    const long = 'y'.repeat(300_000)
    await writeFile(path, `a\n${long}\nb\n`)
    expect(await read(new LogTail(path))).toEqual([['a', long, 'b'], 'read'])
  })

  test('waits until a chunk is taken before it reads the next', async () => {
    await writeFile(path, `${'z'.repeat(99)}\n`.repeat(3000))
    let busy = 0
    let chunks = 0
    await new LogTail(path).read(async () => {
      expect(++busy).toBe(1)
      await new Promise(resolve => setImmediate(resolve))
      busy--
      chunks++
    })
    expect(chunks).toBeGreaterThan(3)
  })

  describe('says that a log was cut', () => {
    const before = Array.from({ length: 20 }, (_, k) => `{"step":${k},"loss":0.${k}}\n`).join('')
    test.each([
      ['when it is shorter', async () => truncate(path, 100)],
      ['when it is empty', async () => truncate(path, 0)],
      ['when it is gone', async () => rm(path)],
      [
        'when it was cut and has grown to more than it was',
        async () => {
          await truncate(path, 100)
          await appendFile(path, '{"step":4,"loss":0.123456789}\n'.repeat(40))
        },
      ],
      [
        'when another took its place',
        async () => {
          await writeFile(`${path}.new`, `${before.replaceAll('0.', '1.')}more\n`)
          await rename(`${path}.new`, path)
        },
      ],
    ])('%s', async (_, cut) => {
      await writeFile(path, before)
      const tail = new LogTail(path)
      expect((await read(tail))[0]).toHaveLength(20)
      await cut()
      expect(await read(tail)).toEqual([[], 'cut'])
      // Whoever comes back with the place of before hears the same.
      if (tail.place.offset > 0) expect(await read(new LogTail(path, tail.place))).toEqual([[], 'cut'])
    })

    test('but not when a file with the same beginning took its place, as a run does that resumes where it ended', async () => {
      await writeFile(path, before)
      const tail = new LogTail(path)
      await read(tail)
      await writeFile(`${path}.new`, `${before}more\n`)
      await rename(`${path}.new`, path)
      expect(await read(tail)).toEqual([['more'], 'read'])
    })
  })

  test('does not follow links to logs elsewhere', async () => {
    await mkdir(join(folder, 'run'))
    await writeFile(path, 'secret\n')
    const link = join(folder, 'run', 'events.jsonl')
    await symlink(path, link)
    expect(await read(new LogTail(link))).toEqual([[], 'read'])
  })
})
