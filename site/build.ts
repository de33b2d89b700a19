/**
 * Builds the site: one folder of files for any server. `npm run site:build`, after `npm install`.
 * SITE_BASE is the folder that it will lie in at the server, `/` by default: `SITE_BASE=/fovea/ npm run site:build`.
 * SITE_OUT is where it is written, `dist-site` by default.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { deadLinks } from './links.ts'
import { buildLibrary } from './live/library.ts'
import { root } from './pages.ts'
import { build } from './vite.ts'

const base = process.env.SITE_BASE ?? '/'
if (!/^\/(?:.*\/)?$/.test(base)) throw new Error(`SITE_BASE (=${base}) must begin and end with a slash`)
const site = join(root, 'site')
const out = process.env.SITE_OUT ?? join(root, 'dist-site')

/** Runs a program of a package in a folder. */
function run(folder: string, name: string, program: string, ...args: readonly string[]): void {
  const path = join(dirname(createRequire(join(folder, 'package.json')).resolve(`${name}/package.json`)), program)
  execFileSync(process.execPath, [path, ...args], { cwd: folder, stdio: 'inherit' })
}

/** The packages of the site's own lock file, unless they are there. */
function install(): void {
  const time = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (time(join(site, 'node_modules/.package-lock.json')) >= time(join(site, 'package-lock.json'))) return
  // Also where NODE_ENV is production, for which npm leaves out what builds.
  execFileSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: site,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
}

/** The Lab, as `npm install` has built it. */
function copyLab(): void {
  const lab = join(root, 'dist/lab')
  if (!existsSync(join(lab, 'index.html'))) throw new Error('the Lab is not built: `npm run build` does it')
  cpSync(lab, join(out, 'lab'), { recursive: true })
}

/** What readers have without a network after a first visit: all but the API reference and the Lab, and the digits of the tutorials. */
function keptFiles(): (readonly [path: string, version: string])[] {
  const names = readdirSync(out, { recursive: true, encoding: 'utf8' }).map(name => name.replaceAll('\\', '/'))
  return names
    .filter(name => statSync(join(out, name)).isFile())
    .filter(name => !/^(?:api|lab)\//.test(name) || /^lab\/(?:data\/|icon)/.test(name))
    .sort()
    .map(name => [
      name,
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex')
        .slice(0, 12),
    ])
}

async function buildServiceWorker(): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'warn',
    root: site,
    publicDir: false,
    define: { __FILES__: JSON.stringify(keptFiles()) },
    build: {
      outDir: out,
      emptyOutDir: false,
      lib: { entry: join(site, 'serviceWorker.ts'), formats: ['es'], fileName: () => 'serviceWorker.js' },
    },
  })
}

install()
rmSync(out, { recursive: true, force: true })
run(site, 'vitepress', 'bin/vitepress.js', 'build')
run(root, 'typedoc', 'bin/typedoc', '--out', join(out, 'api'), '--logLevel', 'Warn')
copyLab()
await buildLibrary(join(out, 'live'))
const dead = deadLinks(out, base)
if (dead.length > 0) throw new Error(`${dead.length} links lead nowhere:\n${dead.join('\n')}`)
await buildServiceWorker()
