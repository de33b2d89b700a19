/** Files to write, checked before the work: their names, and whether they can be written. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkEnding } from '../../src/cli/endings.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-endings-'))
  mkdirSync(join(folder, 'taken.svg'))
  writeFileSync(join(folder, 'file'), '')
  writeFileSync(join(folder, 'old.svg'), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

const check = (name: string) => checkEnding('--out', join(folder, name), ['.svg', '.html'])

it.each(['new.svg', 'NEW.HTML', 'old.svg'])('%s can be written', name => check(name))

it.each([
  ['drawing.png', 'drawing.png: the name must end in .svg or .html'],
  ['none/new.svg', 'none/new.svg: cannot be written: no such folder'],
  ['file/new.svg', 'file/new.svg: cannot be written: a part of the path is a file'],
  ['taken.svg', 'taken.svg: cannot be written: it is a folder'],
])('%s cannot', (name, message) => {
  expect(() => check(name)).toThrow(message)
})

it('a name alone is of this folder, and none is well', () => {
  checkEnding('--out', 'drawing.svg', ['.svg', '.html'])
  checkEnding('--out', undefined, ['.svg', '.html'])
})
