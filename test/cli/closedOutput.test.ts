/** Exit codes of real processes: those that `docs/troubleshooting.md` lists, after an output that is closed or full too. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCodes } from '../../src/cli/terminal/errors.ts'
import { checkpointOf, eventsOf, fovea, sha256, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const study = ['--data-dir', 'data', '--validation', '64', '--epochs', '8', '--seed', '3']
const recipe = [...study, '--no-test']
beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 1024, test: 100 })
  await succeed(cwd, ['train', ...recipe, '--name', 'whole', '--quiet'])
}, 300_000)
afterAll(folder.remove)

/** Runs `fovea`, whose standard output is closed after its first piece, as `head -1` does; or goes to a file. */
function withOutput(args: readonly string[], output?: number): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, FOVEA_THREADS: '1', FOVEA_NATIVE: 'off' },
    stdio: ['ignore', output ?? 'pipe', 'pipe'],
  })
  child.stdout?.once('data', () => child.stdout?.destroy())
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  return new Promise(resolve => {
    child.on('exit', code => resolve({ code, stderr }))
  })
}

describe('an output that is closed', () => {
  it('stops a training after it is saved, says so on standard error, and resume goes on exactly', async () => {
    const { code, stderr } = await withOutput(['train', ...recipe, '--name', 'piped'])
    expect(code).toBe(exitCodes.SIGPIPE)
    expect(stderr).toMatch(
      /^fovea: the output was closed: stopping\nstopped after step \d+ \(epoch \d of 8\), saved in runs\/piped\/checkpoints\/step-\d{6}\.safetensors\nresume with: fovea train --resume runs\/piped\n$/,
    )
    const run = join(cwd, 'runs/piped')
    expect(checkpointOf(run)).toContain(
      `step-${String(eventsOf(run).findLast(({ type }) => type === 'step')!.step).padStart(6, '0')}`,
    )
    expect(existsSync(join(run, 'result.json'))).toBe(false)
    await succeed(cwd, ['train', '--resume', 'runs/piped', '--quiet'])
    expect(sha256(checkpointOf(run))).toBe(sha256(checkpointOf(join(cwd, 'runs/whole'))))
  }, 300_000)

  it('ends a study after its trials are saved', async () => {
    const args = [
      'search',
      'lenet5',
      ...study,
      '--vary',
      'optimizer.lr=log(1e-3, 1e-1)',
      '--trials',
      '2',
      '--out',
      'study',
    ]
    const { code, stderr } = await withOutput(args)
    expect(code).toBe(exitCodes.SIGPIPE)
    expect(stderr).toBe(
      'fovea: the output was closed: stopping\nstopped; the same command goes on: its study is in study\n',
    )
    await succeed(cwd, [...args, '--quiet'])
  }, 300_000)

  it('ends a command that only prints, without a word', async () => {
    // Enough to fill a pipe, so that some is left to write.
    const { code, stderr } = await withOutput(['summary', 'resnet152', '--batch', '1', '--plan'])
    expect({ code, stderr }).toEqual({ code: exitCodes.SIGPIPE, stderr: '' })
  }, 300_000)
})

it.runIf(existsSync('/dev/full'))(
  'an output that is full stops a training after it is saved',
  async () => {
    const { code, stderr } = await withOutput(['train', ...recipe, '--name', 'full'], openSync('/dev/full', 'w'))
    expect(code).toBe(exitCodes.SIGPIPE)
    expect(stderr).toContain('fovea: the output cannot be written: ENOSPC: no space left on device, write: stopping\n')
    expect(stderr).toContain('resume with: fovea train --resume runs/full\n')
  },
  60_000,
)

