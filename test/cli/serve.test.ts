/** `fovea serve`: pictures over HTTP, under load, and what is refused. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClassProbability } from '../../src/classifier/index.ts'
import { writePicture } from '../data/pictures.ts'
import { type Finished, fovea, start, succeed, temporaryFolder, writeSmallMnist } from '../support/fovea.ts'

const folder = temporaryFolder()
const { path: cwd } = folder
const nameOf = (k: number) => join(cwd, `digit${k}.png`)
const pictures = Array.from({ length: 8 }, (_, k) => k)

/** A picture of a stroke, dark on light. */
const writeStroke = (path: string, k: number) =>
  sharp(
    Buffer.from(
      `<svg width="60" height="60"><rect width="60" height="60" fill="white"/>
      <path d="M${10 + 5 * k} 8 L${50 - 4 * k} 50" stroke="black" stroke-width="6"/></svg>`,
    ),
  ).toFile(path)

/** A server that runs, and where. */
interface Running {
  readonly address: string
  readonly process: ChildProcess
  readonly finished: Promise<Finished>
}

async function serve(...options: string[]): Promise<Running> {
  const { process, finished } = start(cwd, ['serve', 'runs/lenet5', '--port', '0', ...options])
  const address = await new Promise<string>((resolve, reject) => {
    process.stdout!.on('data', (text: string) => {
      const [found] = /http:\S+\//.exec(text) ?? []
      if (found) resolve(found)
    })
    finished.then(({ stderr }) => reject(new Error(stderr)), reject)
  })
  return { address, process, finished }
}

const post = (address: string, body: BodyInit, query = '') =>
  fetch(`${address}classify${query}`, { method: 'POST', body })
const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: string }
  return { status: response.status, error }
}

let server: Running
beforeAll(async () => {
  mkdirSync(join(cwd, 'data'))
  await writeSmallMnist(join(cwd, 'data'), { train: 320, test: 100 })
  await succeed(cwd, ['train', 'lenet5', '--data-dir', 'data', '--validation', '64', '--epochs', '1', '--quiet'])
  for (const k of pictures) await writeStroke(nameOf(k), k)
  server = await serve('--max-size', '1', '--max-pixels', '1', '--cors', 'https://example.com')
}, 300_000)
afterAll(async () => {
  server?.process.kill('SIGKILL')
  await server?.finished
  folder.remove()
})

describe('a picture', () => {
  it('has the same answer as from `fovea predict`, to the last digit, as the body and as a file of a form', async () => {
    const { stdout } = await succeed(cwd, ['predict', 'runs/lenet5', nameOf(3), '--top', '10', '--json'])
    const [{ predictions: expected }] = JSON.parse(stdout) as [{ predictions: ClassProbability[] }]
    const form = new FormData()
    form.append('image', new File([readFileSync(nameOf(3))], 'digit.png'))
    for (const body of [readFileSync(nameOf(3)), form]) {
      const { predictions } = (await (await post(server.address, body)).json()) as { predictions: ClassProbability[] }
      expect(predictions.map(({ class: name, probability }) => ({ class: name, probability }))).toEqual(expected)
    }
  }, 60_000)

  it('of two hundred that are asked for by forty at once has its own answer', async () => {
    const ask = async (k: number) => (await post(server.address, readFileSync(nameOf(k)), '?top=3')).json()
    const expected = await Promise.all(pictures.map(ask))
    expect(new Set(expected.map(answer => JSON.stringify(answer))).size).toBe(pictures.length)
    let next = 0
    const asker = async () => {
      while (next < 200) {
        const k = next++ % pictures.length
        expect(await ask(k)).toEqual(expected[k])
      }
    }
    await Promise.all(Array.from({ length: 40 }, asker))
  }, 300_000)
})

