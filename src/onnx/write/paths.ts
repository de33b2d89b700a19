/** The module that each value of a graph belongs to, from the labels that modules give to what they return. */
import type { Tensor } from '../../graph/tensor.ts'
import type { BatchTrace } from './sizes.ts'

/**
 * Paths of modules by value: the label of a value that has one. Another value belongs to the module whose weights it reads; one that
 * joins values of several modules, such as the sum of a residual block, to the module around them; and any other to the module of the
 * value that reads it first.
 * @param names what variables are called
 */
export function pathsOf(trace: BatchTrace, nameOf: (tensor: Tensor) => string | undefined): Map<Tensor, string> {
  const readers = new Map<Tensor, Tensor>()
  for (const tensor of [...trace.order].reverse()) for (const input of tensor.inputs) readers.set(input, tensor)
  const made = new Map<Tensor, string>()
  for (const tensor of trace.order) {
    const { label, inputs } = tensor
    const own = inputs.map(input => nameOf(input) ?? made.get(input)).filter(name => name !== undefined)
    const modules = inputs.flatMap(input => nameOf(input)?.replace(/\.?[^.]*$/, '') ?? [])
    const joined = own.length > 1 && modules.length === 0 ? meetingPath(own, readers.get(tensor)?.label) : undefined
    const path = label ?? modules[0] ?? joined
    if (path !== undefined && tensor.op !== 'source') made.set(tensor, path)
  }
  const paths = new Map<Tensor, string>()
  for (const tensor of [...trace.order].reverse()) {
    const reader = readers.get(tensor)
    paths.set(tensor, made.get(tensor) ?? (reader && paths.get(reader)) ?? '')
  }
  return paths
}

/** The innermost module around some values, or around one of them and what reads their sum. */
function meetingPath(paths: readonly string[], reader: string | undefined): string {
  const pairs = reader === undefined ? [] : paths.map(path => [path, reader])
  return [paths, ...pairs].map(commonPath).reduce((longest, path) => (path.length > longest.length ? path : longest))
}

/** `layer1.0` of `layer1.0.bn2` and `layer1.0.downsample.1`. */
function commonPath(paths: readonly string[]): string {
  const parts = paths.map(path => path.split('.'))
  const [first] = parts
  const end = first.findIndex((part, k) => parts.some(other => other[k] !== part))
  return first.slice(0, end === -1 ? first.length : end).join('.')
}
