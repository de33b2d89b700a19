/** `fovea train --lab` where the Lab is not built: it says so, and leaves no run behind. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { temporaryFolder } from '../support/fovea.ts'

const root = join(import.meta.dirname, '../..')
const folder = temporaryFolder()
afterAll(folder.remove)

it('a run that could not be shown does not begin', () => {
  const { path } = folder
  // The package without its page.
  cpSync(join(root, 'dist'), join(path, 'dist'), { recursive: true, filter: name => name !== join(root, 'dist/lab') })
  cpSync(join(root, 'package.json'), join(path, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'))
  const args = ['train', 'lenet5', '--limit', '64', '--epochs', '1', '--lab', '--out', join(path, 'runs')]
  const { status, stderr } = spawnSync(process.execPath, [join(path, 'dist/cli/main.js'), ...args], {
    cwd: path,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, FOVEA_NATIVE: 'off' },
  })
  expect(stderr).toContain('the Lab is not built; in a clone of the repository: npm run build')
  expect(status).toBe(1)
  expect(existsSync(join(path, 'runs'))).toBe(false)
})
