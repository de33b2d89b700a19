/** What the Lab's server does not do: answer strangers, leave its folders, or fall over odd names and addresses. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabServer, serveLab } from '../../src/cli/commands/lab/server.ts'
import type { RunsNews } from '../../src/runs/live/protocol.ts'
import { makeRun, recipe, startLine, stepLines } from '../support/runLogs.ts'

let folder: string
let server: LabServer
let token: string
let port: number
const warnings: string[] = []

/** Names that systems of files allow and programs trip over. */
const oddNames = [
  '__proto__',
  'constructor',
  '<img src=x onerror=alert(1)>',
  'a b&c=d?e#f',
  'a..%2f..',
  'it\'s "so"',
  'зыбь-網',
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-attacks-'))
  const root = join(folder, 'runs <b>')
  await mkdir(root)
  await mkdir(join(folder, 'site'))
  await writeFile(join(folder, 'site/index.html'), '<title>Fovea Lab</title>')
  await writeFile(join(folder, 'secret.txt'), 'secret')
  for (const name of oddNames) makeRun(root, name, startLine() + stepLines(1, 3))
  const own = JSON.parse('{"__proto__": {"polluted": true}, "model": {"name": "constructor"}, "data": 7}') as object
  makeRun(root, 'hostile', `null\n[1]\n"text"\n{"type":"step"}\nno json\n${startLine()}${stepLines(1, 2)}`, own)
  await writeFile(join(root, 'hostile', 'result.json'), '{"test": 3')
  server = await serveLab({ port: 0, site: join(folder, 'site'), warn: message => warnings.push(message), runs: root })
  ;[, token = ''] = new URL(server.address).pathname.split('/')
  port = Number(new URL(server.address).port)
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

/** Sends bytes as they are, and reads the whole answer. A client of HTTP would make addresses proper first. */
function send(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', data => {
      answer += data.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
const ask = (path: string, { method = 'GET', host = `127.0.0.1:${port}`, more = '' } = {}): Promise<string> =>
  send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`)
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

describe('nobody is answered', () => {
  test.each([
    ['without the token', '/runs/list', 403],
    ['with another token', `/${'0'.repeat(32)}/runs/list`, 403],
    ['with a part of the token', () => `/${token.slice(0, 31)}/runs/list`, 403],
    ['with the token elsewhere', () => `/runs/list?token=${token}`, 403],
    ['with the token after a host', () => `//${token}/runs/list`, 403],
  ] as const)('%s', async (_, path, status) => {
    const answer = await ask(typeof path === 'string' ? path : path())
    expect(statusOf(answer)).toBe(status)
    expect(answer).not.toContain('hostile')
  })

  test.each(['evil.example', 'evil.example:80', '127.0.0.1', 'localhost.evil.example', '127.0.0.1:1', ''])(
    'who asks for the host “%s”',
    async host => {
      const answer = await ask(`/${token}/runs/list`, { host })
      expect([400, 421]).toContain(statusOf(answer))
      expect(answer).not.toContain('hostile')
    },
  )

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('who sends %s', async method => {
    for (const name of ['list', 'stream', 'curve?run=1']) {
      expect(statusOf(await ask(`/${token}/runs/${name}`, { method, more: 'Content-Length: 0\r\n' }))).toBe(405)
    }
  })

  test('who asks for the head of a stream, which has no end', async () => {
    expect(statusOf(await ask(`/${token}/runs/stream`, { method: 'HEAD' }))).toBe(405)
  })
})

describe('no address leads out of the folders', () => {
  test.each([
    '../secret.txt',
    '..%2fsecret.txt',
    '%2e%2e/secret.txt',
    '%2e%2e%2fsecret.txt',
    '..%5csecret.txt',
    '%252e%252e%252fsecret.txt',
    'runs/../../secret.txt',
    'runs/..%2f..%2fsecret.txt',
    'runs/%2e%2e%2f%2e%2e%2fsecret.txt',
    'data/mnist/..%2f..%2fsecret.txt',
    'data/..%2f..%2f/secret.txt',
    '/etc/passwd',
    '%2fetc%2fpasswd',
    'file:///etc/passwd',
    'secret.txt%00.html',
    '%00',
    'runs/%00',
    '%',
    '%E0%A4%A',
    'runs/list/',
    'runs/',
    'runs',
    'runs/__proto__',
    'runs/constructor',
  ])('%s', async path => {
    const answer = await ask(`/${token}/${path}`)
    expect([400, 403, 404]).toContain(statusOf(answer))
    expect(answer).not.toMatch(/\r\n\r\nsecret|root:/)
  })

  test.each([
    ...[
      '..',
      '../secret',
      '%2e%2e',
      '__proto__',
      '/etc/passwd',
      '1%00',
      '-1',
      '1e1',
      '0x1',
      '01.0',
      '',
      '99999',
      'NaN',
    ],
    '9'.repeat(40),
  ])('nor does the run “%s”', async run => {
    for (const name of ['curve', 'differences', 'steps']) {
      const answer = await ask(`/${token}/runs/${name}?run=${run}&step=1`)
      expect(statusOf(answer)).toBe(404)
      expect(answer).not.toContain('lenet5')
    }
  })
})

