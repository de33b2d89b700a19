/** A run with what is kept of it: which checkpoint is the best, how it ends, and what listeners hear. */
import { afterAll, describe, expect, it } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { subsetOf } from '../../src/data/split.ts'
import { flatten, linear, normalize, sequential } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import {
  bestEpoch,
  type Checkpoint,
  type CheckpointEvent,
  DivergedError,
  type RunStore,
  runSession,
  type SessionOptions,
  type TrainEvent,
  Trainer,
} from '../../src/train/index.ts'

const data = subsetOf(
  imageDataset({
    images: Uint8Array.from({ length: 40 * 16 }, (_, k) => (k * k * 31) % 256),
    labels: Array.from({ length: 40 }, (_, k) => (k * 7) % 3),
    shape: [4, 4, 1],
  }),
)

const engine = createWasmEngine({ threads: 1 })
afterAll(() => engine.close())

/** Keeps a run in memory, the log as the types of its events. */
class MemoryStore implements RunStore {
  readonly lines: string[] = []
  readonly checkpoints: Checkpoint[] = []
  readonly best: number[] = []

  log(event: TrainEvent): void {
    this.lines.push(event.type === 'notice' ? event.kind : event.type)
  }

  async save(checkpoint: Checkpoint, { best }: { readonly best: boolean }): Promise<CheckpointEvent> {
    const { step, epoch } = checkpoint.progress
    this.checkpoints.push(checkpoint)
    if (best) this.best.push(step)
    const event: CheckpointEvent = { type: 'checkpoint', step, epoch, file: `step-${step}` }
    this.log(event)
    return event
  }

  async load(): Promise<Checkpoint> {
    return this.checkpoints.at(-1)!
  }
}

const network = () => sequential(normalize({ mean: [0.5], std: [0.25] }), flatten(), linear(16, 3)).initialize(1)

type StartOptions = { readonly lr?: number; readonly alarms?: boolean } & Partial<SessionOptions>

/** A run of epochs of five steps. */
function start({ lr = 0.01, alarms = false, epochs = 3, ...more }: StartOptions = {}) {
  const optimizer = sgd({ lr })
  const trainer = new Trainer({
    model: network(),
    engine,
    train: data,
    validation: data,
    optimizer,
    epochs,
    batchSize: 8,
    alarms,
  })
  const store = new MemoryStore()
  return { trainer, store, options: { trainer, store, recipe: { lr }, epochs, hasValidation: true, ...more } }
}

const scoresOf = (events: readonly TrainEvent[]) =>
  events.filter(event => event.type === 'validation').map(({ step, loss, accuracy }) => ({ step, loss, accuracy }))

