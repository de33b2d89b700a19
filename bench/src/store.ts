/** Results of rows, kept with the bench's build: a page can be written from several runs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FoveaDetails, FoveaEpoch } from './contenders/fovea.ts'
import type { Result } from './measure.ts'
import type { WasmPeak } from './wasmPeak.ts'

/** What was learned about Fovea alone. */
export interface SubjectReport {
  readonly threads: number
  readonly details: FoveaDetails
  /** LeNet-5 only. */
  readonly epoch?: FoveaEpoch & { readonly peakBytes: number | null }
}

/** A line of the tables: who, and what was measured by thread count; `undefined` where one thread says it all. */
export interface Line {
  readonly name: string
  readonly kind: 'fovea' | 'native' | 'javascript'
  readonly results: readonly (Result | undefined)[]
}

/** Everything a run found out about a row. */
export interface RowReport {
  readonly id: string
  /** `2026-11-21`. */
  readonly day: string
  readonly machine: string
  readonly node: string
  readonly command: string
  readonly loadBefore: number
  readonly threads: readonly number[]
  readonly lines: readonly Line[]
  readonly peak: WasmPeak
  readonly subject: readonly SubjectReport[]
}

const folder = new URL('./results/', import.meta.url)
const fileOf = (id: string): string => fileURLToPath(new URL(`${id}.json`, folder))

/** Keeps a row's results, in the place of older ones. */
export function keep(report: RowReport): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(report.id), JSON.stringify(report))
}

/** Results of a row that were kept; `undefined` when there are none. */
export function kept(id: string): RowReport | undefined {
  return existsSync(fileOf(id)) ? (JSON.parse(readFileSync(fileOf(id), 'utf8')) as RowReport) : undefined
}
