/**
 * The door of training on many processes: data-parallel training over MPI, and the collective operations it is made of.
 * For Node; without `mpirun` or `srun` there is one process, and no library is loaded.
 * @module fovea/distributed
 */
export type { Distribution } from '../train/distribution.ts'
export type { EvaluationShare, Ranks } from '../train/ranks.ts'
export { checkEqual, fromFirst, GroupError, gather, together } from './agree.ts'
export { type Communicator, type Exchanged, type Reduction, SilenceError } from './communicator.ts'
export {
  type ExchangeOptions,
  type FullExchange,
  type InPartsOptions,
  inParts,
  type OneBitExchange,
} from './inParts.ts'
export { MpiError } from './launcher.node.ts'
export { type MpiOptions, openMpi } from './mpi.node.ts'
export { soloCommunicator } from './solo.ts'
