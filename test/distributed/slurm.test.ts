/** Real jobs, on a Slurm of this machine alone, where one can be started: the scripts of examples/slurm as they are. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  checkpointOf,
  eventsOf,
  type Finished,
  sha256,
  succeed,
  temporaryFolder,
  writeSmallMnist,
} from '../support/fovea.ts'
import { startSlurm } from '../support/slurm.ts'

const slurm = await startSlurm()
const why = typeof slurm === 'string' ? `, skipped: ${slurm}` : ''
const env = typeof slurm === 'string' ? {} : slurm.env
const scripts = fileURLToPath(new URL('../../examples/slurm', import.meta.url))
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const folder = temporaryFolder()
const { path: cwd } = folder
const json = (path: string) => JSON.parse(readFileSync(join(cwd, path), 'utf8'))
const hashOf = (run: string): string => sha256(checkpointOf(join(cwd, run)))

/** Runs a command of Slurm to its end. */
function command(...[name, ...args]: string[]): Promise<Finished> {
  // Making native kernels takes longer than these trainings.
  const child = spawn(name!, args, {
    cwd,
    env: { ...env, FOVEA_NATIVE: 'off', HOME: cwd, npm_config_update_notifier: 'false' },
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

/** Submits a script. @returns the number of its job */
async function submit(...args: string[]): Promise<string> {
  const { stdout, stderr } = await command('sbatch', '--parsable', ...args)
  expect(stderr).toBe('')
  return stdout.trim()
}

/** State of a job, in Slurm's word; empty when it is over and forgotten. */
const stateOf = async (job: string): Promise<string> =>
  (await command('squeue', '--noheader', '--states=all', `--jobs=${job}`, '--format=%T')).stdout.trim()

const whileGoing = /PENDING|RUNNING|COMPLETING|CONFIGURING/

/** Waits for the end of a job. */
async function over(job: string): Promise<string> {
  await expect.poll(() => stateOf(job), { timeout: 120_000, interval: 300 }).not.toMatch(whileGoing)
  return stateOf(job)
}

const data = ['--data-dir', 'data', '--validation', '16', '--batch-size', '16', '--epochs', '2', '--quiet']
const search = (out: string): string[] => [
  ...['lenet5', ...data, '--vary', 'optimizer.lr=log(1e-3, 1e-1)', '--trials', '4', '--out', out],
]

function expectWhole(study: string): void {
  expect(json(`${study}/result.json`)).toEqual(json('plain/result.json'))
  for (const trial of ['t001', 't002', 't003', 't004']) {
    const steps = eventsOf(join(cwd, study, 'trials', trial)).filter(({ type }) => type === 'step')
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(hashOf(`${study}/trials/${trial}`)).toBe(hashOf(`plain/trials/${trial}`))
  }
}

describe.skipIf(why !== '')(`Slurm${why}`, () => {
  beforeAll(async () => {
    mkdirSync(join(cwd, 'data'))
    await writeSmallMnist(join(cwd, 'data'), { train: 80, test: 100 })
    mkdirSync(join(cwd, 'node_modules/.bin'), { recursive: true })
    symlinkSync(main, join(cwd, 'node_modules/.bin/fovea'))
    writeFileSync(join(cwd, 'package.json'), '{}')
    await succeed(cwd, ['search', ...search('plain')])
  })

  const mpi = spawnSync('srun', ['--mpi=list'], { env, encoding: 'utf8' })
  const hasMpi = /pmix/.test(`${mpi.stdout}${mpi.stderr}`) && spawnSync('which', ['mpirun.openmpi']).status === 0

  it.skipIf(!hasMpi)('srun connects processes that train together (Open MPI, pmix)', async () => {
    const parts = ['train', 'lenet5', ...data, '--no-test']
    await succeed(cwd, [...parts, '--set', 'parts=8', '--name', 'alone'])
    const srun = ['srun', '-n2', '--mpi=pmix', '--kill-on-bad-exit=1', 'npx', 'fovea']
    const { code, stderr } = await command(...srun, ...parts, '--name', 'group', '--threads', '1')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(json('runs/group/result.json').ranks).toMatchObject({ count: 2 })
    expect(hashOf('runs/group')).toBe(hashOf('runs/alone'))
  })

  it('srun without MPI says how to connect them', async () => {
    const { code, stderr } = await command('srun', '-n2', '--mpi=none', 'npx', 'fovea', 'train', 'lenet5', ...data)
    expect(stderr).toContain('srun started 2 tasks that are not connected: add --mpi=pmix for Open MPI')
    expect(code).not.toBe(0)
  })

  it('sweep.sh: every trial is a step of the job', async () => {
    const job = await submit('--output=sweep.txt', join(scripts, 'sweep.sh'), ...search('sweep'))
    expect(await over(job)).toBe('COMPLETED')
    expect(readFileSync(join(cwd, 'sweep.txt'), 'utf8')).toContain('best of 4')
    expectWhole('sweep')
  })

  it('array.sh: a task that is killed loses no trial', async () => {
    const job = await submit('--array=1-2', '--output=array-%a.txt', join(scripts, 'array.sh'), ...search('array'))
    await expect.poll(() => existsSync(join(cwd, 'array/trials/t001.claim')), { interval: 50 }).toBe(true)
    await command('scancel', '--full', '--signal=KILL', `${job}_1`)
    await over(job)
    expect(await stateOf(`${job}_2`)).toBe('COMPLETED')
    expectWhole('array')
  })

  /** Submits a long training, and does what Slurm does before the time limit. @returns the job, which waits to go on */
  async function requeued(name: string, ...args: string[]): Promise<string> {
    const options = [`--job-name=${name}`, `--output=${name}.txt`]
    const job = await submit(...options, ...args, 'lenet5', ...data, '--epochs', '200', '--no-test')
    const run = join(cwd, 'runs', name)
    await expect.poll(() => existsSync(join(run, 'latest')), { interval: 50 }).toBe(true)
    await command('scancel', '--batch', '--signal=USR1', job)
    await expect.poll(() => stateOf(job)).toBe('PENDING')
    // A second attempt that begins while the node is still completing the first one fails: Slurm itself waits two minutes.
    await expect.poll(async () => (await command('sinfo', '--noheader', '--format=%T')).stdout.trim()).toBe('idle')
    const saved = eventsOf(run).at(-1)!
    expect(saved.type).toBe('checkpoint')
    expect(saved.step).toBeLessThan(800)
    return job
  }

  it('run.sh: is saved before its time is over, requeued, and goes on', async () => {
    const job = await requeued('long', join(scripts, 'run.sh'))
    // Slurm waits two minutes before it starts a job again. In the second in which a node has ended it, it refuses to start it.
    await command('scontrol', 'update', `JobId=${job}`, 'StartTime=now+2')
    expect(await over(job), readFileSync(join(cwd, 'long.txt'), 'utf8')).toBe('COMPLETED')
    const events = eventsOf(join(cwd, 'runs/long'))
    const steps = events.filter(({ type }) => type === 'step')
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 800 }, (_, k) => k + 1))
    expect(events.filter(({ type }) => type === 'start')).toHaveLength(2)
  })

  it.skipIf(!hasMpi)('group.sh: all processes are saved before their time is over', async () => {
    await command('scancel', await requeued('group-long', '--cpus-per-task=1', join(scripts, 'group.sh')))
    expect(readFileSync(join(cwd, 'group-long.txt'), 'utf8')).toContain('stopped after step')
  })
})

afterAll(async () => {
  if (typeof slurm !== 'string') await slurm.stop()
  folder.remove()
})
