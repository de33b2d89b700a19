/** What a step asks of the graphics processor, whoever makes it: counted by what the browser's own objects are called for. */

/** Calls of one step. */
export interface CallCounts {
  dispatches: number
  /** Compute passes that the dispatches are in. */
  passes: number
  submissions: number
  bindGroups: number
  /** Buffers that were made. */
  buffers: number
  /** Uploads into buffers by the queue. */
  writes: number
  /** Buffers that were read, for which the page waits. */
  reads: number
}

/** Counts what happens while `work` runs. Nobody else may use WebGPU in the meantime. */
export async function counted(work: () => Promise<unknown>): Promise<CallCounts> {
  const counts: CallCounts = {
    dispatches: 0,
    passes: 0,
    submissions: 0,
    bindGroups: 0,
    buffers: 0,
    writes: 0,
    reads: 0,
  }
  const restore = [
    watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => counts.dispatches++),
    watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', () => counts.dispatches++),
    watch(GPUCommandEncoder.prototype, 'beginComputePass', () => counts.passes++),
    watch(GPUQueue.prototype, 'submit', () => counts.submissions++),
    watch(GPUDevice.prototype, 'createBuffer', () => counts.buffers++),
    watch(GPUDevice.prototype, 'createBindGroup', () => counts.bindGroups++),
    watch(GPUQueue.prototype, 'writeBuffer', () => counts.writes++),
    watch(GPUBuffer.prototype, 'mapAsync', () => counts.reads++),
  ]
  try {
    await work()
  } finally {
    for (const undo of restore) undo()
  }
  return counts
}

/** Tells of every call of a method; returns what ends that. */
function watch<T extends object>(prototype: T, name: keyof T & string, tell: () => void): () => void {
  const original = prototype[name] as unknown as (...operands: unknown[]) => unknown
  Reflect.set(prototype, name, function (this: unknown, ...operands: unknown[]): unknown {
    tell()
    return original.apply(this, operands)
  })
  return () => void Reflect.set(prototype, name, original)
}
