/**
 * The endpoints of a classifier, as a function from requests to responses. A posted picture waits for its turn. The
 * number of waiting pictures, their size and their time are limited, and so is memory.
 */
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { HTTPException } from 'hono/http-exception'
import { Turns } from '../../../async/turns.ts'
import type { ClassifierInfo } from '../../../classifier/artifact.ts'
import type { ClassifyOptions, ClassProbability } from '../../../classifier/classifier.ts'
import { ImageError } from '../../../data/errors.ts'
import { invertNames } from '../../preparePicture.ts'
import { oneLine } from '../../terminal/errors.ts'
import { pageFiles } from './page.ts'

/** The classifier that answers: the bytes of a picture file in, classes out. */
export interface ServedClassifier {
  (picture: Uint8Array, options: ClassifyOptions): Promise<readonly ClassProbability[]>
  readonly info: ClassifierInfo
}

/** Limits on requests. */
export interface ServeLimits {
  /** Bytes of a picture file. */
  readonly maxBytes: number
  /** Seconds after a request has arrived completely. */
  readonly seconds: number
  /** Requests that are being processed or waiting. */
  readonly queue: number
}

/** While one picture is decoded, another is classified; more at once would take memory and gain nothing. */
const atOnce = 2

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob:; connect-src 'self'"

/**
 * The endpoints.
 * @param origins other origins whose pages may send requests
 * @param warn called about failures that are not the client's fault
 */
export function createApp(
  classify: ServedClassifier,
  limits: ServeLimits,
  origins: readonly string[],
  warn: (message: string) => void,
): Hono {
  const app = new Hono()
  if (origins.length > 0) app.use(cors({ origin: origins.includes('*') ? '*' : [...origins] }))
  app.use(async (context, next) => {
    await next()
    context.header('X-Content-Type-Options', 'nosniff')
  })
  app.onError((error, context) => {
    if (error instanceof HTTPException) return answerError(context, error.status, error.message)
    if (error instanceof ImageError) return answerError(context, 400, oneLine(error.message))
    warn(error.message)
    return answerError(context, 500, 'the classifier failed; its server says why')
  })
  app.notFound(context => answerError(context, 404, `${context.req.path}: nothing is here; POST /classify, GET /info`))

  app.get('/health', context => context.json({ status: 'ok' }))
  app.get('/info', context => context.json(classify.info))
  for (const [path, { type, text }] of Object.entries(pageFiles)) {
    app.get(path, context => context.body(text, 200, { 'Content-Type': type, 'Content-Security-Policy': policy }))
  }
  const queue = new PictureQueue(classify, limits)
  app.post('/classify', queue.admit, async context => {
    const body = await bodyOf(context, limits.maxBytes)
    const options = optionsOf(context, classify.info)
    const picture = await pictureIn(body, context.req.header('content-type') ?? '')
    return context.json({ predictions: await queue.classify(picture, options, context.req.raw.signal) })
  })
  app.all('/classify', context => answerError(context, 405, 'POST a picture here', { Allow: 'POST' }))
  return app
}

type Status = HTTPException['status']

const answerError = (context: Context, status: Status, error: string, headers: Record<string, string> = {}) =>
  context.json({ error }, status, headers)

/** Open requests, and pictures that wait for their turn. */
class PictureQueue {
  readonly #classify: ServedClassifier
  readonly #limits: ServeLimits
  readonly #lanes = Array.from({ length: atOnce }, () => new Turns())
  #taken = 0
  /** Requests being processed or waiting, including those already answered with a timeout. */
  #open = 0

  constructor(classify: ServedClassifier, limits: ServeLimits) {
    this.#classify = classify
    this.#limits = limits
  }

  /** Admits a request, before its body is read. */
  readonly admit = async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    if (this.#open >= this.#limits.queue) {
      const error = `${this.#limits.queue} requests are waiting already: try again in a moment`
      await discardBody(context, this.#limits.maxBytes)
      return answerError(context, 503, error, { 'Retry-After': '1' })
    }
    this.#open++
    try {
      await next()
    } finally {
      this.#open--
    }
    return undefined
  }

