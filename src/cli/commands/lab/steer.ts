/** Commands that steer a training from the Lab's page: a small JSON body by POST, from the page itself only. */
import type { IncomingMessage } from 'node:http'
import { isRecord } from '../../../rules/record.ts'
import { changeProblem, type RateChange } from '../../../train/steering.ts'
import { type Reply, says, tells } from './reply.ts'

/** A command. */
export type SteerCommand =
  | { readonly action: 'pause' | 'step' | 'goOn' | 'stop' }
  | ({ readonly action: 'rate' } & Omit<RateChange, 'step'>)

/** The training that is steered. */
export interface Steered {
  /** Name of its run folder. */
  readonly run: string
  readonly isOver: boolean
  take(command: SteerCommand): void
}

/** Bytes of a command at most: it has a few dozen. */
const mostBytes = 1024

const actions = ['pause', 'step', 'goOn', 'stop'] as const

/**
 * Answers a POST.
 * @param origins of this server's own pages
 */
export async function steerReply(
  request: IncomingMessage,
  steered: Steered,
  origins: readonly string[],
): Promise<Reply> {
  const { origin, 'content-type': type = '', 'content-length': length = '0' } = request.headers
  // A browser says where a POST comes from; what does not say it is not this page.
  if (origin === undefined || !origins.includes(origin)) return says(403, 'Commands are taken from this page only.')
  if (!/^application\/json\s*(;|$)/i.test(type)) return says(415, 'Expected application/json.')
  if (Number(length) > mostBytes) return tooLarge
  const body = await read(request)
  if (body === undefined) return tooLarge
  const command = commandOf(body)
  if (typeof command === 'string') return says(400, command)
  if (steered.isOver) return says(409, 'The training has ended.')
  steered.take(command)
  return { ...tells({ taken: command.action }), status: 202 }
}

const tooLarge = says(413, `A command has at most ${mostBytes} bytes.`)

/** The body; undefined when it is larger than a command may be. */
async function read(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The command of a body, or what is wrong with it. */
function commandOf(body: string): SteerCommand | string {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return 'The command is not JSON.'
  }
  if (!isRecord(value)) return 'The command must be an object.'
  const { action, factor, rate, ...others } = value
  const [other] = Object.keys(others)
  if (other !== undefined) return 'The command has a field that is none: expected action, factor or rate.'
  if (action === 'rate') {
    const problem = changeProblem({ step: 0, factor, rate })
    if (problem !== undefined) return `rate: ${problem}.`
    return rate === undefined ? { action, factor: factor as number } : { action, rate: rate as number }
  }
  const known = actions.find(name => name === action)
  if (!known) return `action: expected rate, ${actions.join(', ')}.`
  if (factor !== undefined || rate !== undefined) return `${known} takes no factor and no rate.`
  return { action: known }
}
