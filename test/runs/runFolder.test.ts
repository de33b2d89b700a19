/** Run folders on a real disk: what is kept, what is refused, and what is left after damage and sudden death. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { beat } from '../../src/runs/heartbeat.node.ts'
import { LockWatch } from '../../src/runs/lockWatch.node.ts'
import { RunFolder } from '../../src/runs/runFolder.node.ts'
import { RunLock } from '../../src/runs/runLock.node.ts'
import type { Checkpoint } from '../../src/train/checkpoint.ts'
import type { StepEvent } from '../../src/train/events.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fovea-run-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const recipe = { model: 'lenet5', epochs: 3 }

const checkpointOf = (step: number): Checkpoint => ({
  tensors: new Map([['model.weight', { shape: [3], values: Float32Array.of(step, 0.5, -1) }]]),
  progress: { epoch: 1, batch: step, step },
  recipe,
})

const stepEvent = (step: number, loss = 1): StepEvent => ({
  type: 'step',
  step,
  epoch: 1,
  loss,
  accuracy: 0.5,
  learningRate: 0.1,
  imagesPerSecond: 1000,
})

const weightOf = (checkpoint: Checkpoint | undefined) => checkpoint?.tensors.get('model.weight')?.values[0]
const filesOf = (folder: RunFolder) => readdirSync(join(folder.path, 'checkpoints')).sort()
const tensorsFile = (folder: RunFolder, step: number) =>
  join(folder.path, 'checkpoints', `step-${String(step).padStart(6, '0')}.safetensors`)

/** A closed run with checkpoints after steps 2, 4, … and events of every step. */
async function trained(steps: number, keep = 2): Promise<RunFolder> {
  const folder = await RunFolder.create(root, 'run', recipe, { keep })
  for (let step = 1; step <= steps; step++) {
    folder.log(stepEvent(step))
    if (step % 2 === 0) await folder.save(checkpointOf(step))
  }
  await folder.close()
  return RunFolder.open(folder.path)
}

/** Damages one byte in the middle of a file. */
function corrupt(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length - 3]! ^= 1
  writeFileSync(path, bytes)
}

describe('create', () => {
  it('takes the first free name', async () => {
    const names = []
    for (let i = 0; i < 3; i++) {
      const folder = await RunFolder.create(join(root, 'runs'), 'lenet5', recipe)
      names.push(folder.path)
      await folder.close()
    }
    expect(names).toEqual(['lenet5', 'lenet5-2', 'lenet5-3'].map(name => join(root, 'runs', name)))
    expect(JSON.parse(readFileSync(join(names[0]!, 'recipe.json'), 'utf8'))).toEqual(recipe)
  })

  it('gives every one of many at once its own folder', async () => {
    const folders = await Promise.all(Array.from({ length: 12 }, () => RunFolder.create(root, 'many', recipe)))
    expect(new Set(folders.map(folder => folder.path)).size).toBe(12)
    await Promise.all(folders.map(folder => folder.close()))
  })

  it.each(['', '..', '.hidden', 'a/b', 'a\\b', '-x'])('refuses the name %j', async name => {
    await expect(RunFolder.create(root, name, recipe)).rejects.toThrow(/run name .* expected letters/)
  })

  it('refuses a root that is a file', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(RunFolder.create(join(root, 'file'), 'run', recipe)).rejects.toThrow(
      /file: cannot be written: a file has that name/,
    )
  })

  it('refuses to keep no checkpoint', async () => {
    await expect(RunFolder.create(root, 'run', recipe, { keep: 0 })).rejects.toThrow(/keep \(=0\)/)
    expect(readdirSync(root)).toEqual([])
  })
})

describe('open', () => {
  it('gives the recipe and reads the latest checkpoint', async () => {
    const folder = await trained(6)
    expect(folder.recipe).toEqual(recipe)
    const checkpoint = await folder.load()
    expect(checkpoint).toEqual(checkpointOf(6))
  })

  it.each<[string, () => string, RegExp]>([
    ['no folder', () => join(root, 'none'), /none: no such folder/],
    [
      'a file',
      () => {
        writeFileSync(join(root, 'file'), '')
        return join(root, 'file')
      },
      /file: is a file, expected a run folder/,
    ],
    ['any folder', () => root, /is not a run folder: recipe\.json is missing/],
    [
      'a broken recipe',
      () => {
        writeFileSync(join(root, 'recipe.json'), '{"model":')
        return root
      },
      /recipe\.json: is not JSON/,
    ],
  ])('refuses %s', async (_what, make, message) => {
    await expect(RunFolder.open(make())).rejects.toThrow(message)
  })

  it('does not write', async () => {
    const folder = await trained(2)
    expect(() => folder.log(stepEvent(3))).toThrow(/open for reading only/)
    await expect(folder.save(checkpointOf(4))).rejects.toThrow(/open for reading only/)
  })

  it('of a run without checkpoints says so', async () => {
    const folder = await trained(1)
    await expect(folder.load()).rejects.toThrow(/run: has no latest checkpoint/)
    await expect(folder.load('best')).rejects.toThrow(/run: has no best checkpoint/)
  })
})

