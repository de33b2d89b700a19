/** `fovea serve`: answers over HTTP until a signal arrives. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { classifierOf } from '../../../classifier/classifier.ts'
import { prepareImage } from '../../../data/image.node.ts'
import { interruption, listen } from '../../listen.ts'
import { type ModelOptions, openModel } from '../../modelFile.ts'
import { type ReadingChoices, readingEngine } from '../../readingEngine.ts'
import { print, warn } from '../../terminal/output.ts'
import { createApp, type ServedClassifier } from './app.ts'

/** Options of {@link serve}. */
export interface ServeOptions extends ReadingChoices, ModelOptions {
  readonly host: string
  readonly port: number
  /** MB of a picture file. */
  readonly maxSize: number
  /** Millions of pixels. */
  readonly maxPixels: number
  /** Seconds. */
  readonly timeout: number
  readonly queue: number
  readonly cors?: readonly string[]
}

/** @returns the exit code */
export async function serve(run: string, options: ServeOptions): Promise<number> {
  const contents = await openModel(run, options)
  const engine = await readingEngine(contents.recipe, options)
  try {
    const limits = { maxPixels: 1e6 * options.maxPixels }
    const classify: ServedClassifier = await classifierOf<Uint8Array>(
      contents,
      (bytes, shape, prepare) => prepareImage({ name: 'the picture', bytes }, shape, { ...prepare, ...limits }),
      { engine },
    )
    return await answer(classify, options)
  } finally {
    await engine.close()
  }
}

async function answer(classify: ServedClassifier, options: ServeOptions): Promise<number> {
  const { host, port, timeout, queue, maxSize } = options
  const milliseconds = 1000 * timeout
  const limits = { maxBytes: 1e6 * maxSize, seconds: timeout, queue }
  const app = createApp(classify, limits, options.cors ?? [], warn)
  // Slow senders are cut off: an incomplete request takes a place in the queue.
  const times = { requestTimeout: milliseconds, headersTimeout: milliseconds, connectionsCheckingInterval: 1000 }
  const server = createServer(times, getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  const answers = new Set<ServerResponse>()
  server.on('request', (_, response) => {
    answers.add(response)
    response.once('close', () => answers.delete(response))
  })
  const { address, port: own, family } = await listen(server, { host, port, anyPort: '0' })
  const { name, classes } = classify.info
  print(
    `${name}, ${classes.length} classes, is at http://${family === 'IPv6' ? `[${address}]` : address}:${own}/`,
    'Ctrl-C ends it.',
  )
  const interrupt = await interruption()
  await end(server, answers, milliseconds)
  interrupt.dispose()
  return interrupt.exitCode
}

/**
 * Ends a server when all requests have been answered.
 * @param answers the answers under way
 * @param milliseconds time after which it ends in any case
 */
async function end(server: Server, answers: ReadonlySet<ServerResponse>, milliseconds: number): Promise<void> {
  server.close()
  const answered = Promise.all([...answers].map(response => new Promise(resolve => response.once('close', resolve))))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([answered, late])
  clearTimeout(timer)
  // A connection may still be open when its request was refused before all of it had arrived.
  server.closeAllConnections()
}
