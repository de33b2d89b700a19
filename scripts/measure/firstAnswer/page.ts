/** What every page of `firstAnswer.ts` does: opens its network, asks it, and tells when, in milliseconds since the page was asked for. */

export const side = 224
export const mean = [0.485, 0.456, 0.406]
export const std = [0.229, 0.224, 0.225]

/** Threads that every library is told to use. */
export const threads = Number(new URLSearchParams(globalThis.location?.search).get('threads'))

/** Answers after the first. */
const answers = 20

/** What a page tells. */
export interface Report {
  /** When the network could be asked, and when it had answered. */
  readonly ready: number
  readonly first: number
  /** What each later answer took. */
  readonly later: readonly number[]
  readonly threads: number
  /** Addresses of all that the page has loaded. */
  readonly loaded: readonly string[]
  readonly logits: readonly number[]
}

/** A network that is ready to be asked. */
export interface Network {
  /** Threads that it has. */
  readonly threads: number
  /** @param pixels bytes `[side, side, 3]` @returns logits, or numbers that differ from them by the same amount */
  ask(pixels: Uint8Array): Promise<ArrayLike<number>>
}

/** Measures a network, and posts the report; of a failure, its message. */
export function measure(open: () => Promise<Network>): void {
  const tell = (report: Report | { readonly error: string }): void =>
    void fetch('/report', { method: 'POST', body: JSON.stringify(report) })
  report(open).then(tell, (error: unknown) => tell({ error: String(error) }))
}

async function report(open: () => Promise<Network>): Promise<Report> {
  const pixels = Uint8Array.from({ length: side * side * 3 }, (_, k) => (k * k * 7 + 31 * k) % 251)
  const network = await open()
  const ready = performance.now()
  const logits = Array.from(await network.ask(pixels))
  const first = performance.now()
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name)
  const later: number[] = []
  for (let k = 0; k < answers; k++) {
    const began = performance.now()
    await network.ask(pixels)
    later.push(performance.now() - began)
  }
  return { ready, first, later, threads: network.threads, loaded, logits }
}

/** Numbers of a picture as networks take them: `[3, side, side]`, or with the channels last. */
export function normalized(pixels: Uint8Array, order: 'channels first' | 'channels last'): Float32Array<ArrayBuffer> {
  const [step, start] = order === 'channels last' ? [3, 1] : [1, side * side]
  const numbers = new Float32Array(pixels.length)
  for (let c = 0; c < 3; c++) {
    const [scale, offset] = [1 / (255 * std[c]!), -mean[c]! / std[c]!]
    for (let i = 0; i < side * side; i++) numbers[c * start + i * step] = pixels[3 * i + c]! * scale + offset
  }
  return numbers
}
