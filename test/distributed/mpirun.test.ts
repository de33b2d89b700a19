/**
 * Real processes, started by the mpirun of Open MPI and of MPICH where they are installed: one hash of the weights for any
 * number of them, and the ways in which one of them can fail.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCheckpoint } from '../../src/runs/checkpointFile.node.ts'
import {
  checkpointOf,
  eventsOf,
  type Finished,
  fovea,
  sha256,
  temporaryFolder,
  writeSmallMnist,
} from '../support/fovea.ts'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** What rank 1 does to itself in step 5, the second of the second epoch. */
type Fault = 'none' | 'recipe' | 'throw' | 'SIGKILL' | 'SIGSTOP' | 'SIGTERM'

const recipe = `
const rank = Number(process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK ?? 0)
const fault = process.env.FAULT
export default {
  model: 'lenet5',
  data: { name: 'mnist', directory: 'digits', validation: 20 },
  optimizer: { name: 'sgd', lr: rank === 1 && fault === 'recipe' ? 0.1 : 0.05, momentum: 0.9 },
  epochs: 2,
  batchSize: 32,
  test: false,
  schedule: step => {
    if (rank === 1 && step === 5) {
      if (fault === 'throw') throw new Error('rank 1 broke')
      if (fault.startsWith('SIG')) process.kill(process.pid, fault)
    }
    return 1
  },
}
`

let folder: ReturnType<typeof temporaryFolder>
beforeAll(async () => {
  folder = temporaryFolder()
  spawnSync('mkdir', [join(folder.path, 'digits')])
  await writeSmallMnist(join(folder.path, 'digits'), { train: 148, test: 100 })
  writeFileSync(join(folder.path, 'recipe.mjs'), recipe)
})
afterAll(() => folder.remove())

const isThere = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const libraries = [
  // Tests may run as root, and have fewer cores than processes.
  {
    name: 'Open MPI',
    command: 'mpirun.openmpi',
    options: ['--oversubscribe', '--allow-run-as-root'],
    ranks: [1, 2, 4],
  },
  { name: 'MPICH', command: 'mpirun.mpich', options: [], ranks: [2, 8] },
]

/** Trains with some processes, of which rank 1 may fail. */
function mpirun(
  { command, options }: (typeof libraries)[number],
  ranks: number,
  args: readonly string[],
  fault: Fault = 'none',
): Promise<Finished> {
  const words = [
    ...options,
    '-n',
    String(ranks),
    process.execPath,
    main,
    'train',
    ...args,
    '--quiet',
    '--native',
    'off',
  ]
  const child = spawn(command, words, {
    cwd: folder.path,
    env: {
      PATH: process.env.PATH,
      FOVEA_THREADS: '1',
      FAULT: fault,
      FOVEA_MPI_TIMEOUT: fault === 'SIGSTOP' ? '10' : '100',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', text => {
      said[stream] += text
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...said }))
  })
}

const run = (name: string): string => join(folder.path, 'runs', name)
const hashOf = (name: string): string => sha256(checkpointOf(run(name)))
/** Waits until no process trains a run. A launcher may end a moment before those that it has killed. */
const allAreGone = (name: string): Promise<void> =>
  expect
    .poll(() =>
      spawnSync('ps', ['-eo', 'args'])
        .stdout.toString()
        .split('\n')
        .filter(line => line.includes(main) && line.includes(name)),
    )
    .toEqual([])

/** The weights of one process without MPI. */
let alone: string
beforeAll(async () => {
  const args = ['train', 'recipe.mjs', '--set', 'parts=8', '--name', 'alone', '--quiet', '--native', 'off']
  const { code, stderr } = await fovea(folder.path, args, { FAULT: 'none' })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  alone = hashOf('alone')
})

for (const library of libraries) {
  const why = isThere(library.command) ? '' : `, skipped: ${library.command} is not installed`
  describe.skipIf(why !== '')(`${library.name}${why}`, () => {
    const tag = library.name.replace(' ', '')

    it.each(library.ranks)('gives the weights of one process with %d, in one run folder', async ranks => {
      const name = `${tag}-${ranks}`
      const { code, stderr } = await mpirun(library, ranks, ['recipe.mjs', '--name', name])
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(hashOf(name)).toBe(alone)
      const result = JSON.parse(readFileSync(join(run(name), 'result.json'), 'utf8'))
      expect(result.ranks).toMatchObject({ count: ranks, parts: 8, exchange: 'tree' })
      expect(result.ranks.hosts).toHaveLength(ranks)
      if (ranks > 1) {
        expect(result.ranks.by).toContain(library.name)
        expect(result.ranks.exchangeShare).toBeGreaterThan(0)
        expect(result.ranks.exchangeShare).toBeLessThan(1)
      }
      const steps = eventsOf(run(name)).filter(({ type }) => type === 'step')
      expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    })

    it('saves and stops all processes when one gets SIGTERM, and resumes on another number of them', async () => {
      const name = `${tag}-stopped`
      const stopped = await mpirun(library, 2, ['recipe.mjs', '--name', name], 'SIGTERM')
      expect(stopped.code).toBe(143)
      expect(stopped.stdout).toContain('resume with: fovea train --resume')
      // The signal is heard at the latest after the step that was under way.
      const saved = (await readCheckpoint(checkpointOf(run(name)))).progress.step
      expect(saved).toBeGreaterThanOrEqual(6)
      expect(saved).toBeLessThanOrEqual(7)
      const resumed = await mpirun(library, 4, ['--resume', join('runs', name)])
      expect(resumed.stderr).toBe('')
      expect(resumed.code).toBe(0)
      expect(hashOf(name)).toBe(alone)
    })

    it('ends when a process is killed: nobody is left, and the last checkpoint is whole', async () => {
      const name = `${tag}-killed`
      const { code } = await mpirun(library, 2, ['recipe.mjs', '--name', name], 'SIGKILL')
      expect(code).not.toBe(0)
      await allAreGone(name)
      expect((await readCheckpoint(checkpointOf(run(name)))).progress.step).toBe(4)
    })

    it('ends when a process hangs, with its rank and host', async () => {
      const name = `${tag}-hanging`
      const { code, stderr } = await mpirun(library, 2, ['recipe.mjs', '--name', name], 'SIGSTOP')
      expect(code).not.toBe(0)
      expect(stderr).toMatch(/^fovea: rank 0 on \S+: no answer for 10 s from rank 1 on \S+: it hangs, or/m)
      await allAreGone(name)
      expect((await readCheckpoint(checkpointOf(run(name)))).progress.step).toBe(4)
    })

    it('ends when a process fails, with its rank and its error', async () => {
      const { code, stderr } = await mpirun(library, 2, ['recipe.mjs', '--name', `${tag}-broken`], 'throw')
      expect(code).not.toBe(0)
      expect(stderr).toMatch(/^fovea: rank 1 on \S+: recipe\.mjs:\d+:\d+: rank 1 broke/m)
      await allAreGone(`${tag}-broken`)
    })

    it('refuses processes with different recipes before the first step, once', async () => {
      const { code, stderr } = await mpirun(library, 3, ['recipe.mjs', '--name', `${tag}-other`], 'recipe')
      expect(code).toBe(1)
      const told =
        /^fovea: processes that train together must agree: the recipe's optimizer\.lr is 0\.1 for rank 1 on \S+, and 0\.05 for rank 0 on \S+$/gm
      expect(stderr.match(told)).toHaveLength(1)
    })
  })
}
