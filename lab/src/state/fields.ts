/**
 * The part of the picture that a unit sees, with its place. Along the layers a window of kernel k, stride s and padding p moves
 * the field's first pixel by −p and then k − 1 steps of the jump reach further (Araujo, Norris and Sim, Distill 2019).
 */
import type { LayerInfo } from '../worker/protocol.ts'
import type { Place } from './link.ts'

/** Pixels of the picture; may reach over its border, where padding is. */
export interface Field {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** Size, distance and first pixel of the fields of a layer's cells, along one axis. */
export interface FieldRule {
  readonly size: number
  readonly jump: number
  readonly first: number
}

/** The fields of every layer with maps, and of what passes on from it. */
export function fieldRules(layers: readonly LayerInfo[]): Map<string, FieldRule> {
  const rules = new Map<string, FieldRule>()
  let rule: FieldRule = { size: 1, jump: 1, first: 0 }
  for (const { path, window, shape, passed } of layers) {
    if (!window) break
    rule = moved(rule, window.kernel, window.stride, window.padding)
    rules.set(path, rule)
    if (!passed) continue
    // A pool that divides the rows by its stride, with windows that do not overlap.
    const pool = Math.floor(shape[1]! / passed.shape[1]!)
    if (pool > 1) rule = moved(rule, pool, pool, 0)
    rules.set(passed.path, rule)
  }
  return rules
}

const moved = ({ size, jump, first }: FieldRule, kernel: number, stride: number, padding: number): FieldRule => ({
  size: size + (kernel - 1) * jump,
  jump: jump * stride,
  first: first - padding * jump,
})

/** The field of a cell; none for a unit that sees everything, and where the place has no cell. */
export function fieldOf(layers: readonly LayerInfo[], { layer, row, column }: Place): Field | undefined {
  const rule = fieldRules(layers).get(layer)
  if (!rule || row === undefined || column === undefined) return undefined
  const { size, jump, first } = rule
  return { top: first + row * jump, left: first + column * jump, height: size, width: size }
}
