/** The code of a worker thread that reads and augments pictures; batches are in memory shared with the trainer. */
import { parentPort, workerData } from 'node:worker_threads'
import { raster } from '../augment/raster.ts'
import { augmentationFrom } from '../augment/table.ts'
import { decodeRaster } from './image.node.ts'
import { BatchAssembly } from './place.ts'
import { type BatchTask, produceBatch } from './produce.ts'
import type { WorkerReply, WorkerSetup, WorkerTask } from './workerMessages.ts'

const { augment, seed, shape, classes, decoding, rawShape } = workerData as WorkerSetup
const assembly = new BatchAssembly({ augment: augment && augmentationFrom(augment), seed, shape, classes })

parentPort?.on('message', (message: WorkerTask) => {
  const { paths, raw } = message
  const read = (_: BatchTask, k: number) => {
    if (paths && decoding) return decodeRaster(paths[k]!, decoding)
    const bytes = rawShape[0] * rawShape[1] * rawShape[2]
    return raster((raw as Uint8Array).subarray(k * bytes, (k + 1) * bytes), rawShape)
  }
  produceBatch(message.task, assembly, read).then(
    failures => reply({ id: message.id, failures: failures.map(({ position, reason }) => [position, reason.message]) }),
    (error: Error) => reply({ id: message.id, failures: [], error: { name: error.name, message: error.message } }),
  )
})

const reply = (message: WorkerReply): void => parentPort?.postMessage(message)
