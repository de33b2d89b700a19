/** What the numbers were measured on. */
import { readFileSync } from 'node:fs'
import { cpus, freemem, loadavg, release, totalmem, type } from 'node:os'
import { say } from './say.ts'

/** Processor, cores, memory, system: `4 × AMD EPYC 9R14, 16 GB, Linux 6.1.0`. */
export function machine(): string {
  const processors = cpus()
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`
}

/** Processes that wanted to run during the last minute, on average: near 0 before a bench that can be trusted. */
export const load = (): number => loadavg()[0]

/** The load before a run, which is remarked where it is too high. */
export function checkedLoad(): number {
  const before = load()
  if (before > 0.5) say(`the load is ${before.toFixed(2)}: other programs are running, and the numbers will show it`)
  return before
}

/** GiB that programs can still have: free, or used for files that can be read again. */
export function freeGiB(): number {
  try {
    const match = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
    if (match) return Number(match[1]) / 2 ** 20
  } catch {
    // Not Linux: what is free has to do.
  }
  return freemem() / 2 ** 30
}
