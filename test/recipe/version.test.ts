/** The version that recipes and reports name is the package's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { version } from '../../src/recipe/version.ts'

test('is that of package.json', () => {
  const manifest = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  expect(version).toBe((JSON.parse(manifest) as { readonly version: string }).version)
})
