/** A second Node to measure Fovea with, besides the one that the bench runs on. */
import { execFileSync } from 'node:child_process'

/** Its file, and its name in the tables: `Node 26`. */
export interface SecondNode {
  readonly path: string
  readonly name: string
}

/** The Node that `FOVEA_BENCH_NODE` names, if it names one. @throws Error when that is no Node. */
export function secondNode(): SecondNode | undefined {
  const { FOVEA_BENCH_NODE: path } = process.env
  if (path === undefined || path === '') return undefined
  const [, major] = /^v(\d+)\./.exec(execFileSync(path, ['--version'], { encoding: 'utf8' })) ?? []
  if (major === undefined) throw new Error(`FOVEA_BENCH_NODE (=${path}) is no Node`)
  return { path, name: `Node ${major}` }
}
