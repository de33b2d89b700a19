/** Commands that steer a training: taken from the page with its token, and from nobody and nothing else. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LabServer, serveLab } from '../../src/cli/commands/lab/server.ts'
import type { SteerCommand } from '../../src/cli/commands/lab/steer.ts'
import { makeRun, startLine } from '../support/runLogs.ts'

let folder: string
let server: LabServer
let path: string
let port: number
let isOver = false
const taken: SteerCommand[] = []
const warnings: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-steer-'))
  await mkdir(join(folder, 'site'))
  await writeFile(join(folder, 'site/index.html'), '<title>Fovea Lab</title>')
  const run = makeRun(folder, 'r"un', startLine())
  const steered = {
    run: 'r"un',
    get isOver() {
      return isOver
    },
    take: (command: SteerCommand) => taken.push(command),
  }
  server = await serveLab({
    port: 0,
    site: join(folder, 'site'),
    warn: text => warnings.push(text),
    runs: run,
    steered,
  })
  const { pathname, port: own } = new URL(server.address)
  path = `${pathname}runs/steer`
  port = Number(own)
})
beforeEach(() => {
  taken.length = 0
  isOver = false
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
  expect(warnings).toEqual([])
})

interface Asked {
  readonly to?: string
  readonly method?: string
  readonly host?: string
  /** Lines of the head; undefined leaves one out. */
  readonly origin?: string | undefined
  readonly type?: string | undefined
  readonly length?: number | string
}

/** Sends bytes as they are. @returns the status; NaN where the connection was just closed */
function post(body: string, asked: Asked = {}): Promise<number> {
  const { to = path, method = 'POST', host = `127.0.0.1:${port}` } = asked
  const origin = 'origin' in asked ? asked.origin : `http://127.0.0.1:${port}`
  const type = 'type' in asked ? asked.type : 'application/json'
  const lines = [
    `${method} ${to} HTTP/1.1`,
    `Host: ${host}`,
    ...(origin === undefined ? [] : [`Origin: ${origin}`]),
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    `Content-Length: ${asked.length ?? Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  return new Promise(resolve => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`))
    socket.on('data', data => {
      answer += data.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])))
  })
}

test.each([
  [{ action: 'pause' }],
  [{ action: 'goOn' }],
  [{ action: 'step' }],
  [{ action: 'stop' }],
  [{ action: 'rate', factor: 0.5 }],
  [{ action: 'rate', rate: 1e-3 }],
])('%o is taken', async command => {
  expect(await post(JSON.stringify(command))).toBe(202)
  expect(await post(JSON.stringify(command), { origin: `http://localhost:${port}` })).toBe(202)
  expect(taken).toEqual([command, command])
})

test('the page is told which run it steers', async () => {
  const page = await (await fetch(server.address)).text()
  expect(page).toContain('<meta name="fovea-steered" content="r&#34;un" />')
})

describe('nothing is taken', () => {
  const pause = '{"action":"pause"}'
  const refused = async (status: number, body: string, asked?: Asked): Promise<void> => {
    expect(await post(body, asked)).toBe(status)
    expect(taken).toEqual([])
  }

  test.each<[string, () => Asked, number]>([
    ['without the token', () => ({ to: '/runs/steer' }), 403],
    ['with another token', () => ({ to: `/${'0'.repeat(32)}/runs/steer` }), 403],
    ['from no origin', () => ({ origin: undefined }), 403],
    ['from another site', () => ({ origin: 'https://example.com' }), 403],
    ['from a sandbox', () => ({ origin: 'null' }), 403],
    ['from another port', () => ({ origin: `http://127.0.0.1:${port + 1}` }), 403],
    ['from https', () => ({ origin: `https://127.0.0.1:${port}` }), 403],
    ['from a name that begins alike', () => ({ origin: `http://127.0.0.1:${port}.example.com` }), 403],
    ['for another host', () => ({ host: 'example.com' }), 421],
    ['for another port of this host', () => ({ host: `127.0.0.1:${port + 1}` }), 421],
    ['as a form', () => ({ type: 'application/x-www-form-urlencoded' }), 415],
    ['as text, which a page may send elsewhere unasked', () => ({ type: 'text/plain' }), 415],
    ['as nothing', () => ({ type: undefined }), 415],
    ['by PUT', () => ({ method: 'PUT' }), 405],
    ['elsewhere', () => ({ to: path.replace('steer', 'list') }), 405],
    ['at the page', () => ({ to: path.replace('runs/steer', '') }), 405],
    ['below', () => ({ to: `${path}/x` }), 405],
  ])('%s', (_, asked, status) => refused(status, pause, asked()))

  test.each([
    ['huge, as it says', `{"action":"${'x'.repeat(5000)}"}`, 413],
    ['not JSON', '{', 400],
    ['no object', '"pause"', 400],
    ['a list', '[{"action":"pause"}]', 400],
    ['nothing', '', 400],
    ['unknown', '{"action":"format"}', 400],
    ['of a prototype', '{"action":"__proto__"}', 400],
    ['of a constructor', '{"action":"constructor"}', 400],
    ['with another field', '{"action":"pause","path":"/etc/passwd"}', 400],
    ['a pause with a rate', '{"action":"pause","rate":1}', 400],
    ['a rate of nothing', '{"action":"rate"}', 400],
    ['a rate of both', '{"action":"rate","rate":1,"factor":1}', 400],
    ['a negative rate', '{"action":"rate","rate":-1}', 400],
    ['a rate of 0', '{"action":"rate","rate":0}', 400],
    ['a rate that is too large', '{"action":"rate","rate":1001}', 400],
    ['an infinite rate', '{"action":"rate","rate":1e999}', 400],
    ['a rate as text', '{"action":"rate","rate":"0.1"}', 400],
    ['a factor that is too small', '{"action":"rate","factor":1e-5}', 400],
    ['a factor as a list', '{"action":"rate","factor":[2]}', 400],
  ])('a command that is %s', (_, body, status) => refused(status, body))

  test('a body that says it is small and goes on', async () => {
    const chunk = `400\r\n${' '.repeat(1024)}\r\n`
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: http://127.0.0.1:${port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`
    const status = await new Promise<number>(resolve => {
      let answer = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(head + chunk.repeat(8)))
      socket.on('data', data => {
        answer += data.toString()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])))
    })
    expect(status).toBe(413)
    expect(taken).toEqual([])
  })

  test('after the training has ended', async () => {
    isOver = true
    await refused(409, pause)
  })
})
