/** Steered trainings: what is done between which steps, what is noted of it, and that a resumed run repeats it to the bit. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SteerDesk } from '../../src/cli/commands/train/steerDesk.ts'
import { createEngine } from '../../src/index.ts'
import { resolveRecipe } from '../../src/recipe/setup.ts'
import { createTrainer } from '../../src/recipe/trainer.ts'
import { RunFolder } from '../../src/runs/runFolder.node.ts'
import { readSteering, writeSteering } from '../../src/runs/steering.node.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { runSession } from '../../src/train/session.ts'
import { type RateChange, Steering } from '../../src/train/steering.ts'
import { stripes } from '../lab/stripes.ts'

describe('the rate of a step', () => {
  test('is the schedule’s until a change, times its factor or its rate from there on', () => {
    const steering = new Steering([
      { step: 2, factor: 0.5 },
      { step: 4, rate: 0.3 },
      { step: 6, factor: 1 },
    ])
    const rates = Array.from({ length: 8 }, (_, step) => steering.rateOf(step, 1 + step))
    expect(rates).toEqual([1, 2, 1.5, 2, 0.3, 0.3, 7, 8])
    steering.dropAfter(4)
    expect(steering.rateOf(7, 8)).toBe(0.3)
  })

  test.each([
    [{ step: -1, factor: 2 }, 'step (=-1) must be a whole number'],
    [{ step: 1 }, 'expected a factor or a rate'],
    [{ step: 1, factor: 1, rate: 1 }, 'expected a factor or a rate'],
    [{ step: 1, factor: 0 }, 'factor (=0) must be a number from 0.0001 to 10000'],
    [{ step: 1, rate: Number.NaN }, 'rate (=NaN) must be a number'],
  ])('is not changed by %o', (change, words) => {
    expect(() => new Steering([change])).toThrow(words)
  })

  test('is not changed before the last change', () => {
    expect(
      () =>
        new Steering([
          { step: 5, rate: 1 },
          { step: 4, rate: 1 },
        ]),
    ).toThrow('is before that of the last change, 5')
  })
})

/** Events of a training of eight steps in two epochs. */
async function* eightSteps(isStopped: () => boolean = () => false): AsyncGenerator<TrainEvent> {
  yield { type: 'start', epochs: 2, stepsPerEpoch: 4, step: 0 } as TrainEvent
  for (let step = 1; step <= 8; step++) {
    yield { type: 'step', step, epoch: Math.ceil(step / 4) } as TrainEvent
    if (isStopped()) return
  }
  yield { type: 'done', step: 8, seconds: 1 }
}
const wordsOf = (event: TrainEvent): string =>
  event.type === 'steer'
    ? `${event.action}${event.factor ?? event.rate ?? ''}@${event.step}`
    : `${event.type}${event.type === 'step' ? event.step : ''}`

