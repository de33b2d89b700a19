/** Trains LeNet-5 in a worker, so that the page stays free: it tells of every step, and hands over the weights in the end. */
import { createEngine } from 'fovea'
import { idxDataset, subsetOf } from 'fovea/data'
import { writeSafetensors } from 'fovea/formats'
import { adam, oneCycle } from 'fovea/optim'
import { Trainer } from 'fovea/train'
import { createModel } from './model.ts'

/** Addresses of the IDX files of MNIST. */
export interface Files {
  readonly images: string
  readonly labels: string
}

/** What the worker says. */
export type Message = { readonly step: number; readonly loss: number } | { readonly weights: Uint8Array }
const say = (message: Message) => self.postMessage(message)

const download = async (url: string) => ({ name: url, bytes: new Uint8Array(await (await fetch(url)).arrayBuffer()) })

self.onmessage = async ({ data }: MessageEvent<Files>) => {
  const [images, labels] = await Promise.all([download(data.images), download(data.labels)])
  const digits = idxDataset({ name: 'mnist', images, labels, classes: [...'0123456789'] })
  const model = createModel().initialize(0)
  const engine = createEngine() // its threads are workers of this worker
  const optimizer = adam({ lr: 0.003 })
  const trainer = new Trainer({ model, engine, optimizer, schedule: oneCycle(), train: subsetOf(digits), epochs: 3 })
  for await (const event of trainer.run()) if (event.type === 'step') say({ step: event.step, loss: event.loss })
  const state = [...model.variables()].map(([name, { shape, value }]) => [name, { shape, values: value }] as const)
  say({ weights: writeSafetensors(state) })
  await engine.close()
}
