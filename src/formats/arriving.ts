/**
 * The body of a server's answer. What has arrived of it can be read while the rest is on its way: the header of a file
 * of weights comes first, so a network can be compiled during the download.
 */
import { joinBytes, lengthOf } from './joinBytes.ts'
import { type ByteSource, sourceOf, wholeBlobBytes } from './source.ts'
import { WeightsError } from './weightsFile.ts'

/** Progress of a download. */
export interface DownloadProgress {
  /** Bytes received. */
  readonly loaded: number
  /** Bytes of the file; undefined where the server does not say, or sends it compressed. */
  readonly total: number | undefined
}

/** A whole body: in memory, or a Blob if it is large. */
export type Body = Uint8Array<ArrayBuffer> | Blob

/** What happens on the way. */
export interface ArrivalOptions {
  /** Called at the beginning, after each piece that arrives, and at the end. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Gets the whole body; what it does is part of the arrival. */
  readonly keep?: ((body: Body) => Promise<void>) | undefined
}

/**
 * Waits for the whole body.
 * @param name what to call the file in messages
 * @throws WeightsError when it breaks off
 */
export async function blobOf(answer: Response, name: string, options: ArrivalOptions = {}): Promise<Blob> {
  const blob = new Blob(await receiveAll(answer, name, options))
  await options.keep?.(blob)
  return blob
}

/**
 * The body as a source. It can be read at once where the server says its length; elsewhere this waits for all of it.
 * Unless it is large it stays in memory: a browser keeps Blobs in another process.
 * @throws WeightsError when it breaks off, here or when a part is read that has not arrived
 */
export async function arrivingSource(
  answer: Response,
  name: string,
  options: ArrivalOptions = {},
): Promise<ByteSource> {
  const stated = statedLength(answer)
  if (stated !== undefined && stated <= wholeBlobBytes && isExact(answer)) {
    return new ArrivingSource(answer, { name, length: stated }, options)
  }
  const pieces = await receiveAll(answer, name, options)
  const body = lengthOf(pieces) > wholeBlobBytes ? new Blob(pieces) : joinBytes(pieces)
  await options.keep?.(body)
  return sourceOf(body, name)
}

/** A body in memory that grows piece by piece. */
class ArrivingSource implements ByteSource {
  readonly name: string
  readonly size: number
  readonly arrived: Promise<void>
  readonly #bytes: Uint8Array<ArrayBuffer>
  #loaded = 0
  #readers: { readonly end: number; readonly resolve: () => void }[] = []

  constructor(answer: Response, { name, length }: { name: string; length: number }, options: ArrivalOptions) {
    this.name = name
    this.size = length
    const bytes = new Uint8Array(length)
    this.#bytes = bytes
    this.arrived = receive(answer, name, options, { pieces: 'copied', take: piece => this.#take(piece) }).then(() =>
      options.keep?.(bytes),
    )
    // Whoever reads learns of a failure; there may be nobody.
    this.arrived.catch(() => undefined)
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (end > this.#loaded) {
      await Promise.race([
        this.arrived,
        new Promise<void>(resolve => {
          this.#readers.push({ end, resolve })
        }),
      ])
    }
    return new Uint8Array(this.#bytes.buffer, start, end - start)
  }

  #take(piece: Uint8Array): void {
    this.#bytes.set(piece, this.#loaded)
    this.#loaded += piece.length
    for (const { end, resolve } of this.#readers) if (end <= this.#loaded) resolve()
    this.#readers = this.#readers.filter(({ end }) => end > this.#loaded)
  }
}

/** The length that a server states; undefined when it does not, or sends the body compressed. */
function statedLength({ headers }: Response): number | undefined {
  const length = headers.get('content-length')
  return length === null || !/^\d+$/.test(length) || headers.get('content-encoding') !== null
    ? undefined
    : Number(length)
}

/**
 * Whether a stated length is that of the body for certain: another origin hides from a page whether it has compressed
 * the body, but not the length of what it sends.
 */
const isExact = ({ type }: Response): boolean => type !== 'cors'

/** Reads a body to its end. */
async function receive(
  answer: Response,
  name: string,
  { onProgress }: ArrivalOptions,
  { pieces, take }: { readonly pieces: 'kept' | 'copied'; readonly take: (piece: Uint8Array<ArrayBuffer>) => void },
): Promise<void> {
  let total = statedLength(answer)
  const brokenOff = (rest: string, cause?: unknown): never => {
    throw new WeightsError(name, `the download broke off${rest}`, undefined, { cause })
  }
  let loaded = 0
  onProgress?.({ loaded, total })
  const read = answer.body && readerOf(answer.body, pieces)
  const next = () => read?.().catch((error: Error) => brokenOff(`: ${reasonOf(error)}`, error))
  for (let piece = await next(); piece && !piece.done; piece = await next()) {
    loaded += piece.value.length
    if (total !== undefined && loaded > total) {
      if (isExact(answer)) brokenOff(`: more than its ${total} bytes arrive`)
      total = undefined
    }
    take(piece.value)
    onProgress?.({ loaded, total })
  }
  if (total !== undefined && loaded !== total && isExact(answer)) brokenOff(` after ${loaded} of ${total} bytes`)
}

/** Room for a piece that is copied at once: what a browser passes on at a time. */
const pieceBytes = 2 ** 19

/**
 * Reads a body piece by piece. Where each is copied before the next, all come into one buffer: new ones for a whole file
 * would make a browser collect garbage while it has a network to compile.
 */
function readerOf(body: ReadableStream<Uint8Array<ArrayBuffer>>, pieces: 'kept' | 'copied'): () => Promise<Piece> {
  if (pieces === 'copied') {
    try {
      const reader = body.getReader({ mode: 'byob' })
      let buffer = new ArrayBuffer(pieceBytes)
      return async () => {
        const piece = await reader.read(new Uint8Array(buffer))
        if (piece.value) buffer = piece.value.buffer
        return piece
      }
    } catch {
      // A stream that makes its own buffers, as all do in Safari.
    }
  }
  const reader = body.getReader()
  return () => reader.read()
}

type Piece = ReadableStreamReadResult<Uint8Array<ArrayBuffer>>

async function receiveAll(answer: Response, name: string, options: ArrivalOptions): Promise<Uint8Array<ArrayBuffer>[]> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  await receive(answer, name, options, { pieces: 'kept', take: piece => pieces.push(piece) })
  return pieces
}

/** Node says why in the cause: "fetch failed" alone does not help. */
export function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message
}
