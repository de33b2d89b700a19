/** Disks that are full and folders that cannot be written: what is named, and what is kept. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkpointOf, fovea, sha256, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const recipe = ['--data-dir', 'data', '--validation', '64', '--epochs', '4', '--no-test', '--seed', '3', '--quiet']
beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 1024, test: 100 })
  await succeed(cwd, ['train', ...recipe, '--name', 'whole'])
}, 300_000)
afterAll(folder.remove)

const filesOf = (path: string) => readdirSync(path, { recursive: true }).map(String).sort()
const temporaries = (path: string) => filesOf(path).filter(name => name.includes('.tmp'))

/** `ulimit -f` is a limit on the size of each file that a process writes, in blocks of 512 or 1,024 bytes. */
const hasUlimit = process.platform !== 'win32' && spawnSync('sh', ['-c', 'ulimit -f 100']).status === 0
const limited = (blocks: number, args: readonly string[]) =>
  spawnSync('sh', ['-c', `ulimit -f ${blocks}; exec "$0" "$@"`, process.execPath, main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, FOVEA_THREADS: '1', FOVEA_NATIVE: 'off' },
    encoding: 'utf8',
  })

describe.runIf(hasUlimit)('files that may not be as large as they must be', () => {
  // A checkpoint of LeNet-5 with its momentum is 495 kB, the log of an epoch 3 kB.
  it('a checkpoint: it is named, nothing is half written, and the run goes on from the start', () => {
    const { status, stderr } = limited(200, ['train', ...recipe, '--name', 'small'])
    expect(stderr).toBe(
      'fovea: runs/small/checkpoints/step-000015.safetensors: cannot be written: the file would be larger than is allowed here; ' +
        'no checkpoint was saved yet; continue with: fovea train --resume runs/small\n',
    )
    expect(status).toBe(1)
    expect(temporaries(join(cwd, 'runs/small'))).toEqual([])
    expect(existsSync(join(cwd, 'runs/small/lock'))).toBe(false)
  }, 300_000)

  it('and goes on, when there is room, to the same bits', async () => {
    await succeed(cwd, ['train', '--resume', 'runs/small', '--quiet'])
    expect(sha256(checkpointOf(join(cwd, 'runs/small')))).toBe(sha256(checkpointOf(join(cwd, 'runs/whole'))))
  }, 300_000)

  it('a result that is not written leaves the one that was there', async () => {
    const svg = join(cwd, 'net.svg')
    await succeed(cwd, ['summary', 'lenet5', '--svg', 'net.svg'])
    const before = readFileSync(svg, 'utf8')
    const { status, stderr } = limited(1, ['summary', 'resnet18', '--svg', 'net.svg'])
    expect(stderr).toBe('fovea: net.svg: cannot be written: the file would be larger than is allowed here\n')
    expect(status).toBe(1)
    expect(readFileSync(svg, 'utf8')).toBe(before)
    expect(temporaries(cwd)).toEqual([])
  }, 300_000)
})

/** A small file system of its own, where this process may mount one. */
function mounted(): string | undefined {
  const path = join(cwd, 'disk')
  mkdirSync(path)
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1200k', 'none', path])
  return status === 0 ? path : undefined
}

describe('a small disk', () => {
  const disk = process.platform === 'linux' ? mounted() : undefined
  afterAll(() => {
    if (disk) execFileSync('umount', [disk])
  })

  it.runIf(disk)(
    'that is full: the last checkpoint stays, is named, and is gone on from',
    async () => {
      // Room for two checkpoints, and not for a third beside them.
      const { code, stderr } = await fovea(cwd, ['train', ...recipe, '--out', 'disk', '--name', 'run'])
      expect(stderr).toBe(
        'fovea: disk/run/checkpoints/step-000045.safetensors: cannot be written: no space is left on the disk; ' +
          'the last checkpoint is disk/run/checkpoints/step-000030.safetensors; continue with: fovea train --resume disk/run\n',
      )
      expect(code).toBe(1)
      expect(temporaries(disk!)).toEqual([])
      cpSync(join(disk!, 'run'), join(cwd, 'runs/moved'), { recursive: true })
      await succeed(cwd, ['train', '--resume', 'runs/moved', '--quiet'])
      expect(sha256(checkpointOf(join(cwd, 'runs/moved')))).toBe(sha256(checkpointOf(join(cwd, 'runs/whole'))))
      rmSync(join(disk!, 'run'), { recursive: true })
    },
    60_000,
  )

  it.runIf(disk)(
    'that is read-only: a new run is refused before it trains, and a run on it is still read',
    async () => {
      cpSync(join(cwd, 'runs/whole/recipe.json'), join(disk!, 'old/recipe.json'), { recursive: true })
      execFileSync('mount', ['-o', 'remount,ro', disk!])
      const fresh = await fovea(cwd, ['train', ...recipe, '--out', 'disk/runs'])
      expect(fresh).toMatchObject({
        code: 1,
        stderr:
          'fovea: disk/runs: cannot be written: the file system is read-only (--out names another folder for runs)\n',
      })
      const old = await fovea(cwd, ['train', '--resume', 'disk/old', '--quiet'])
      expect(old).toMatchObject({
        code: 1,
        stderr:
          'fovea: disk/old/lock: cannot be written: the file system is read-only; no checkpoint was saved yet; continue with: fovea train --resume disk/old\n',
      })
      await succeed(cwd, ['summary', 'disk/old'])
      // A cache that cannot be written costs the time of a check, nothing else; a download needs one.
      const cache = { FOVEA_CACHE: join(disk!, 'cache') }
      await succeed(cwd, ['predict', 'runs/whole', 'none.png'], cache).catch((error: Error) =>
        expect(error.message).not.toContain('cache'),
      )
      const download = await fovea(cwd, ['train', '--data', 'fashion-mnist', '--quiet'], cache)
      expect(download.stderr).toMatch(
        /^fovea: \S+disk\/cache\/fashion-mnist: cannot be written: the file system is read-only \(FOVEA_CACHE may name another folder for downloads\)\n$/,
      )
      expect(download.code).toBe(1)
    },
    60_000,
  )
})
