/** Who started this process: `mpirun` or `srun`, as its environment tells. */
import process from 'node:process'

/** An implementation of MPI. */
export type MpiKind = 'Open MPI' | 'MPICH'

/** What a launcher says. */
export interface Launched {
  readonly rank: number
  readonly size: number
  /** Whose library the processes need; undefined when the launcher does not say. */
  readonly kind: MpiKind | undefined
  /** The library itself, when the environment names it. */
  readonly library?: string
}

/** Thrown when processes cannot train together for a reason that a user can mend. */
export class MpiError extends Error {
  override readonly name = 'MpiError'
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * What started this process, and as how many.
 *
 * Open MPI sets OMPI_COMM_WORLD_RANK and …_SIZE; MPICH, Intel MPI and MVAPICH set PMI_RANK and PMI_SIZE; `srun --mpi=pmix`
 * sets PMIX_RANK, for Open MPI. `FOVEA_MPI` is `off`, `openmpi`, `mpich`, or the path of a library.
 * @returns undefined for a process on its own
 * @throws MpiError for tasks of `srun` that are not connected, and an FOVEA_MPI that is none of these
 */
export function launched(env: Environment = process.env): Launched | undefined {
  const wanted = env.FOVEA_MPI ?? ''
  if (wanted === 'off') return undefined
  const named = kinds[wanted]
  if (wanted !== '' && named === undefined && !wanted.includes('/')) {
    throw new MpiError(`FOVEA_MPI (=${wanted}) must be off, openmpi, mpich, or the path of a library`)
  }
  const found = fromOpenMpi(env) ?? fromPmi(env) ?? fromSlurm(env)
  if (!found) return undefined
  return { ...found, ...(named && { kind: named }), ...(wanted.includes('/') && { library: wanted, kind: undefined }) }
}

const kinds: Readonly<Record<string, MpiKind>> = { openmpi: 'Open MPI', mpich: 'MPICH' }

function fromOpenMpi(env: Environment): Launched | undefined {
  return numbered(env.OMPI_COMM_WORLD_RANK, env.OMPI_COMM_WORLD_SIZE, 'Open MPI')
}

/** (Where clusters make `--mpi=pmi2` the default, `srun` sets these for a single task too, which is no group.) */
const fromPmi = (env: Environment): Launched | undefined =>
  env.PMI_SIZE === '1' && env.SLURM_STEP_NUM_TASKS === '1' ? undefined : numbered(env.PMI_RANK, env.PMI_SIZE, 'MPICH')

function fromSlurm(env: Environment): Launched | undefined {
  const tasks = env.SLURM_STEP_NUM_TASKS
  // A single task is no group: a trial of a study, for example.
  if (tasks === undefined || Number(tasks) < 2) return undefined
  if (env.PMIX_RANK !== undefined) return numbered(env.PMIX_RANK, tasks, 'Open MPI')
  throw new MpiError(
    `srun started ${tasks} tasks that are not connected: add --mpi=pmix for Open MPI, or --mpi=pmi2 for MPICH ` +
      '(FOVEA_MPI=off lets each train alone)',
  )
}

function numbered(rank: string | undefined, size: string | undefined, kind: MpiKind): Launched | undefined {
  if (rank === undefined || size === undefined) return undefined
  return { rank: Number(rank), size: Number(size), kind }
}