describe('between two steps', () => {
  let stored: (readonly RateChange[])[]
  let isStopped: boolean
  const deskOf = (steering = new Steering(), logged = 0): SteerDesk =>
    new SteerDesk({
      steering,
      store: async changes => stored.push(changes),
      stop: () => {
        isStopped = true
      },
      logged,
    })
  beforeEach(() => {
    stored = []
    isStopped = false
  })
  /** All events; `act` is called with the words of each as it comes. */
  async function run(desk: SteerDesk, act: (event: string) => void): Promise<string[]> {
    const events: string[] = []
    for await (const event of desk.steered(eightSteps(() => isStopped))) {
      events.push(wordsOf(event))
      act(wordsOf(event))
    }
    return events
  }

  test('a rate is stored, and noted with its step', async () => {
    const steering = new Steering()
    const desk = deskOf(steering)
    const events = await run(desk, event => {
      if (event === 'step3') desk.take({ action: 'rate', factor: 0.5 })
      if (event === 'step6') desk.take({ action: 'rate', rate: 0.1 })
    })
    expect(events).toEqual('start step1 step2 step3 rate0.5@3 step4 step5 step6 rate0.1@6 step7 step8 done'.split(' '))
    expect(steering.changes).toEqual([
      { step: 3, factor: 0.5 },
      { step: 6, rate: 0.1 },
    ])
    expect(stored).toEqual([[{ step: 3, factor: 0.5 }], steering.changes])
    expect(desk.isOver).toBe(true)
  })

  test('a pause waits; one step is one; what changes nothing is no event', async () => {
    const desk = deskOf()
    const later = (command: Parameters<SteerDesk['take']>[0]): void => void setTimeout(() => desk.take(command))
    const events = await run(desk, event => {
      if (event === 'step2') {
        desk.take({ action: 'goOn' })
        desk.take({ action: 'pause' })
        desk.take({ action: 'pause' })
      }
      if (event === 'pause@2') later({ action: 'step' })
      if (event === 'step3') later({ action: 'rate', factor: 2 })
      if (event === 'rate2@3') later({ action: 'goOn' })
    })
    expect(events.join(' ')).toBe(
      'start step1 step2 pause@2 step@2 step3 rate2@3 goOn@3 step4 step5 step6 step7 step8 done',
    )
  })

  test('stop ends a run, paused or not; so does Ctrl-C in a pause', async () => {
    const desk = deskOf()
    expect(
      await run(desk, event => {
        if (event === 'step2') desk.take({ action: 'pause' })
        if (event === 'pause@2') setTimeout(() => desk.take({ action: 'stop' }))
      }),
    ).toEqual('start step1 step2 pause@2 stop@2'.split(' '))
    isStopped = false
    const other = deskOf()
    expect(
      await run(other, event => {
        if (event === 'step2') other.take({ action: 'pause' })
        if (event !== 'pause@2') return
        setTimeout(() => {
          isStopped = true
          other.stop()
        })
      }),
    ).toEqual('start step1 step2 pause@2'.split(' '))
  })

  test('noted changes are repeated at their steps, unless somebody changes the rate before', async () => {
    const changes = [
      { step: 0, factor: 3 },
      { step: 2, factor: 0.5 },
      { step: 5, rate: 0.1 },
    ]
    const events = await run(deskOf(new Steering(changes), 1), () => undefined)
    expect(events).toEqual('start step1 step2 rate0.5@2 step3 step4 step5 rate0.1@5 step6 step7 step8 done'.split(' '))
    const steering = new Steering(changes)
    const desk = deskOf(steering, 1)
    const others = await run(desk, event => {
      if (event === 'step3') desk.take({ action: 'rate', factor: 4 })
    })
    expect(others.filter(event => event.startsWith('rate'))).toEqual(['rate0.5@2', 'rate4@3'])
    expect(steering.changes).toEqual([...changes.slice(0, 2), { step: 3, factor: 4 }])
  })
})

