/** The engines under the contract that all of them keep. */
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { createPlanEngine } from '../support/planEngine.ts'
import { threadedEngine } from '../support/threads.ts'
import { describeEngine } from './engineContract.ts'

describeEngine('reference', createReferenceEngine)
describeEngine('plans followed step by step', createPlanEngine)
describeEngine('wasm on one thread', () => createWasmEngine({ threads: 1 }))
describeEngine('wasm on two threads', () => threadedEngine({ threads: 2 }))
