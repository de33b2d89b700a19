/**
 * The worker that trains: what the page asks for, of each kind the last, goes to the {@link Session}, and in between it works.
 */

import { yieldToEvents } from '../../../src/async/yieldToEvents.ts'
import { createEngine, type Engine, MemoryError, StoppedError } from '../../../src/index.ts'
import { type Change, isPointSet, type Recipe } from '../state/recipe.ts'
import type { Shard } from './imageStream.ts'
import { planeSide } from './networks.ts'
import { openData } from './openData.ts'
import type { Answer, Command, Opened, StillNetwork } from './protocol.ts'
import { LabRun } from './run.ts'
import { Session } from './session.ts'
import { DataError } from './shards.ts'
import { shared } from './sharing.ts'
import { Watch } from './watch.ts'

const say = (answer: Answer, given: ArrayBuffer[] = []): void => self.postMessage(answer, { transfer: given })

/** What the page has asked for: of each kind the last. */
const inbox = new Map<string, Command>()
let wake: (() => void) | undefined
let session: Session | undefined
let engine: Engine | undefined
/** What the training computes on. */
let backend: Recipe['backend']

/** 1 while the page draws on the cores that train. */
let drawing: Int32Array<SharedArrayBuffer> | undefined
/** Milliseconds for which a frame is waited for; a page that was stopped in one goes on slowly. */
const longestRest = 100

function rest(): void {
  if (drawing) Atomics.wait(drawing, 0, 1, longestRest)
}

/** Whether nothing was asked for but another look. */
async function isUndisturbed(): Promise<boolean> {
  rest()
  await yieldToEvents()
  return [...inbox.keys()].every(kind => kind === 'taken')
}

/** Every unit that begins again is a wish of its own. */
const kindOf = ({ name, value }: Change): string => (name === 'restart' ? `restart ${value}` : `set ${name}`)

self.onmessage = ({ data }: MessageEvent<Command>) => {
  const kind = data.type === 'set' ? kindOf(data.change) : data.type
  inbox.delete(kind)
  inbox.set(kind, data)
  wake?.()
}

async function open(command: Extract<Command, { type: 'open' }>): Promise<Session> {
  if (typeof WebAssembly === 'undefined') {
    throw new Error(
      'This browser has no WebAssembly, or forbids it here, and the Lab computes with it. Open the page in a current Chrome, Edge, Firefox or Safari, or allow it.',
    )
  }
  await engine?.close()
  const { still } = command
  backend = still ? undefined : command.recipe.backend
  return still ? lookAt(still, command) : train(command)
}

/** A network that is looked at, with the test images of its data where they are here. */
async function lookAt(
  still: StillNetwork,
  { recipe, data, threads }: Extract<Command, { type: 'open' }>,
): Promise<Session> {
  const { openStill } = await import('./stillNetwork.ts')
  const { model, facts, subject, dataTitle, data: name } = await openStill(still)
  const onRead = (done: number, total: number): void => say({ type: 'reading', done, total })
  const place = { address: `${data}${name}/`, own: undefined, onRead }
  // Without its images it can still be looked at.
  const found = name && (await openData({ ...recipe, data: name }, place).catch(() => undefined))
  const test = await found?.test.then(shared).catch(() => undefined)
  const [height, width, channels] = facts.shape
  const pixels = new Uint8Array(height * width * channels).fill(128)
  const images: Shard = test ?? { images: new Uint8Array(), labels: new Uint8Array() }
  const computing = await startEngine(undefined, threads)
  engine = computing.engine
  const source = found?.source ?? { count: 0, shardSize: 1, imageBytes: pixels.length, shard: async () => images }
  const run = new LabRun({ ...recipe, images: source.count }, source, engine, facts, { model, step: still.step })
  const watch = new Watch(engine, model, facts.shape, { samples: Math.max(1, images.labels.length) })
  const opened = new Session(run, watch, images, {
    say,
    isGoingElsewhere: () => false,
    isUndisturbed,
    isCrowded: false,
    still: { pixels },
  })
  say({
    type: 'opened',
    recipe,
    classes: facts.classes,
    shape: facts.shape,
    ...(subject && { subject }),
    layers: watch.layers,
    testImages: images.images,
    testLabels: images.labels,
    stepsPerEpoch: 1,
    ...computing.shown,
    still: { data: dataTitle, hasData: test !== undefined },
  })
  return opened
}