describe('save', () => {
  it('keeps the newest two and the best', async () => {
    const folder = await RunFolder.create(root, 'run', recipe)
    for (const step of [2, 4, 6, 8, 10]) await folder.save(checkpointOf(step), { best: step === 4 })
    expect(filesOf(folder)).toEqual(
      [4, 8, 10].flatMap(step => ['json', 'safetensors'].map(end => `step-${String(step).padStart(6, '0')}.${end}`)),
    )
    expect(weightOf(await folder.load())).toBe(10)
    expect(weightOf(await folder.load('best'))).toBe(4)
    expect(readFileSync(join(folder.path, 'latest'), 'utf8')).toBe('checkpoints/step-000010.safetensors\n')
    await folder.close()
  })

  it('copies the values before it returns', async () => {
    const folder = await RunFolder.create(root, 'run', recipe)
    const checkpoint = checkpointOf(1)
    const saving = folder.save(checkpoint)
    checkpoint.tensors.get('model.weight')!.values.fill(99)
    const event = await saving
    expect(event).toEqual({ type: 'checkpoint', step: 1, epoch: 1, file: 'checkpoints/step-000001.safetensors' })
    expect(weightOf(await folder.load())).toBe(1)
    await folder.close()
  })

  it('gives equal files for equal states', async () => {
    const folders = [await RunFolder.create(root, 'a', recipe), await RunFolder.create(root, 'b', recipe)]
    for (const folder of folders) {
      await folder.save(checkpointOf(7))
      await folder.close()
    }
    for (const name of filesOf(folders[0]!)) {
      const [a, b] = folders.map(folder => readFileSync(join(folder.path, 'checkpoints', name)))
      expect(a, name).toEqual(b)
    }
  })

  it('leaves no temporary files', async () => {
    const folder = await trained(6)
    expect(readdirSync(folder.path).sort()).toEqual(['checkpoints', 'events.jsonl', 'latest', 'recipe.json'])
    expect(filesOf(folder).length).toBe(4)
  })
})

describe('the event log', () => {
  it('has the events in order, each with its time, NaN included', async () => {
    const folder = await RunFolder.create(root, 'run', recipe)
    folder.log(stepEvent(1, Number.NaN))
    await folder.save(checkpointOf(1))
    folder.log(stepEvent(2, Number.POSITIVE_INFINITY))
    const events = await folder.events()
    expect(events.map(event => event.type)).toEqual(['step', 'checkpoint', 'step'])
    expect(events.map(event => (event.type === 'step' ? event.loss : 0))).toEqual([
      Number.NaN,
      0,
      Number.POSITIVE_INFINITY,
    ])
    for (const { time } of events) expect(Math.abs(Date.now() - Date.parse(time))).toBeLessThan(60_000)
    await folder.close()
  })

  it('read while it is written leaves an unfinished line out, and names a broken one', async () => {
    const folder = await trained(2)
    const log = join(folder.path, 'events.jsonl')
    appendFileSync(log, '{"type":"step","st')
    expect((await folder.events()).length).toBe(3)
    appendFileSync(log, '\n')
    await expect(folder.events()).rejects.toThrow(/events\.jsonl: line 4 is not an event/)
  })
})

