/** What the Lab weighs, compressed, as a page loads it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { site } from './labPage.ts'

/** Kilobytes of a file, compressed with gzip. */
const weight = (path: string): number => gzipSync(readFileSync(join(site, path)), { level: 9 }).length / 1000
const assets = readdirSync(join(site, 'assets'))

test('the Lab before its first paint is at most 60 kB', () => {
  const page = readFileSync(join(site, 'index.html'), 'utf8')
  const first = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path!)
  expect(first.length).toBeGreaterThan(1)
  const total = first.reduce((sum, path) => sum + weight(path), weight('index.html'))
  expect(total).toBeLessThanOrEqual(60)
})

test('the engine and the training beside it are at most 150 kB', () => {
  const worker = assets.filter(name => name.startsWith('trainWorker'))
  expect(worker).toHaveLength(1)
  expect(weight(`assets/${worker[0]}`)).toBeLessThanOrEqual(150)
})

test.each([
  ['runs', 'runs'],
  ['teach', 'teachScreen'],
])('the screen of %s is loaded when it is looked at, and is at most 25 kB', (_, file) => {
  const page = readFileSync(join(site, 'index.html'), 'utf8')
  const own = assets.filter(name => name.startsWith(`${file}-`))
  expect(own.map(name => name.replace(/.*\./, '')).sort()).toEqual(['css', 'js'])
  for (const name of own) expect(page).not.toContain(name)
  expect(own.reduce((sum, name) => sum + weight(`assets/${name}`), 0)).toBeLessThanOrEqual(25)
})

test('the drawings of searches are loaded when there is one, and are at most 16 kB', () => {
  const own = assets.filter(name => /^search-.*js$/.test(name))
  expect(own).toHaveLength(1)
  expect(weight(`assets/${own[0]}`)).toBeLessThanOrEqual(16)
})

test('what Teach adds beside its screen, its trunk included, is at most 1.5 MB as it is packed', () => {
  const worker = assets.filter(name => name.startsWith('teachWorker'))
  expect(worker).toHaveLength(1)
  const total = weight(`assets/${worker[0]}`) + weight('teach/fovea.js') + weight('teach/trunk.fovea')
  expect(total).toBeLessThanOrEqual(1500)
})

test('the screens Convolve and Judge are loaded when they are looked at; Judge is at most 30 kB, and UMAP beside it', () => {
  const page = readFileSync(join(site, 'index.html'), 'utf8')
  const named = (name: string): string[] => assets.filter(asset => asset.startsWith(`${name}-`))
  for (const name of ['convolve', 'judge', 'projectWorker']) {
    expect(named(name).length).toBeGreaterThan(0)
    for (const asset of named(name)) expect(page).not.toContain(asset)
  }
  expect(named('judge').reduce((sum, asset) => sum + weight(`assets/${asset}`), 0)).toBeLessThanOrEqual(30)
  // Principal components need none of UMAP's code.
  expect(named('projectWorker').reduce((sum, asset) => sum + weight(`assets/${asset}`), 0)).toBeLessThanOrEqual(5)
})

test('Build is loaded when it is looked at, and is at most 90 kB; what reads files is loaded with the first file', () => {
  const page = readFileSync(join(site, 'index.html'), 'utf8')
  const own = assets.filter(name => /^build-/.test(name))
  expect(own.map(name => name.replace(/.*\./, '')).sort()).toEqual(['css', 'js'])
  for (const name of own) expect(page).not.toContain(name)
  expect(own.reduce((sum, name) => sum + weight(`assets/${name}`), 0)).toBeLessThanOrEqual(90)
  expect(assets.filter(name => /^networkWorker-/.test(name))).toHaveLength(1)
})

test('the digits to begin with are half a megabyte', () => {
  const bytes = ['0', 'test', 'manifest.json'].map(name => readFileSync(join(site, 'data/mnist', name)).length)
  expect(bytes.reduce((a, b) => a + b) / 1e6).toBeLessThanOrEqual(0.5)
})
