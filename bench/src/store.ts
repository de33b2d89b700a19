/** Results of rows, kept with the bench's build: a page can be written from several runs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
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

/** Reports of rows that are kept. */
export interface Store<Report extends { readonly id: string }> {
  /** Keeps a row's report, in the place of an older one. */
  keep(report: Report): void
  /** The report of a row; `undefined` when there is none. */
  kept(id: string): Report | undefined
}

/** What is kept in a folder beside the build. */
export function storeIn<Report extends { readonly id: string }>(folder: string): Store<Report> {
  const fileOf = (id: string): string => fileURLToPath(new URL(`./${folder}/${id}.json`, import.meta.url))
  return {
    keep(report) {
      const file = fileOf(report.id)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify(report))
    },
    kept(id) {
      const file = fileOf(id)
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined
    },
  }
}

/** Reports of the bench. */
export const { keep, kept } = storeIn<RowReport>('results')