describe('resume', () => {
  const story = async (folder: RunFolder) => (await folder.events()).map(({ type, step }) => `${type} ${step}`)

  it('goes back to the latest checkpoint and cuts the log to it, so that every step is there once', async () => {
    const folder = await trained(5)
    appendFileSync(join(folder.path, 'events.jsonl'), '{"time":"2026-01-01T00:00:00.000Z","ty')
    const { checkpoint, file, warnings } = await folder.resume()
    expect(checkpoint).toEqual(checkpointOf(4))
    expect(file).toBe(tensorsFile(folder, 4))
    expect(warnings).toEqual([])
    folder.log(stepEvent(5))
    expect(await story(folder)).toEqual([
      'step 1',
      'step 2',
      'checkpoint 2',
      'step 3',
      'step 4',
      'checkpoint 4',
      'step 5',
    ])
    await folder.close()
  })

  it('cuts what follows the checkpoint in the log, even of the same step', async () => {
    const created = await RunFolder.create(root, 'run', recipe)
    created.log(stepEvent(1))
    await created.save(checkpointOf(1))
    created.log({ type: 'validation', epoch: 1, step: 1, loss: 1, accuracy: 0, samples: 1 })
    created.log({ type: 'done', step: 1, seconds: 1 })
    await created.close()
    const folder = await RunFolder.open(created.path)
    await folder.resume()
    expect(await story(folder)).toEqual(['step 1', 'checkpoint 1'])
    await folder.close()
  })

  it('keeps the events of the checkpoint that was not logged any more', async () => {
    const folder = await trained(5)
    const log = join(folder.path, 'events.jsonl')
    writeFileSync(log, readFileSync(log, 'utf8').replace(/.*"checkpoint","step":4.*\n/, ''))
    await folder.resume()
    expect(await story(folder)).toEqual(['step 1', 'step 2', 'checkpoint 2', 'step 3', 'step 4'])
    await folder.close()
  })

  it('drops broken lines of the log with a warning', async () => {
    const folder = await trained(4)
    const log = join(folder.path, 'events.jsonl')
    const lines = readFileSync(log, 'utf8').split('\n')
    lines[1] = '\0\0\0'
    writeFileSync(log, lines.join('\n'))
    const { warnings } = await folder.resume()
    expect(warnings).toEqual([`${log}: line 2 was not an event and is dropped`])
    expect((await folder.events()).length).toBe(5)
    await folder.close()
  })

  it.each<[string, (file: string) => void, RegExp]>([
    [
      'truncated tensors',
      file => truncateSync(file, 50),
      /step-000006\.safetensors: truncated: 50 bytes, expected \d+/,
    ],
    ['empty tensors', file => truncateSync(file, 0), /truncated: 0 bytes/],
    [
      'changed tensors',
      corrupt,
      /step-000006\.safetensors: corrupt: its SHA-256 is [0-9a-f]{64}, .*step-000006\.json says/,
    ],
    ['missing tensors', file => rmSync(file), /step-000006\.safetensors: no such file/],
    ['a missing description', file => rmSync(file.replace('safetensors', 'json')), /step-000006\.json: no such file/],
    [
      'a truncated description',
      file => truncateSync(file.replace('safetensors', 'json'), 40),
      /step-000006\.json: truncated or corrupt/,
    ],
    [
      'a description of a newer version',
      file => {
        const path = file.replace('safetensors', 'json')
        writeFileSync(path, readFileSync(path, 'utf8').replace('"version": 1', '"version": 2'))
      },
      /format version 2, this program reads 1/,
    ],
    [
      'a description without progress',
      file => {
        const path = file.replace('safetensors', 'json')
        writeFileSync(path, readFileSync(path, 'utf8').replace('"batch": 6', '"batch": -6'))
      },
      /progress\.batch \(=-6\) must be a whole number/,
    ],
  ])(
    'falls back to the checkpoint before one with %s; load only says what is wrong',
    async (_what, damage, message) => {
      const folder = await trained(6)
      damage(tensorsFile(folder, 6))
      await expect(folder.load()).rejects.toThrow(message)

      const { checkpoint, warnings } = await folder.resume()
      expect(checkpoint).toEqual(checkpointOf(4))
      expect(warnings.length).toBe(1)
      expect(warnings[0]).toMatch(message)
      expect((await folder.events()).at(-1)).toMatchObject({ type: 'checkpoint', step: 4 })

      // The next checkpoint replaces the broken later one as well.
      await folder.save(checkpointOf(5))
      expect(weightOf(await folder.load())).toBe(5)
      expect(existsSync(tensorsFile(folder, 6))).toBe(false)
      expect(existsSync(tensorsFile(folder, 4))).toBe(true)
      await folder.close()
    },
  )

  it('refuses when all checkpoints are broken, and says of each what is wrong', async () => {
    const folder = await trained(6)
    corrupt(tensorsFile(folder, 4))
    truncateSync(tensorsFile(folder, 6), 9)
    await expect(folder.resume()).rejects.toThrow(
      /no usable checkpoint: .*000006\.safetensors: truncated.*000004\.safetensors: corrupt/,
    )
    expect(existsSync(join(folder.path, 'lock'))).toBe(false)
  })

  it('starts a run anew that ended before its first checkpoint', async () => {
    const folder = await trained(1)
    const { checkpoint, warnings } = await folder.resume()
    expect(checkpoint).toBeUndefined()
    expect(warnings).toEqual([`${folder.path}: no checkpoint yet, the run starts anew`])
    expect(await folder.events()).toEqual([])
    await folder.close()
  })

  it('survives a crash between any two steps of saving', async () => {
    const folder = await trained(6)
    // After the tensors, before the description and the pointer; with the rest of an interrupted write.
    writeFileSync(tensorsFile(folder, 8), readFileSync(tensorsFile(folder, 6)))
    writeFileSync(join(folder.path, 'checkpoints', '.step-000008.json.0123456789ab.tmp'), '{"for')
    writeFileSync(join(folder.path, '.latest.0123456789ab.tmp'), 'check')
    const { checkpoint } = await folder.resume()
    expect(checkpoint).toEqual(checkpointOf(6))
    expect(readdirSync(folder.path)).not.toContain('.latest.0123456789ab.tmp')
    await folder.save(checkpointOf(7))
    expect(filesOf(folder)).toEqual([
      'step-000006.json',
      'step-000006.safetensors',
      'step-000007.json',
      'step-000007.safetensors',
    ])
    await folder.close()
  })

  it('uses a first checkpoint whose pointer was not written, and a run whose pointer is nonsense', async () => {
    const first = await trained(2)
    rmSync(join(first.path, 'latest'))
    expect((await first.resume()).checkpoint).toEqual(checkpointOf(2))
    await first.close()

    const second = await trained(4)
    writeFileSync(join(second.path, 'latest'), '../../etc/passwd\n')
    const { checkpoint, warnings } = await second.resume()
    expect(checkpoint).toEqual(checkpointOf(4))
    expect(warnings[0]).toMatch(/latest: names no checkpoint/)
    await second.close()
  })

  it('can be done again and again', async () => {
    const folder = await trained(4)
    for (let step = 5; step < 10; step++) {
      const { checkpoint } = await folder.resume()
      expect(checkpoint?.progress.step).toBe(step - 1)
      await folder.save(checkpointOf(step))
      await folder.close()
    }
  })
})

