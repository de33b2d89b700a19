/** What the environment of a process tells about its launcher. */
import { describe, expect, it } from 'vitest'
import { launched } from '../../src/distributed/launcher.node.ts'
import { loadMpi } from '../../src/distributed/library.node.ts'
import { openMpi } from '../../src/distributed/mpi.node.ts'

describe('a process', () => {
  it.each([
    ['of its own', {}, undefined],
    ['of Open MPI', { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4' }, { rank: 1, size: 4, kind: 'Open MPI' }],
    ['of MPICH', { PMI_RANK: '0', PMI_SIZE: '2' }, { rank: 0, size: 2, kind: 'MPICH' }],
    ['of srun --mpi=pmix', { SLURM_STEP_NUM_TASKS: '2', PMIX_RANK: '1' }, { rank: 1, size: 2, kind: 'Open MPI' }],
    ['of srun --mpi=pmi2 -n 1', { SLURM_STEP_NUM_TASKS: '1', PMI_RANK: '0', PMI_SIZE: '1' }, undefined],
    ['of srun -n 1', { SLURM_STEP_NUM_TASKS: '1', PMIX_RANK: '0' }, undefined],
    ['with FOVEA_MPI=off', { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4', FOVEA_MPI: 'off' }, undefined],
    ['with FOVEA_MPI=mpich', { PMI_RANK: '0', PMI_SIZE: '2', FOVEA_MPI: 'mpich' }, { rank: 0, size: 2, kind: 'MPICH' }],
    [
      'with a library',
      { PMI_RANK: '0', PMI_SIZE: '2', FOVEA_MPI: '/opt/libmpi.so' },
      { rank: 0, size: 2, kind: undefined, library: '/opt/libmpi.so' },
    ],
  ])('%s', (_, env, expected) => {
    expect(launched(env)).toEqual(expected)
  })

  it('of srun without MPI is told how to be connected', () => {
    expect(() => launched({ SLURM_STEP_NUM_TASKS: '4', SLURM_PROCID: '1' })).toThrow(
      'srun started 4 tasks that are not connected: add --mpi=pmix for Open MPI, or --mpi=pmi2 for MPICH',
    )
  })

  it('with an FOVEA_MPI that is none is told so', () => {
    expect(() => launched({ FOVEA_MPI: 'lam' })).toThrow(
      'FOVEA_MPI (=lam) must be off, openmpi, mpich, or the path of a library',
    )
  })

  it('without a launcher is a group of one', async () => {
    const communicator = await openMpi()
    expect(communicator).toMatchObject({ rank: 0, size: 1, name: 'one process' })
    const values = Float32Array.of(3)
    await communicator.allReduce(values)
    expect([...values]).toEqual([3])
    await communicator.close()
  })
})

it('a library that is missing is named, with what to install', () => {
  expect(() => loadMpi({ kind: 'MPICH', library: '/nowhere/libmpi.so' })).toThrow(
    /^the MPI library is missing: tried \/nowhere\/libmpi\.so \(.*\); install MPICH \(Debian: mpich\), or name its library by FOVEA_MPI/,
  )
})

it('a timeout must be a number of seconds', async () => {
  await expect(openMpi({ timeout: 0 })).rejects.toThrow('openMpi: timeout (=0) must be a number of seconds above 0')
})