describe('a session', () => {
  it('saves after every epoch; the best is the one whose score none before had reached', async () => {
    const events: TrainEvent[] = []
    const { store, options } = start({ metric: 'loss', listeners: [event => events.push(event)] })
    expect(await runSession(options)).toEqual({ finished: true, step: 15, epoch: 3 })
    expect(store.checkpoints.map(({ progress }) => progress.step)).toEqual([5, 10, 15])
    const scores = scoresOf(events)
    const records = scores.filter(({ loss }, k) => scores.slice(0, k).every(before => loss < before.loss))
    expect(store.best).toEqual(records.map(({ step }) => step))
    expect(bestEpoch(store.checkpoints[2]!.progress)).toMatchObject(records.at(-1)!)
    expect(store.checkpoints[0]!.recipe).toEqual({ lr: 0.01 })
  })

  it('tells every listener what it logs, in the same order', async () => {
    const heard: string[][] = [[], []]
    const listeners = heard.map(types => (event: TrainEvent) => {
      types.push(event.type === 'notice' ? event.kind : event.type)
    })
    const { store, options } = start({ epochs: 2, listeners })
    await runSession(options)
    expect(heard).toEqual([store.lines, store.lines])
    expect(store.lines.filter(type => type !== 'step')).toEqual([
      'start',
      ...Array(2).fill(['epoch', 'validation', 'checkpoint']).flat(),
      'done',
    ])
  })

  it('stops early when the score no longer improves, and says so', async () => {
    // Nothing is learned at this rate, so that no epoch is better than the first.
    const { store, options } = start({ lr: 1e-30, epochs: 9, earlyStopping: { patience: 2 } })
    expect(await runSession(options)).toMatchObject({ finished: true, epoch: 3 })
    expect(store.best).toEqual([5])
    expect(store.lines.slice(-3)).toEqual(['checkpoint', 'earlyStopping', 'done'])
    // Resumed, it does not begin another epoch.
    const again = start({ lr: 1e-30, epochs: 9, earlyStopping: { patience: 2 } })
    const last = store.checkpoints.at(-1)!
    await again.trainer.restore(last)
    await runSession({ ...again.options, progress: last.progress })
    expect(again.store.checkpoints).toEqual([])
  })

  it('pauses after an epoch and is resumed with the best so far', async () => {
    const first = start({ stopAfter: 1, metric: 'loss' })
    expect(await runSession(first.options)).toEqual({ finished: false, paused: true, step: 5, epoch: 1 })
    const second = start({ metric: 'loss' })
    const last = first.store.checkpoints.at(-1)!
    await second.trainer.restore(last)
    await runSession({ ...second.options, progress: last.progress })
    const whole = start({ metric: 'loss' })
    await runSession(whole.options)
    expect([...first.store.best, ...second.store.best]).toEqual(whole.store.best)
    expect(second.store.checkpoints.at(-1)).toEqual(whole.store.checkpoints.at(-1))
    // Resumed past the epoch after which it is to stop, it takes no step.
    const past = start({ stopAfter: 1, metric: 'loss' })
    await past.trainer.restore(last)
    const outcome = await runSession({ ...past.options, progress: last.progress })
    expect(outcome).toEqual({ finished: false, paused: true, step: 5, epoch: 1 })
    expect(past.store.lines).not.toContain('step')
  })

  it('saves the state after the last step when it is stopped', async () => {
    const { trainer, store, options } = start()
    const stopAtSeven = (event: TrainEvent) => {
      if (event.type === 'step' && event.step === 7) trainer.stop()
    }
    const outcome = await runSession({ ...options, listeners: [stopAtSeven] })
    expect(outcome.finished).toBe(false)
    expect(store.checkpoints.at(-1)!.progress).toMatchObject({ step: outcome.step, epoch: 2 })
    expect(store.best).toEqual([5])
  })

  it('says at which step and in which layer numbers broke, and saves nothing of them', async () => {
    const { store, options } = start({ lr: 1e38, alarms: true })
    const error = await runSession(options).catch(error => error)
    expect(error).toBeInstanceOf(DivergedError)
    expect(error.message).toBe(
      'training diverged: at step 2 the loss became NaN (the first to break: the values of 2.weight)',
    )
    expect(error).toMatchObject({ step: 2, what: 'the loss became NaN', checkpoint: undefined })
    expect(store.checkpoints).toEqual([])
    const blind = start({ lr: 1e38, alarms: true, locateBreaks: false })
    await expect(runSession(blind.options)).rejects.toMatchObject({ step: 2, place: undefined })
  })

  it('logs that weights broke, which no loss says', async () => {
    const { trainer, store, options } = start({ lr: 1e39 })
    const heard: TrainEvent[] = []
    const listener = (event: TrainEvent): void => {
      heard.push(event)
      if (event.type === 'step') trainer.stop()
    }
    await expect(runSession({ ...options, listeners: [listener] })).rejects.toMatchObject({
      step: 1,
      what: expect.stringMatching(/ has values that are NaN or infinite$/),
    })
    expect(store.lines).toEqual(['start', 'step', 'diverged'])
    expect(heard.at(-1)).toMatchObject({ kind: 'diverged', step: 1, epoch: 1 })
    expect(store.checkpoints).toEqual([])
  })
})