describe('the lock', () => {
  it('lets one process write', async () => {
    const folder = await RunFolder.create(root, 'run', recipe)
    await folder.save(checkpointOf(1))
    const other = await RunFolder.open(folder.path)
    expect(weightOf(await other.load())).toBe(1)
    await expect(other.resume()).rejects.toThrow(new RegExp(`process ${process.pid} is training in this folder`))
    await folder.close()
    await other.resume()
    await other.close()
  })

  it('is waited for as long as one has patience', async () => {
    const path = join(root, 'lock')
    const first = await RunLock.acquire(path)
    await expect(RunLock.acquire(path, { patience: 50 })).rejects.toThrow(/is training in this folder/)
    const second = RunLock.acquire(path, { patience: 60_000 })
    await first.verify()
    await first.release()
    await (await second).verify()
    await (await second).release()
    expect(readdirSync(root)).toEqual([])
  })

  it.each([
    ['of a process that is gone', { pid: 2 ** 22 + 1, host: hostname() }],
    ['of an earlier process of the same number', { pid: process.pid, host: hostname(), started: '1' }],
  ])('%s is taken over', async (_whose, contents) => {
    if ('started' in contents && !existsSync('/proc/self/stat')) return
    const path = join(root, 'lock')
    writeFileSync(path, JSON.stringify(contents))
    const lock = await RunLock.acquire(path)
    await lock.verify()
    await lock.release()
    expect(readdirSync(root)).toEqual([])
  })

  it('that a crash cut is taken over', async () => {
    for (const contents of ['', '{"pid":', '[]', '{"pid":-1}']) {
      const path = join(root, 'lock')
      writeFileSync(path, contents)
      await (await RunLock.acquire(path)).release()
    }
  })

  it('of another machine is respected, and says what to do', async () => {
    const path = join(root, 'lock')
    writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, host: 'elsewhere' }))
    await expect(RunLock.acquire(path)).rejects.toThrow(/process 4194305 on elsewhere is training.*delete .*lock/)
  })

  it('of another machine that has stood still for its time is taken over, by one of many', async () => {
    const path = join(root, 'lock')
    writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere', timeout: 1 }))
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => RunLock.acquire(path)))
    const taken = results.filter(result => result.status === 'fulfilled')
    expect(taken).toHaveLength(1)
    await taken[0]!.value.verify()
    await taken[0]!.value.release()
    expect(readdirSync(root)).toEqual([])
  })

  it('of another machine is held while it moves, and unknown until it has moved or stood still', async () => {
    const path = join(root, 'lock')
    const contents = JSON.stringify({ pid: 1, host: 'elsewhere', timeout: 3600 })
    writeFileSync(path, contents)
    const watch = new LockWatch(path)
    expect(await watch.look()).toMatchObject({ state: 'held', isSure: false })
    // A watch that will look again takes it for held until it knows better; one that is alone waits to know.
    await expect(RunLock.acquire(path, { watch })).rejects.toThrow(/process 1 on elsewhere is training in this folder$/)
    const waiting = RunLock.acquire(path)
    const told = expect(waiting).rejects.toThrow(/process 1 on elsewhere is training in this folder$/)
    let beats = 0
    const beating = setInterval(() => utimesSync(path, ++beats, beats), 20)
    await told
    clearInterval(beating)
    expect(await watch.look()).toMatchObject({ state: 'held', isSure: true })
    // Another holder is another lock.
    writeFileSync(path, JSON.stringify({ pid: 2, host: 'elsewhere', timeout: 3600 }))
    expect(await watch.look()).toMatchObject({ state: 'held', isSure: false })
  })

  it('moves while it is held, and only then', async () => {
    const path = join(root, 'lock')
    const contents = JSON.stringify({ token: 'mine' })
    writeFileSync(path, contents)
    utimesSync(path, 1, 1)
    const end = beat(path, contents, 10)
    await expect.poll(() => statSync(path).mtimeMs).toBeGreaterThan(1000)
    // A lock of another process in its place is not touched: what is beside it moves, in later beats of the same thread.
    writeFileSync(path, JSON.stringify({ token: 'theirs' }))
    utimesSync(path, 1, 1)
    const beside = join(root, 'beside')
    writeFileSync(beside, contents)
    utimesSync(beside, 1, 1)
    const endBeside = beat(beside, contents, 10)
    await expect.poll(() => statSync(beside).mtimeMs).toBeGreaterThan(1000)
    expect(statSync(path).mtimeMs).toBe(1000)
    end()
    endBeside()
  })

  it.each(['0', '-1', 'soon', '1e9'])('does not stand still for FOVEA_LOCK_TIMEOUT=%s', async seconds => {
    vi.stubEnv('FOVEA_LOCK_TIMEOUT', seconds)
    await expect(RunLock.acquire(join(root, 'lock'))).rejects.toThrow(
      `FOVEA_LOCK_TIMEOUT (=${seconds}) must be a number of seconds from 1 to 86400`,
    )
    vi.unstubAllEnvs()
  })

  it('of a dead process goes to one of many that want it', async () => {
    const path = join(root, 'lock')
    for (let round = 0; round < 60; round++) {
      writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }))
      const results = await Promise.allSettled(Array.from({ length: 12 }, () => RunLock.acquire(path)))
      const locks = results.filter(result => result.status === 'fulfilled').map(result => result.value)
      expect(locks.length, `round ${round}`).toBe(1)
      await locks[0]!.verify()
      await locks[0]!.release()
    }
    expect(readdirSync(root)).toEqual([])
  })

  it('that was lost stops the writer', async () => {
    const folder = await RunFolder.create(root, 'run', recipe)
    await folder.save(checkpointOf(1))
    rmSync(join(folder.path, 'lock'))
    await expect(folder.save(checkpointOf(2))).rejects.toThrow(/lock: was removed or taken over/)
    expect(weightOf(await folder.load())).toBe(1)
    await folder.close()
  })
})

