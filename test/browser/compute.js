/**
 * A product of two matrices on an engine of two threads, large enough for both: `compute()` on a page, here or in a worker, answers
 * with how the engine computed and whether it did so rightly, or with its error.
 */
const side = 512

/** Computes where it is called. */
export async function compute() {
  try {
    const { createEngine, input, matmul } = await import('/package/index.js')
    const engine = createEngine({ threads: 2 })
    const outputs = { y: matmul(input('a', [side, side]), input('b', [side, side])) }
    const executable = await engine.compile({ outputs, updates: new Map() })
    const filled = value => new Float32Array(side * side).fill(value)
    const { y } = await executable.run({ a: filled(1), b: filled(2) })
    const right = y.every(value => value === 2 * side)
    const { description } = engine
    await engine.close()
    return { ...description, right }
  } catch (error) {
    return { error: `${error?.message}` }
  }
}

globalThis.compute = compute
globalThis.computeInWorker = () => {
  const worker = new Worker(workerUrl(), { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = event => reject(new Error(event.message))
  }).finally(() => worker.terminate())
}

/** The page's own worker, as a page with Trusted Types starts it. */
function workerUrl() {
  const policy = globalThis.trustedTypes?.createPolicy('page', { createScriptURL: url => url })
  return policy ? policy.createScriptURL('computeWorker.js') : 'computeWorker.js'
}
