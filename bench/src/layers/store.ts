/** Results of the layer sweep, kept with the bench's build: a page can be written from several runs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LayerTime } from './measure.ts'

/** The run that measured a layer. */
export interface LayerRun {
  readonly day: string
  readonly machine: string
  readonly node: string
  readonly command: string
  readonly loadBefore: number
  /** Names of contenders with versions and microseconds of a call that computes next to nothing. */
  readonly contenders: readonly {
    readonly name: string
    readonly version: string
    readonly emptyMicroseconds: number
  }[]
}

/** One layer at one thread count. */
export interface LayerResult {
  /** {@link Task.id}. */
  readonly id: string
  readonly run: LayerRun
  readonly times: readonly LayerTime[]
}

const fileOf = (threads: number): string => fileURLToPath(new URL(`../results/layers-${threads}.json`, import.meta.url))

/** Results that were kept for a thread count, by task. */
export function keptLayers(threads: number): Map<string, LayerResult> {
  const file = fileOf(threads)
  const results = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LayerResult[]) : []
  return new Map(results.map(result => [result.id, result]))
}

/** Keeps the results of a thread count in the place of older ones. */
export function keepLayers(threads: number, results: ReadonlyMap<string, LayerResult>): void {
  const file = fileOf(threads)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify([...results.values()]))
}
