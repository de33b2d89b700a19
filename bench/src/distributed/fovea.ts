/**
 * Fovea as one process of a group, or alone: trains the row's network for some seconds, and prints what it saw of the
 * steps as a line of JSON, on the first process. Arguments: the exchange (`none`, `tree`, `oneBit`), and seconds.
 */

import { row } from '../protocol.ts'
import { median } from '../statistics.ts'
import { batches } from '../work.ts'
import type { Observed } from './model.ts'

/** What is printed. */
export interface Seen extends Observed {
  readonly version: string
}

/** An operation of a step. */
interface Operation {
  readonly kind: string
  readonly bytes: number
  readonly began: number
  ended: number
}

/** Steps at the beginning that are not counted. */
const warmUp = 3
/** Steps of an epoch, and the fewest that are counted. */
const stepsInEpoch = 8
const fewest = 5
/** Operations on a few bytes that are timed. */
const probes = 50

async function main(): Promise<void> {
  const [{ createWasmEngine }, nn, models, { sgd }, { Trainer }, { subsetOf }, { inParts, openMpi }] =
    await Promise.all([
      import('../../../dist/index.js'),
      import('../../../dist/nn/index.js'),
      import('../../../dist/models/index.js'),
      import('../../../dist/optim/index.js'),
      import('../../../dist/train/index.js'),
      import('../../../dist/data/index.js'),
      import('../../../dist/distributed/index.node.js'),
    ])
  const [, , exchange, seconds] = process.argv
  const group = await openMpi()
  const { rank, size } = group
  const { batch, side, channels, classes, learningRate, momentum, weightDecay } = row
  const pixels = side * side * channels
  const made = batches(row)
  const all = batch * size * stepsInEpoch
  const images = new Uint8Array(all * pixels)
  const labels = new Int32Array(all)
  for (let at = 0; at < all / batch; at++) {
    const from = made[at % made.length]
    images.set(
      from.images.map(value => Math.round(value * 255)),
      at * batch * pixels,
    )
    labels.set(from.labels, at * batch)
  }
  const names = Array.from({ length: classes }, (_, k) => `class ${k}`)
  const network =
    row.net.name === 'googlenet' ? models.googlenet({ auxiliary: false }) : models.findModel(row.net.name).create()
  const normalize = nn.normalize({ mean: Array(channels).fill(0), std: Array(channels).fill(1) })
  const operations: Operation[] = []
  /** Notes an operation of this process. */
  const noted = async (kind: string, bytes: number, work: () => Promise<void>): Promise<void> => {
    const operation = { kind, bytes, began: performance.now(), ended: 0 }
    operations.push(operation)
    await work()
    operation.ended = performance.now()
  }
  const communicator: typeof group = {
    rank,
    size,
    hosts: group.hosts,
    name: group.name,
    get computing() {
      return group.computing
    },
    set computing(value) {
      group.computing = value
    },
    broadcast: (values, root) => group.broadcast(values, root),
    allGather: (mine, gathered) => noted('allGather', mine.byteLength, () => group.allGather(mine, gathered)),
    allToAll: (send, receive) => noted('allToAll', send.byteLength, () => group.allToAll(send, receive)),
    allReduce: (values, reduction) => group.allReduce(values, reduction),
    barrier: () => group.barrier(),
    abort: code => group.abort(code),
    close: () => group.close(),
  }
  const engine = createWasmEngine({ threads: 1, native: process.env.FOVEA_NATIVE === 'off' ? 'off' : 'auto' })
  const trainer = new Trainer({
    model: nn.sequential({ normalize, net: network }).initialize(0),
    train: subsetOf({ name: 'bench', classes: names, shape: [side, side, channels], images, labels }),
    engine,
    optimizer: sgd({ lr: learningRate, momentum, weightDecay }),
    epochs: 1_000_000,
    batchSize: batch * size,
    ...(exchange !== 'none' && {
      distribution: inParts({ parts: size, communicator, exchange: exchange as 'tree' | 'oneBit' }),
    }),
  })
  const times: number[] = []
  const after: number[] = []
  const begun: { readonly at: number; readonly bytes: number }[][] = []
  let [since, began, epoch] = [0, performance.now(), 0]
  for await (const event of trainer.run()) {
    if (event.type !== 'step') continue
    const now = performance.now()
    if (event.step === warmUp) since = now
    // The first step of an epoch has its beginning in it.
    if (event.step > warmUp && event.epoch === epoch) {
      times.push(now - began)
      after.push(now - (operations.at(-1)?.ended ?? began))
      const kind = exchange === 'oneBit' ? 'allGather' : 'allToAll'
      begun.push(operations.filter(one => one.kind === kind).map(one => ({ at: one.began - began, bytes: one.bytes })))
    }
    const isEnough = since > 0 && now - since > 1000 * Number(seconds) && times.length >= fewest
    if (rank === 0 && isEnough) trainer.stop()
    operations.length = 0
    epoch = event.epoch
    began = performance.now()
  }
  const small: number[] = []
  for (let probe = 0; size > 1 && probe < probes; probe++) {
    const asked = performance.now()
    await group.allGather(Float32Array.of(rank), new Float32Array(size))
    small.push(performance.now() - asked)
  }
  if (rank === 0) {
    const first = begun[0] ?? []
    const seen: Seen = {
      version: `${engine.description.detail}; ${group.name}`,
      step: median(times),
      begun: first.map(({ bytes }, k) => ({ at: median(begun.map(step => step[k].at)), bytes })),
      after: median(after),
      latency: small.length > 0 ? median(small) : 0,
    }
    process.stdout.write(`${JSON.stringify(seen)}\n`)
  }
  await engine.close()
  await group.close()
}

await main()