describe('kill −9', () => {
  const start = (): ChildProcess =>
    spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'trainUntilKilled.ts'), root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })

  it('at any moment leaves a run that goes on from its last checkpoint', async () => {
    const path = join(root, 'run')
    let before = 0
    for (let round = 0; round < 10; round++) {
      const child = start()
      let printed = 0
      child.stdout!.on('data', (text: Buffer) => {
        // Kill a little after some checkpoint: at another place of its loop every time.
        const first = printed === 0
        printed = Number(text.toString().trim().split('\n').at(-1))
        if (first) setTimeout(() => child.kill('SIGKILL'), 3 + 7 * round)
      })
      const [, signal] = (await once(child, 'close')) as [number, string | null]
      expect(signal).toBe('SIGKILL')

      const folder = await RunFolder.open(path)
      const { checkpoint, warnings } = await folder.resume()
      expect(warnings).toEqual([])
      const step = checkpoint!.progress.step
      expect(step).toBeGreaterThanOrEqual(printed)
      expect(step).toBeGreaterThan(before)
      expect(new Set(checkpoint!.tensors.get('model.weight')!.values)).toEqual(new Set([step]))
      const steps = (await folder.events()).filter(event => event.type === 'step').map(event => event.step)
      expect(steps).toEqual(Array.from({ length: step }, (_, i) => i + 1))
      await folder.close()
      before = step
    }
  }, 300_000)
})
