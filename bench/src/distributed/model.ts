/**
 * How long a step of many processes takes, from what two of them did on a link without a limit: when each bucket of
 * gradients was there, its bytes, and the latency of an operation. Every process has one part of the batch, and as many
 * images however many there are. What the model leaves out: processes that are slower than others, and switches that
 * cannot carry all links at once.
 */
import type { LinkKind } from './links.ts'

/** Bytes that begin to be exchanged at some time of a step. */
export interface Begun {
  /** Milliseconds from the beginning of the step. */
  readonly at: number
  readonly bytes: number
}

/** What was seen of a step. */
export interface Observed {
  /** Milliseconds of the step. */
  readonly step: number
  readonly begun: readonly Begun[]
  /** Milliseconds from the last operation's end to the end of the step. */
  readonly after: number
  /** Milliseconds of an operation on a few bytes between two processes. */
  readonly latency: number
}

/** How much a link must carry for a bucket. */
interface Traffic {
  /** Bytes that a process receives, for each byte of the bucket. */
  readonly share: number
  /** Messages one after another. */
  readonly messages: number
}

/** Milliseconds from the beginning of a step to the end of its last exchange: one bucket after another. */
function lastExchange({ begun, latency }: Observed, { bytesPerMs }: LinkKind, { share, messages }: Traffic): number {
  return begun.reduce((end, { at, bytes }) => Math.max(end, at) + messages * latency + (share * bytes) / bytesPerMs, 0)
}

/** All-to-all and all-gather: each brings (n − 1) / n of the bytes, from n − 1 others. */
const treeTraffic = (processes: number): Traffic => ({
  share: (2 * (processes - 1)) / processes,
  messages: 2 * (processes - 1),
})

/** All-gather of packets: n − 1 times their bytes. */
const packetTraffic = (processes: number): Traffic => ({ share: processes - 1, messages: processes - 1 })

const unlimited: Pick<LinkKind, 'bytesPerMs'> & LinkKind = {
  name: 'no limit',
  rate: undefined,
  bytesPerMs: Number.POSITIVE_INFINITY,
}

/** Milliseconds of a step in full precision. */
export function fullStep(observed: Observed, link: LinkKind, processes: number): number {
  const exchange = (on: LinkKind, n: number): number => lastExchange(observed, on, treeTraffic(n))
  return observed.step + exchange(link, processes) - exchange(unlimited, 2)
}

/**
 * Milliseconds of a step of 1-bit gradients, whose `bytes` are those of a packet.
 * @param full what was seen in full precision: its end of a step has no packets to unpack, of which there are `n`
 */
export function oneBitStep(observed: Observed, full: Observed, link: LinkKind, processes: number): number {
  const unpacking = Math.max(0, observed.after - full.after) / 2
  const exchange = (on: LinkKind, n: number): number => lastExchange(observed, on, packetTraffic(n))
  return observed.step + exchange(link, processes) - exchange(unlimited, 2) + (processes - 2) * unpacking
}
