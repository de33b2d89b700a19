/** Which modules of a network are worth opening: as much as is quickly looked over. */
import type { DrawnNetwork } from './networkNode.ts'

/** Nodes that are quickly looked over. */
const usualMost = 60
/** Most nodes, as a multiple of those, once the first module of each kind is open. */
const withExamples = 3

/**
 * The modules to open so that as much is shown as is quickly looked over: level by level, as long as no more than `most` nodes are shown;
 * then of modules that are made alike, and still closed, the first.
 * @param most nodes; 60 by default
 * @returns ids of modules
 */
export function openModules({ nodes }: DrawnNetwork, most: number = usualMost): Set<number> {
  const children = new Map<number | undefined, number[]>()
  for (const { id, parent } of nodes) children.set(parent, [...(children.get(parent) ?? []), id])
  const isModule = (id: number): boolean => nodes[id]!.kind === 'module'
  const inside = (id: number): number[] => children.get(id) ?? []
  const open = new Set<number>()
  let shown = children.get(undefined) ?? []
  for (;;) {
    const next = shown.flatMap(id => (isModule(id) ? [id, ...inside(id)] : [id]))
    const closed = shown.filter(id => isModule(id) && !open.has(id))
    if (closed.length === 0 || next.length > most) break
    for (const id of closed) open.add(id)
    shown = next.filter((id, k) => next.indexOf(id) === k)
  }
  const seen = new Set<string>()
  let count = shown.length
  for (const id of shown.filter(id => isModule(id) && !open.has(id))) {
    const whole = [id, ...holdings(id, inside)]
    const kind = whole.map(own => nodes[own]!.type).join()
    if (seen.has(kind) || count + whole.length > withExamples * most) continue
    seen.add(kind)
    count += whole.length
    for (const own of whole) if (isModule(own)) open.add(own)
  }
  return open
}

/** All that a module holds, at any depth. */
const holdings = (id: number, inside: (id: number) => readonly number[]): number[] =>
  inside(id).flatMap(child => [child, ...holdings(child, inside)])
