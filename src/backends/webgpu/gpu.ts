/** The way to the graphics processor: `navigator.gpu` of browsers, or Dawn, by the npm package `webgpu`, in Node. */
import { peerPlaces } from '../peers.ts'
import { nodeModules } from '../wasm/runtime/features.ts'

/** The package `webgpu`. */
interface DawnPackage {
  create(options: readonly string[]): GPU
}

/** @throws Error saying what is missing. */
export function findGPU(): GPU {
  const { navigator, process } = globalThis as { navigator?: { gpu?: GPU }; process?: NodeJS.Process }
  if (navigator?.gpu) return navigator.gpu
  if (process && nodeModules()) return dawn(process)
  throw new Error(
    'webgpu: this browser has no WebGPU (navigator.gpu is missing); it also needs a secure context: https or localhost',
  )
}

let loaded: GPU | undefined

/** Dawn, loaded once: its objects keep it alive only as long as it is referenced. */
function dawn(process: NodeJS.Process): GPU {
  loaded ??= loadDawn(process)
  return loaded
}

function loadDawn(process: NodeJS.Process): GPU {
  let problem: unknown
  for (const { path, require } of peerPlaces(process, 'webgpu')) {
    try {
      return (require(path) as DawnPackage).create([])
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
      if (!missing) problem ??= error
    }
  }
  if (problem) {
    const { code, message } = problem as NodeJS.ErrnoException
    const reason = code === 'ERR_REQUIRE_ESM' ? `it needs Node 20.19 or later; this is ${process.version}` : message
    throw new Error(`webgpu: the npm package webgpu does not load: ${reason}`, { cause: problem })
  }
  throw new Error('webgpu: in Node it needs the npm package webgpu, which is missing: run `npm install webgpu`')
}
