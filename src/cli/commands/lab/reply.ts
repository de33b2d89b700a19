/** Answers of the Lab's server. */

/** A response. */
export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: Uint8Array | string
}

/** Types of files by the ends of their names. */
export const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

/** Sent with all of them. */
export const headers = {
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

/** A sentence. */
export const says = (status: number, body: string): Reply => ({ status, type: 'text/plain; charset=utf-8', body })

/** A value as JSON. */
export const tells = (value: unknown): Reply => ({ status: 200, type: types['.json']!, body: JSON.stringify(value) })
