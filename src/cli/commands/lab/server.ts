/**
 * The server of the Lab: the built page and data sets, on this machine only. Every address begins with a token, so that
 * no other page or user can guess it; the page is isolated, so that threads may share memory.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'
import type { DatasetSplits } from '../../../data/dataset.ts'
import { loadDataset } from '../../../recipe/datasets.node.ts'
import { type DatasetName, isDataset } from '../../../recipe/datasets.ts'
import { listen } from '../../listen.ts'
import { CommandError } from '../../terminal/errors.ts'
import { DataFolder } from './shards.ts'

/** Options of {@link serveLab}. */
export interface LabServerOptions {
  /** 0 for any free port. */
  readonly port: number
  /** The built page. */
  readonly site: string
  /** Called about errors while it serves. */
  readonly warn: (message: string) => void
  /** Reads a data set by name; by default as `fovea train` does. */
  readonly load?: (name: DatasetName) => Promise<DatasetSplits>
}

/** A running server. */
export interface LabServer {
  /** Where the page is, with a slash at its end. */
  readonly address: string
  close(): Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
}

/** A response. */
interface Reply {
  readonly status: number
  readonly type: string
  readonly body: Uint8Array | string
}

const says = (status: number, body: string): Reply => ({ status, type: 'text/plain; charset=utf-8', body })

/**
 * Starts the server on 127.0.0.1.
 * @throws CommandError when the page was not built, or the port is taken.
 */
export async function serveLab({ port, site, warn, load = loadDataset }: LabServerOptions): Promise<LabServer> {
  if (!existsSync(join(site, 'index.html'))) {
    throw new CommandError(`${site}: the Lab is not built; in a clone of the repository: npm run build`)
  }
  const token = randomBytes(16).toString('hex')
  const data = new DataSets(site, load)
  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const { port: own } = server.address() as AddressInfo
    // Refuses the name of another site that was pointed at this machine.
    if (!['127.0.0.1', 'localhost'].some(host => request.headers.host === `${host}:${own}`)) {
      return says(421, 'This server answers at 127.0.0.1 only.')
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return says(405, 'Only GET and HEAD.')
    const [, given, ...parts] = new URL(request.url ?? '/', 'http://localhost').pathname.split('/')
    if (given !== token)
      return says(403, 'The address needs the token that `fovea lab` printed. Open it as it stands there.')
    if (parts[0] === 'data' && parts.length === 3) return data.reply(parts[1]!, parts[2]!)
    return fileReply(site, parts.join('/') || 'index.html')
  }
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    answer(request)
      .catch((error: Error) => {
        warn(error.message)
        return says(500, error.message)
      })
      .then(({ status, type, body }) => {
        response.writeHead(status, { ...headers, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
  })
  const { port: own } = await listen(server, { host: '127.0.0.1', port, anyPort: 'none' })
  return {
    address: `http://127.0.0.1:${own}/${token}/`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function fileReply(site: string, name: string): Promise<Reply> {
  const path = normalize(join(site, decodeURIComponent(name)))
  if (!path.startsWith(site + sep)) return says(404, `${name}: no such file.`)
  return readFile(path).then(
    body => ({ status: 200, type: types[extname(path)] ?? 'application/octet-stream', body }),
    () => says(404, `${name}: no such file.`),
  )
}

/** Data sets, read when they are first requested. */
class DataSets {
  readonly #site: string
  readonly #load: (name: DatasetName) => Promise<DatasetSplits>
  readonly #folders = new Map<string, Promise<DataFolder>>()

  constructor(site: string, load: (name: DatasetName) => Promise<DatasetSplits>) {
    this.#site = site
    this.#load = load
  }

  async reply(name: string, file: string): Promise<Reply> {
    if (!isDataset(name)) return says(404, `${name}: no such data set.`)
    const folder = await this.#folder(name).catch((error: Error) => error)
    const type = file.endsWith('.json') ? types['.json']! : 'application/octet-stream'
    if (folder instanceof Error) {
      // Without the package of digits, the digits that come with the Lab remain.
      const own = await fileReply(this.#site, `data/${name}/${file}`)
      return own.status === 200 ? { ...own, type } : says(503, folder.message)
    }
    const body = folder.file(file)
    return body ? { status: 200, type, body } : says(404, `${name}/${file}: no such file.`)
  }

  #folder(name: DatasetName): Promise<DataFolder> {
    const known = this.#folders.get(name)
    if (known) return known
    const coming = this.#load(name).then(splits => new DataFolder(splits))
    // A failed request may be repeated: a download that broke off is resumed.
    coming.catch(() => this.#folders.delete(name))
    this.#folders.set(name, coming)
    return coming
  }
}
