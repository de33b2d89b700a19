/**
 * The server of the Lab: the built page, data sets and runs, on this machine only. Every address begins with a token, so that
 * no other page or user can guess it; the page is isolated, so that threads may share memory.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'
import { Kept } from '../../../async/kept.ts'
import type { DatasetSplits } from '../../../data/dataset.ts'
import { loadDataset } from '../../../recipe/datasets.node.ts'
import { type DatasetName, isDataset } from '../../../recipe/datasets.ts'
import { listen } from '../../listen.ts'
import { CommandError } from '../../terminal/errors.ts'
import { headers, type Reply, says, types } from './reply.ts'
import { LabRuns } from './runs.ts'
import { DataFolder } from './shards.ts'
import { type Steered, steerReply } from './steer.ts'

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
  /** A folder of runs, or one run, to be shown as well; none by default. */
  readonly runs?: string | undefined
  /** A training of this process that the page may steer. */
  readonly steered?: Steered | undefined
}

/** A running server. */
export interface LabServer {
  /** Where the page is, with a slash at its end. */
  readonly address: string
  close(): Promise<void>
}

/** @throws CommandError when the page was not built. */
export function checkBuilt(site: string): void {
  if (existsSync(join(site, 'index.html'))) return
  throw new CommandError(`${site}: the Lab is not built; in a clone of the repository: npm run build`)
}

/**
 * Starts the server on 127.0.0.1.
 * @throws CommandError when the page was not built, the folder of runs does not exist, or the port is taken.
 */
export async function serveLab({
  port,
  site,
  warn,
  load = loadDataset,
  runs: folder,
  steered,
}: LabServerOptions): Promise<LabServer> {
  checkBuilt(site)
  if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CommandError(`${folder}: no such folder; expected a folder of runs, or one run`)
  }
  const token = randomBytes(16).toString('hex')
  const data = new DataSets(site, load)
  const runs = folder === undefined ? undefined : new LabRuns(folder)
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<Reply | undefined> => {
    const { port: own } = server.address() as AddressInfo
    // Refuses the name of another site that was pointed at this machine.
    if (!['127.0.0.1', 'localhost'].some(host => request.headers.host === `${host}:${own}`)) {
      return says(421, 'This server answers at 127.0.0.1 only.')
    }
    const isPost = request.method === 'POST'
    if (!isPost && request.method !== 'GET' && request.method !== 'HEAD') return says(405, 'Only GET and HEAD.')
    const url = addressOf(request.url)
    if (!url) return says(400, 'The address cannot be read.')
    const [, given, ...parts] = url.pathname.split('/')
    if (given !== token)
      return says(403, 'The address needs the token that `fovea lab` printed. Open it as it stands there.')
    if (isPost) {
      const origins = ['127.0.0.1', 'localhost'].map(host => `http://${host}:${own}`)
      if (steered && parts.join('/') === 'runs/steer') return steerReply(request, steered, origins)
      return says(405, 'Only GET and HEAD.')
    }
    if (parts[0] === 'data' && parts.length === 3) return data.reply(parts[1]!, parts[2]!)
    if (parts[0] === 'runs') {
      if (!runs) return says(404, 'No runs are served; fovea lab FOLDER serves those of a folder.')
      if (parts.length !== 2) return says(404, 'runs: no such answer.')
      if (parts[1] !== 'stream') return runs.reply(parts[1]!, url.searchParams)
      if (request.method === 'HEAD') return says(405, 'Only GET.')
      await runs.stream(request, response, url.searchParams)
      return undefined
    }
    const name = parts.join('/') || 'index.html'
    const file = await fileReply(site, name)
    return name === 'index.html' && runs
      ? { ...file, body: withRuns(String(file.body), runs.title, steered?.run) }
      : file
  }
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    answer(request, response)
      .catch((error: Error) => {
        warn(error.message)
        return says(500, error.message)
      })
      .then(reply => {
        // A stream has its own head, and goes on.
        if (!reply || response.headersSent) return
        const { status, type, body } = reply
        response.writeHead(status, { ...headers, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
        response.end(request.method === 'HEAD' ? undefined : body)
      })
  })
  const { port: own } = await listen(server, { host: '127.0.0.1', port, anyPort: 'none' })
  return {
    address: `http://127.0.0.1:${own}/${token}/`,
    async close() {
      const closed = new Promise<void>(resolve => {
        server.close(() => resolve())
      })
      server.closeAllConnections()
      await Promise.all([closed, runs?.close()])
    },
  }
}

/** The address of a request; undefined for what is none. */
function addressOf(text = '/'): URL | undefined {
  try {
    return new URL(text, 'http://localhost')
  } catch {
    return undefined
  }
}

/** The page, with the fact that runs are served, of which folder, and which run is steered. */
function withRuns(page: string, title: string, steered: string | undefined): string {
  const escaped = (text: string): string => text.replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`)
  const meta = (name: string, text: string): string => `\n    <meta name="${name}" content="${escaped(text)}" />`
  const more = steered === undefined ? '' : meta('fovea-steered', steered)
  return page.replace('</title>', () => `</title>${meta('fovea-runs', title)}${more}`)
}

async function fileReply(site: string, name: string): Promise<Reply> {
  const missing = says(404, 'No such file.')
  let path: string
  try {
    path = normalize(join(site, decodeURIComponent(name)))
  } catch {
    return missing
  }
  if (!path.startsWith(site + sep)) return missing
  return readFile(path).then(
    body => ({ status: 200, type: types[extname(path)] ?? 'application/octet-stream', body }),
    () => missing,
  )
}

/** Data sets, read when they are first requested. */
class DataSets {
  readonly #site: string
  readonly #load: (name: DatasetName) => Promise<DatasetSplits>
  readonly #folders = new Kept<DatasetName, DataFolder>()

  constructor(site: string, load: (name: DatasetName) => Promise<DatasetSplits>) {
    this.#site = site
    this.#load = load
  }

  async reply(name: string, file: string): Promise<Reply> {
    if (!isDataset(name)) return says(404, `${name}: no such data set.`)
    // A failed request may be repeated: a download that broke off is resumed.
    const read = (): Promise<DataFolder> => this.#load(name).then(splits => new DataFolder(splits))
    const folder = await this.#folders.of(name, read).catch((error: Error) => error)
    const type = file.endsWith('.json') ? types['.json']! : 'application/octet-stream'
    if (folder instanceof Error) {
      // Without the package of digits, the digits that come with the Lab remain.
      const own = await fileReply(this.#site, `data/${name}/${file}`)
      return own.status === 200 ? { ...own, type } : says(503, folder.message)
    }
    const body = folder.file(file)
    return body ? { status: 200, type, body } : says(404, `${name}/${file}: no such file.`)
  }
}