  /** @throws HTTPException when it takes too long */
  async classify(
    picture: Uint8Array,
    options: ClassifyOptions,
    gone: AbortSignal,
  ): Promise<readonly ClassProbability[]> {
    const late = AbortSignal.timeout(1000 * this.#limits.seconds)
    const isUnwanted = (): boolean => late.aborted || gone.aborted
    const lane = this.#lanes[this.#taken++ % atOnce]!
    const answer = lane.take(async () => (isUnwanted() ? [] : this.#classify(picture, options)))
    try {
      return await Promise.race([answer, refusal(late, `took longer than ${this.#limits.seconds} seconds`)])
    } catch (error) {
      // A request that timed out is still being processed, or waiting.
      const release = (): void => {
        this.#open--
      }
      this.#open++
      answer.then(release, release)
      throw error
    }
  }
}

/** Fails when a signal arrives. */
const refusal = (signal: AbortSignal, message: string): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new HTTPException(504, { message })), { once: true })
  })

/** The query of a request. @throws HTTPException */
function optionsOf(context: Context, { classes }: ClassifierInfo): ClassifyOptions {
  const { top, invert, ...others } = context.req.query()
  const refuse = (message: string): never => {
    throw new HTTPException(400, { message })
  }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) refuse(`unknown parameter '${unknown}', expected top or invert`)
  if (top !== undefined && !(/^\d+$/.test(top) && Number(top) >= 1 && Number(top) <= classes.length)) {
    refuse(`top (=${top}) must be a whole number from 1 to ${classes.length}`)
  }
  const chosen = invertNames.find(choice => choice === (invert ?? 'auto'))
  if (chosen === undefined) refuse(`invert (=${invert}) must be one of ${invertNames.join(', ')}`)
  return { ...(top !== undefined && { top: Number(top) }), ...(chosen && { invert: chosen }) }
}

/** The bytes of a request that is too large are read and discarded, up to this many times the limit. */
const patience = 8

/**
 * The body of a request.
 * @throws HTTPException for a body over the limit; not at once, because a client that is still sending does not see the
 * answer
 */
async function bodyOf(context: Context, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  const size = await readBody(context, patience * maxBytes, (chunk, read) => {
    if (read <= maxBytes) chunks.push(chunk)
    else chunks.length = 0
  })
  if (size <= maxBytes) return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer())
  throw new HTTPException(413, { message: `the picture is over the limit of ${maxBytes / 1e6} MB for a file` })
}

const discardBody = (context: Context, maxBytes: number) => readBody(context, patience * maxBytes, () => undefined)

/** Reads a body. @returns its bytes, or more than `most` bytes of a longer body */
async function readBody(
  context: Context,
  most: number,
  take: (chunk: Uint8Array, read: number) => void,
): Promise<number> {
  const reader = context.req.raw.body?.getReader()
  let read = 0
  while (reader && read <= most) {
    const { done, value } = await reader.read()
    if (done) return read
    read += value.length
    take(value, read)
  }
  if (reader) context.header('Connection', 'close')
  return read
}

/** The bytes of the picture in a body. @throws HTTPException */
async function pictureIn(body: Uint8Array<ArrayBuffer>, type: string): Promise<Uint8Array> {
  if (!/^multipart\/form-data\b/i.test(type)) {
    if (body.length > 0) return body
    throw new HTTPException(400, { message: 'the body is empty, expected the bytes of a picture file' })
  }
  const form = await new Response(body, { headers: { 'content-type': type } }).formData().catch(() => undefined)
  const files = [...(form?.values() ?? [])].filter(value => value instanceof File)
  if (files.length === 1) return new Uint8Array(await files[0]!.arrayBuffer())
  const found = form === undefined ? 'is broken' : `has ${files.length} files`
  throw new HTTPException(400, { message: `the form ${found}, expected one with the picture in it` })
}
