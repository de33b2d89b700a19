/** What the numbers were measured on. */
import { cpus, loadavg, release, totalmem, type } from 'node:os'

/** Processor, cores, memory, system: `4 × AMD EPYC 9R14, 16 GB, Linux 6.1.0`. */
export function machine(): string {
  const processors = cpus()
  return `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`
}

/** Processes that wanted to run during the last minute, on average: near 0 before a bench that can be trusted. */
export const load = (): number => loadavg()[0]