async function train(command: Extract<Command, { type: 'open' }>): Promise<Session> {
  const { recipe, data, own, threads } = command
  const onRead = (done: number, total: number): void => say({ type: 'reading', done, total })
  const computing = await startEngine(recipe.backend, threads)
  engine = computing.engine
  const { facts, subject, source, test: coming } = await openData(recipe, { address: data, own, onRead })
  const known = { ...recipe, images: source.count }
  const run = new LabRun(known, source, engine, facts)
  // While images are on their way the first step is compiled.
  const [test] = await Promise.all([coming, source.shard(0), run.prepare()])
  const side = isPointSet(recipe.data) ? planeSide : undefined
  const watch = new Watch(engine, run.model, facts.shape, { planeSide: side, samples: test.labels.length })
  const isCrowded = (computing.shown.threads ?? 0) >= navigator.hardwareConcurrency
  drawing = isCrowded ? command.drawing : undefined
  const opened = new Session(run, watch, test, {
    say,
    isGoingElsewhere: () => inbox.has('goto'),
    isUndisturbed,
    isCrowded,
    rest,
  })
  await opened.begin()
  const points = side === undefined ? undefined : await source.shard(0)
  say({
    type: 'opened',
    recipe: known,
    classes: facts.classes,
    shape: facts.shape,
    ...(subject && { subject }),
    ...(points && { plane: { side: planeSide, points: points.images, labels: points.labels } }),
    layers: watch.layers,
    testImages: test.images,
    testLabels: test.labels,
    stepsPerEpoch: Math.ceil(source.count / recipe.batch),
    ...computing.shown,
  })
  return opened
}

/** The engine of a training, and what the page says of it. */
async function startEngine(
  backend: Recipe['backend'],
  threads: number | undefined,
): Promise<{ readonly engine: Engine; readonly shown: Pick<Opened, 'threads' | 'alone' | 'graphics'> }> {
  if (backend === 'webgpu') {
    const engine = await createEngine({ backend })
    return { engine, shown: { graphics: engine.description.adapter.name } }
  }
  const engine = createEngine({ precise: true, ...(threads && { threads }) })
  const { threads: found, alone } = engine.description
  return { engine, shown: { threads: found, ...(alone !== undefined && { alone }) } }
}

function fail(error: unknown): void {
  // An engine that has stopped says why in the error before.
  const { message } = reasonOf(error)
  const kind = isMemoryFull(error)
    ? 'memory'
    : error instanceof DataError
      ? 'data'
      : backend === 'webgpu'
        ? 'graphics'
        : 'engine'
  // What was learned stays; images that did not come are asked for again by playing on.
  session?.halt()
  say({ type: 'failed', kind, message })
}

const reasonOf = (error: unknown): Error =>
  error instanceof StoppedError && error.cause instanceof StoppedError
    ? error.cause
    : error instanceof Error
      ? error
      : new Error(String(error))

/** Browsers say in words of their own that they have no memory for an array or an engine. */
const isMemoryFull = (error: unknown): boolean =>
  error instanceof MemoryError || (error instanceof RangeError && /alloc|memory/i.test(error.message))

async function listen(): Promise<never> {
  for (;;) {
    try {
      const [next] = inbox
      if (next) {
        const [kind, command] = next
        inbox.delete(kind)
        if (command.type === 'open') session = await open(command)
        else await session?.obey(command)
      } else if (session && !session.isIdle) await session.work()
      else await new Promise<void>(resolve => (wake = resolve))
    } catch (error) {
      fail(error)
    }
    await yieldToEvents()
  }
}

void listen()