describe('a run folder', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'fovea-steering-'))
  })
  afterEach(() => rm(root, { recursive: true }))

  const setup = resolveRecipe({
    model: 'lenet5',
    data: 'mnist',
    epochs: 2,
    batchSize: 100,
    schedule: 'cosine',
    alarms: false,
  })

  /** Trains in a folder, new or resumed. @param act what is done after which step */
  async function train(name: string, act: (step: number, desk: SteerDesk) => void): Promise<TrainEvent[]> {
    const path = join(root, name)
    const known = await RunFolder.open(path).catch(() => undefined)
    const steering = new Steering(known ? await readSteering(path) : [])
    const images = stripes('mnist').train
    const engine = createEngine({ precise: true, threads: 1 })
    const trainer = await createTrainer(setup, {
      engine,
      train: { dataset: images, indices: Int32Array.from({ length: 400 }, (_, k) => k) } as never,
      steering,
    })
    const folder = known ?? (await RunFolder.create(root, name, setup.recipe))
    const resumed = known && (await known.resume()).checkpoint
    if (resumed) await trainer.restore(resumed)
    const desk = new SteerDesk({
      steering,
      store: all => writeSteering(folder, all),
      stop: () => trainer.stop(),
      logged: (await folder.events()).filter(event => event.type === 'steer' && event.action === 'rate').length,
    })
    const events: TrainEvent[] = []
    const listen = (event: TrainEvent): void => {
      events.push(event)
      if (event.type === 'step') act(event.step, desk)
    }
    try {
      await runSession({
        trainer,
        events: desk.steered(trainer.run()),
        store: folder,
        recipe: setup.recipe,
        epochs: 2,
        hasValidation: false,
        listeners: [listen],
        progress: resumed?.progress,
      })
    } finally {
      await folder.close()
      await engine.close()
    }
    return events
  }
  const steer = (step: number, desk: SteerDesk): void => {
    if (step === 2) desk.take({ action: 'rate', factor: 0.5 })
    if (step === 6) desk.take({ action: 'rate', rate: 0.02 })
  }
  const hashOf = async (name: string): Promise<string> =>
    (
      JSON.parse(await readFile(join(root, name, 'checkpoints/step-000008.json'), 'utf8')) as {
        tensors: { sha256: string }
      }
    ).tensors.sha256
  const logOf = async (name: string): Promise<unknown[]> =>
    (await (await RunFolder.open(join(root, name))).events())
      .filter(({ type }) => ['step', 'steer'].includes(type))
      .map(({ time: _, ...event }) => ({ ...event, imagesPerSecond: 0 }))

  test('that fell over after a change goes on from its checkpoint with the same bits, and the same log', async () => {
    await train('whole', steer)
    // Falls over after step 7, whose last checkpoint is that of step 4: the change at step 6 is only in steering.json.
    await expect(
      train('broken', (step, desk) => {
        steer(step, desk)
        if (step === 7) throw new Error('the machine is gone')
      }),
    ).rejects.toThrow('the machine is gone')
    const events = await train('broken', () => undefined)
    expect(events.find(({ type }) => type === 'start')).toMatchObject({ step: 4 })
    expect(await hashOf('broken')).toBe(await hashOf('whole'))
    expect(await logOf('broken')).toEqual(await logOf('whole'))
    // The changes make a difference.
    await train('plain', () => undefined)
    expect(await hashOf('plain')).not.toBe(await hashOf('whole'))
  })

  test.each<[string, (text: string) => string, RegExp]>([
    [
      'another factor',
      text => text.replace('0.5', '0.25'),
      /its log has learning rate 0.5 × its schedule at step 2, steering.json has learning rate 0.25 × its schedule at step 2/,
    ],
    [
      'no changes',
      () => '{}',
      /its log has learning rate 0.5 × its schedule at step 2, steering.json has no such change/,
    ],
    [
      'a change that was never made',
      text => text.replace('"step": 6', '"step": 3'),
      /its log has learning rate 0.02 at step 6, steering.json has learning rate 0.02 at step 3/,
    ],
    [
      'a change too many',
      text => text.replace(/\]/, ', {"step": 7, "rate": 1}]'),
      /steering.json has learning rate 1 at step 7, which its log has not/,
    ],
    [
      'changes out of order',
      text => text.replace('"step": 6', '"step": 1'),
      /change 2: step \(=1\) is before that of the change before it \(2\)/,
    ],
    ['a change that is none', text => text.replace('0.5', '-1'), /change 1: factor \(=-1\) must be a number/],
    ['no list', () => '{"changes": 3}', /changes must be a list/],
    ['no JSON', () => '{', /cannot be read/],
  ])('with %s in steering.json is not resumed', async (_, change, words) => {
    await train('run', steer)
    const file = join(root, 'run/steering.json')
    await writeFile(file, change(await readFile(file, 'utf8')))
    await expect(readSteering(join(root, 'run'))).rejects.toThrow(words)
  })
})