describe('exit code 2', () => {
  const run = 'runs/whole'
  it.each([
    [['train', 'nowhere.ts'], 'nowhere.ts: no such file'],
    [['train', '--resume', 'nowhere'], 'nowhere: no such folder'],
    [['train', '--resume', 'data'], 'data: is not a run folder'],
    [['train', '--augment', 'nowhere.json'], 'nowhere.json: no such file'],
    [['train', '--data', 'folder:nowhere'], 'nowhere: no such folder'],
    [['train', '--data-dir', 'nowhere'], 'nowhere: no such folder'],
    [['train', ...recipe, '--set', 'pretrained.weights=nowhere.pth'], 'nowhere.pth: no such file'],
    [['train', ...recipe, '--set', 'data=5'], 'data (=5) must be an object of fields'],
    [['train', ...recipe, '--name', '../x'], 'run name "../x": expected letters'],
    [['train', ...recipe, '--overfit', '1001'], 'expected a whole number from 2 to 1000'],
    [['train', ...recipe, '--overfit', '961'], '--overfit 961: there are only 960 images to train on'],
    [['eval', 'nowhere'], 'nowhere: no such folder'],
    [['eval', run, '--checkpoint', 'nowhere.safetensors'], 'nowhere.safetensors: no such file'],
    [['eval', run, '--data-dir', 'nowhere'], 'nowhere: no such folder'],
    [['predict', 'nowhere', 'x.png'], 'nowhere: no such file or folder'],
    [['predict', run, 'x.png', '--top', '11'], 'has only 10 classes'],
    [['summary', 'lenet6'], "unknown model 'lenet6'"],
    [['summary', 'nowhere.pth'], 'nowhere.pth: no such file or folder'],
    [['summary', 'data'], 'data: is not a run folder'],
    [['summary', 'lenet5', '--input', '28x28'], 'expected channels x height x width, such as 3x224x224'],
    [['import', 'nowhere.pth', '--model', 'lenet5'], 'nowhere.pth: no such file'],
    [['compare', run, 'nowhere'], 'nowhere: no such folder'],
    [['data', 'nowhere'], "unknown data set 'nowhere'"],
    [['data', 'mnist', '--data-dir', 'nowhere'], 'nowhere: no such folder'],
    [['data', 'mnist', '--augment', 'nowhere.ts'], 'nowhere.ts: no such file'],
    [['lr-find', 'nowhere.ts'], 'nowhere.ts: no such file'],
    [['lr-find', '--from', '3', '--to', '1'], 'expected 0 < from < to'],
    [['lr-find', '--out', 'rates.png'], '--out rates.png: the name must end in .svg or .html'],
    [['compare', 'runs', '--out', 'curves'], '--out curves: the name must end in .svg or .html'],
    [['search', '--vary', 'optimizer.lr=5'], "'5': expected log(low, high)"],
    [['search', '--vary', 'foo=log(1,2)'], "unknown field 'foo'"],
    [['kfold', 'nowhere.ts'], 'nowhere.ts: no such file'],
    [['ensemble', ...study, '--out', run], 'is a run folder, expected a study'],
    [['doctor', '--threads', '0'], 'expected a whole number from 1 to 64'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await fovea(cwd, args)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^fovea: [^\n]+\n$/)
    expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: '' })
  })
})

describe('exit code 1', () => {
  it.each([
    [['train', ...recipe, '--overfit', '20', '--lr', '1e-9', '--quiet'], ''],
    [['train', ...recipe, '--lr', '1e30', '--quiet', '--name', 'wild'], 'training diverged'],
    [['predict', run(), 'text.png'], 'text.png: not an image that can be read'],
    [['import', 'text.png', '--model', 'lenet5'], 'text.png: '],
    [['summary', 'lenet5', '--svg', 'none/x.svg'], 'none/x.svg: cannot be written: no such folder'],
    [['compare', run(), '--out', 'none/x.svg'], 'none/x.svg: cannot be written: no such folder'],
    [['data', 'mnist', '--data-dir', 'data', '--out', 'none/x.svg'], 'none/x.svg: cannot be written: no such folder'],
    [
      ['lr-find', '--data-dir', 'data', '--limit', '512', '--steps', '20', '--out', 'none/x.svg'],
      'none/x.svg: cannot be written: no such folder',
    ],
  ])(
    '%j',
    async (args, message) => {
      writeFileSync(join(cwd, 'text.png'), 'no picture')
      const { code, stderr } = await fovea(cwd, args)
      expect(stderr).toContain(message)
      expect(stderr).not.toMatch(/^ +at /m)
      expect(code).toBe(exitCodes.failed)
    },
    60_000,
  )
  function run(): string {
    return 'runs/whole'
  }
})

it('docs/troubleshooting.md lists every exit code', () => {
  const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8')
  for (const [name, code] of Object.entries(exitCodes)) {
    expect(page).toMatch(new RegExp(`^\\| ${code} \\|${name.startsWith('SIG') ? `.*${name}` : ''}`, 'm'))
  }
})
