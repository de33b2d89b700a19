/**
 * Hosts and links on one machine: network namespaces that are joined by a bridge, with `tbf` for the rate of each link.
 * For Linux, as root, with iproute2.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A kind of link. */
export interface LinkKind {
  readonly name: string
  /** In `tc`'s words; undefined for no limit. */
  readonly rate: string | undefined
  /** Bytes of a gradient that it carries in a millisecond: of a frame of 1,514 bytes 1,448 are contents. */
  readonly bytesPerMs: number
}

const payload = 1448 / 1514

const limited = (name: string, rate: string, bits: number): LinkKind => ({
  name,
  rate,
  bytesPerMs: (bits / 8 / 1000) * payload,
})

/** The links that are measured. */
export const links: readonly LinkKind[] = [
  { name: 'no limit', rate: undefined, bytesPerMs: Number.POSITIVE_INFINITY },
  limited('1 Gbit/s', '1gbit', 1e9),
  limited('100 Mbit/s', '100mbit', 1e8),
]

/** Links that are only predicted. */
export const fasterLink: LinkKind = limited('10 Gbit/s', '10gbit', 1e10)

/** Name of a host, and its address. */
export const hostOf = (rank: number): string => `foveabench${rank}`
export const addressOf = (rank: number): string => `10.77.0.${rank + 1}`
/** The network of all hosts, and its interface on each. */
export const network = '10.77.0.0/24'
export const device = 'eth0'

const bridgeHost = 'foveabenchsw'

/** Hosts that are up. */
export class Hosts {
  readonly #folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  readonly #count: number
  /** A script that runs a command on a host, with the arguments of `ssh`. */
  readonly shell: string

  /** @throws Error when they cannot be made: not root, or no iproute2 */
  constructor(count: number, { rate }: LinkKind) {
    this.#count = count
    this.shell = join(this.#folder, 'shell')
    writeFileSync(
      this.shell,
      `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
host=$1; shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"
`,
    )
    chmodSync(this.shell, 0o755)
    this.#remove()
    try {
      this.#make(rate)
    } catch (error) {
      this.close()
      throw new Error('network namespaces cannot be made; this needs Linux, root, iproute2 and tbf', { cause: error })
    }
  }

  close(): void {
    this.#remove()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #make(rate: string | undefined): void {
    ip('netns', 'add', bridgeHost)
    within(bridgeHost, 'ip', 'link', 'add', 'br0', 'type', 'bridge')
    within(bridgeHost, 'ip', 'link', 'set', 'br0', 'up')
    for (let rank = 0; rank < this.#count; rank++) {
      const host = hostOf(rank)
      ip('netns', 'add', host)
      ip('link', 'add', device, 'netns', host, 'type', 'veth', 'peer', 'name', `port${rank}`, 'netns', bridgeHost)
      within(host, 'ip', 'addr', 'add', `${addressOf(rank)}/24`, 'dev', device)
      within(host, 'ip', 'link', 'set', device, 'up')
      within(host, 'ip', 'link', 'set', 'lo', 'up')
      within(bridgeHost, 'ip', 'link', 'set', `port${rank}`, 'master', 'br0', 'up')
      if (rate === undefined) continue
      const shape = ['root', 'tbf', 'rate', rate, 'burst', '64kb', 'latency', '400ms']
      within(host, 'tc', 'qdisc', 'add', 'dev', device, ...shape)
    }
  }

  #remove(): void {
    for (const host of [bridgeHost, ...Array.from({ length: this.#count }, (_, rank) => hostOf(rank))]) {
      try {
        ip('netns', 'del', host)
      } catch {
        // It was not there.
      }
    }
  }
}

const ip = (...words: readonly string[]): void =>
  void execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })

const within = (host: string, ...words: readonly string[]): void => ip('netns', 'exec', host, ...words)
