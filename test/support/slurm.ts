/** A Slurm of one node, of this machine alone: its daemons, ports, keys and files are its own, and end with the tests. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A running Slurm. */
export interface Slurm {
  /** What its commands need in their environment. */
  readonly env: Readonly<Record<string, string>>
  /** Ends it, with all jobs, and removes its files. */
  stop(): Promise<void>
}

/** Processors of its node, whatever the machine has. */
const processors = 4
const path = `${process.env.PATH}:/usr/sbin:/sbin`

/** Starts it. @returns why it cannot be started, in words */
export async function startSlurm(): Promise<Slurm | string> {
  if (process.getuid?.() !== 0) return 'needs root'
  for (const command of ['munged', 'slurmctld', 'slurmd', 'srun', 'sbatch']) {
    if (spawnSync('which', [command], { env: { PATH: path } }).status !== 0) return `${command} is not installed`
  }
  const folder = mkdtempSync(join(tmpdir(), 'fovea-slurm-'))
  const inFolder = (name: string) => join(folder, name)
  for (const name of ['state', 'spool']) mkdirSync(inFolder(name))
  writeFileSync(inFolder('key'), randomBytes(1024), { mode: 0o400 })
  writeFileSync(inFolder('slurm.conf'), configuration(folder, await freePort(), await freePort()))
  const env = { PATH: path, SLURM_CONF: inFolder('slurm.conf') }
  const daemons: ChildProcess[] = []
  const start = (command: string, ...args: string[]): void => {
    daemons.push(spawn(command, args, { env, stdio: 'ignore' }))
  }
  const stop = async (): Promise<void> => {
    spawnSync('scancel', ['--user=root'], { env })
    // The one that starts jobs ends last: it ends what they have started.
    for (const daemon of daemons.reverse()) {
      const over = new Promise(resolve => daemon.once('exit', resolve))
      if (daemon.exitCode === null && daemon.kill('SIGTERM')) await Promise.race([over, sleep(10_000)])
      daemon.kill('SIGKILL')
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const munge = ['pid-file', 'log-file', 'seed-file'].map(name => `--${name}=${inFolder(`munge-${name}`)}`)
  start('munged', '--foreground', '--force', `--key-file=${inFolder('key')}`, `--socket=${inFolder('munge')}`, ...munge)
  start('slurmctld', '-D', '-i')
  start('slurmd', '-D', '-N', hostname())
  for (let waited = 0; waited < 30_000; waited += 200) {
    const { stdout } = spawnSync('sinfo', ['--noheader', '--format=%T'], { env, encoding: 'utf8' })
    if (stdout?.trim() === 'idle') return { env, stop }
    await sleep(200)
  }
  const words = ['slurmctld.log', 'slurmd.log'].map(name => lastLine(inFolder(name)))
  await stop()
  return `does not start here: ${words.join('; ')}`
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? ''
  } catch {
    return `no ${file}`
  }
}

const configuration = (folder: string, controlPort: number, nodePort: number): string => `ClusterName=fovea
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmctldPort=${controlPort}
SlurmdPort=${nodePort}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=${hostname()} NodeAddr=127.0.0.1 CPUs=${processors} State=UNKNOWN
PartitionName=main Nodes=${hostname()} Default=YES MaxTime=INFINITE State=UP
`

/** A port that nobody listens on. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