describe('is refused, and says why', () => {
  const large = new Uint8Array(1_000_001)
  const png = () => readFileSync(nameOf(0))
  it.each([
    ['what is no picture', 'text', '', 400, 'the picture: not an image that can be read'],
    ['nothing', '', '', 400, 'the body is empty, expected the bytes of a picture file'],
    ['a large file', large, '', 413, 'the picture is over the limit of 1 MB for a file'],
    ['a form without a file', new FormData(), '', 400, 'the form '],
    ['no classes', png, '?top=0', 400, 'top (=0) must be a whole number from 1 to 10'],
    ['more classes than there are', png, '?top=11', 400, 'top (=11) must be'],
    ['an unknown choice', png, '?invert=maybe', 400, 'invert (=maybe) must be one of auto, yes, no'],
    ['an unknown parameter', png, '?tip=1', 400, "unknown parameter 'tip', expected top or invert"],
  ])('%s', async (_, body, query, status, error) => {
    const answer = await errorOf(await post(server.address, typeof body === 'function' ? body() : body, query))
    expect(answer).toEqual({ status, error: expect.stringContaining(error) })
  })

  it('a large file whose size is not told before', async () => {
    let sent = 0
    const stream = new ReadableStream({
      pull: controller => {
        if (sent++ === 20) controller.close()
        else controller.enqueue(new Uint8Array(100_000))
      },
    })
    const options = { method: 'POST', body: stream, duplex: 'half' } as RequestInit
    expect(await errorOf(await fetch(`${server.address}classify`, options))).toMatchObject({ status: 413 })
  })

  it('a picture of many pixels, however few bytes it has', async () => {
    await writePicture(join(cwd, 'large.png'), 1200, 1000, 7)
    const answer = await errorOf(await post(server.address, readFileSync(join(cwd, 'large.png'))))
    expect(answer).toEqual({
      status: 400,
      error: expect.stringContaining('1000 × 1200 pixels are over the limit of 1 million'),
    })
  })

  it('what is somewhere else', async () => {
    expect(await errorOf(await fetch(`${server.address}nowhere`))).toMatchObject({ status: 404 })
    expect(await errorOf(await fetch(`${server.address}classify`))).toEqual({
      status: 405,
      error: 'POST a picture here',
    })
  })
})

describe('besides', () => {
  it('tells what it is', async () => {
    expect(await (await fetch(`${server.address}health`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${server.address}info`)).json()).toMatchObject({ name: 'lenet5', shape: [28, 28, 1] })
    const page = await fetch(server.address)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(await page.text()).toContain('Drop a picture')
  })

  it('answers pages of the origins that it was told, and of no others', async () => {
    const allowed = async (origin: string) =>
      (await fetch(`${server.address}info`, { headers: { origin } })).headers.get('access-control-allow-origin')
    expect(await allowed('https://example.com')).toBe('https://example.com')
    expect(await allowed('https://example.org')).toBe(null)
  })

  it('tells whoever finds the queue full to come back', async () => {
    const small = await serve('--queue', '1')
    try {
      // A request whose body never comes holds the only place.
      const { port } = new URL(small.address)
      const socket = connect(Number(port), '127.0.0.1')
      socket.write('POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n')
      let refused: Response
      do refused = await post(small.address, readFileSync(nameOf(0)))
      while (refused.status === 200)
      expect(refused.headers.get('retry-after')).toBe('1')
      expect(await errorOf(refused)).toMatchObject({ status: 503 })
      socket.destroy()
      let answer: Response
      do answer = await post(small.address, readFileSync(nameOf(0)))
      while (answer.status === 503)
      expect(answer.status).toBe(200)
    } finally {
      small.process.kill('SIGKILL')
    }
  }, 120_000)

  it('cuts off whoever sends too slowly', async () => {
    const hasty = await serve('--timeout', '1')
    try {
      const socket = connect(Number(new URL(hasty.address).port), '127.0.0.1')
      socket.write('POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab')
      const answer = await new Promise<string>((resolve, reject) => {
        let text = ''
        socket.on('data', data => {
          text += data
        })
        socket.on('close', () => resolve(text))
        socket.on('error', reject)
      })
      expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    } finally {
      hasty.process.kill('SIGKILL')
    }
  }, 120_000)

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it, also when refused requests are still open',
    async signal => {
      const ended = await serve('--max-size', '1')
      await post(ended.address, new Uint8Array(3_000_000)).catch(() => undefined)
      await post(ended.address, readFileSync(nameOf(0)))
      ended.process.kill(signal)
      expect(await ended.finished).toMatchObject({ code: signal === 'SIGINT' ? 130 : 143, stderr: '' })
    },
    120_000,
  )

  it('is refused where it cannot listen', async () => {
    const { port } = new URL(server.address)
    const taken = await fovea(cwd, ['serve', 'runs/lenet5', '--port', port])
    expect(taken).toMatchObject({
      code: 1,
      stderr: `fovea: --port ${port}: the port is taken; choose another, or 0 for any that is free\n`,
    })
    const nowhere = await fovea(cwd, ['serve', 'nowhere'])
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere') })
  }, 60_000)
})