describe('what cannot be read is refused', () => {
  test.each([
    'from=0',
    'from=-1',
    'from=9&to=3',
    'to=1e9',
    'to=99999999999',
    'most=0',
    'most=1000000',
    'most=x',
    'from=',
  ])('a curve with %s', async query => {
    const answer = await ask(`/${token}/runs/curve?run=1&${query}`)
    expect(statusOf(answer)).toBe(400)
    expect(answer).toMatch(/expected a whole number from \d+ to \d+/)
  })

  test('more runs at once than can be drawn, and steps without their runs', async () => {
    const runs = Array.from({ length: 21 }, () => 'run=1').join('&')
    expect(statusOf(await ask(`/${token}/runs/differences?${runs}`))).toBe(400)
    expect(statusOf(await ask(`/${token}/runs/steps?run=1`))).toBe(400)
    expect(statusOf(await ask(`/${token}/runs/steps?run=1&step=x`))).toBe(400)
  })

  test('an address that has no end', async () => {
    const answer = await ask(`/${token}/runs/list?${'a=b&'.repeat(20_000)}`).catch((error: Error) => error.message)
    // The system may close a connection of which it has not read all.
    expect(answer).toMatch(/^HTTP\/1\.1 (431|414)|ECONNRESET|EPIPE/)
  })

  test.each(['1:999999999:00000000', '1:5:ffffffff', '1:1:zz', 'x,y,__proto__', '1:-5:00000000', ','.repeat(60)])(
    'a place in a log that is none: %s',
    async follow => {
      const abort = new AbortController()
      const response = await fetch(`${server.address}runs/stream?follow=${follow}`, {
        headers: { 'Last-Event-ID': follow },
        signal: abort.signal,
      })
      expect(response.status).toBe(200)
      const { value } = await response.body!.getReader().read()
      expect(new TextDecoder().decode(value)).toMatch(/^event: runs\n/)
      abort.abort()
    },
  )
})

test('odd names are told as they are, and lead to their runs by their keys alone', async () => {
  const all = async (): Promise<RunsNews> => (await (await fetch(`${server.address}runs/list`)).json()) as RunsNews
  await expect.poll(async () => (await all()).runs.every(({ isRead }) => isRead)).toBe(true)
  const { runs } = await all()
  expect(runs.map(({ name }) => name).sort()).toEqual([...oddNames, 'hostile'].sort())
  for (const { key, name } of runs) {
    const response = await fetch(`${server.address}runs/curve?run=${key}`)
    expect((await response.json()) as object).toMatchObject({ key, story: { step: name === 'hostile' ? 2 : 3 } })
  }
  expect(runs.find(({ name }) => name === 'hostile')).toMatchObject({ model: 'constructor', data: '', state: 'paused' })
})

test('a recipe with odd fields differs in them, and changes nothing else', async () => {
  const { runs } = (await (await fetch(`${server.address}runs/list`)).json()) as RunsNews
  const [hostile, other] = ['hostile', 'constructor'].map(name => runs.find(run => run.name === name)!.key)
  const response = await fetch(`${server.address}runs/differences?run=${hostile}&run=${other}`)
  const found = (await response.json()) as { field: string }[]
  expect(found.map(({ field }) => field)).toContain('__proto__')
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  expect(recipe()).not.toHaveProperty('polluted')
})

test('the page is told the folder’s name as text', async () => {
  const page = await (await fetch(server.address)).text()
  expect(page).toContain('<meta name="fovea-runs" content="runs &#60;b&#62;" />')
})

test('every answer has the headers that keep other pages out', async () => {
  for (const path of ['', 'runs/list', 'runs/nothing', 'nothing']) {
    const { headers } = await fetch(server.address + path)
    expect(headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'/)
    expect(headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Access-Control-Allow-Origin')).toBeNull()
  }
})

test('nothing of this was a mistake of the server', () => {
  expect(warnings).toEqual([])
})
