/** A static web server for the browser tests: some folders, on a free port of this machine. */
import { readFile } from 'node:fs/promises'
import { createServer, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { text } from 'node:stream/consumers'

/** Headers that make a page cross-origin isolated, which shared memory needs. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** A running server. */
export interface TestServer {
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly origin: string
  close(): Promise<void>
}

const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/**
 * Serves folders, each under the path it is given by (`/package/` …), with the same headers everywhere.
 * @param onPost called with what pages send
 */
export async function serve(
  folders: Record<string, string>,
  headers: OutgoingHttpHeaders,
  onPost?: (body: string) => void,
): Promise<TestServer> {
  const server = createServer((request, response) => {
    if (onPost && request.method === 'POST') {
      text(request).then(onPost, () => undefined)
      response.writeHead(204, headers).end()
      return
    }
    const asked = normalize(decodeURI(new URL(request.url ?? '/', 'http://localhost').pathname))
    const path = asked.endsWith('/') ? `${asked}index.html` : asked
    const prefix = Object.keys(folders).find(prefix => path.startsWith(prefix))
    // Browsers ask for an icon by themselves.
    if (path === '/favicon.ico') response.writeHead(204).end()
    else if (prefix === undefined) response.writeHead(404).end()
    else {
      readFile(join(folders[prefix], path.slice(prefix.length))).then(
        bytes => {
          const type = types[extname(path)] ?? 'application/octet-stream'
          const own = { 'Content-Type': type, 'Content-Length': bytes.length }
          response.writeHead(200, { ...headers, ...own }).end(bytes)
        },
        () => response.writeHead(404).end(),
      )
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
