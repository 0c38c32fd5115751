/** Requests to a test gateway by hand, for readers that stall, leave or look at a reply as it comes. */
import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { proofFor } from '../bench/business.ts'
import type { Business } from '../bench/business.ts'
import type { TestGateway } from './gateway.ts'

export interface RawCall {
  readonly method?: string
  readonly path: string
  readonly as: Business
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Sends one request and gives the reply when its head is there; nothing of the body is read. */
export async function openReply(
  gateway: TestGateway,
  { method = 'POST', path, as, body, headers = {}, claims = {} }: RawCall,
): Promise<{ sent: ClientRequest; reply: IncomingMessage }> {
  const nonce = (await gateway.call({ path: '/v1/grants' })).headers.get('dpop-nonce') ?? ''
  const url = gateway.url + path
  const iat = Math.floor(gateway.house.now() / 1000)
  const proof = proofFor(as, { method, url: url.replace(/[?#].*/, ''), nonce }, { iat, ...claims })
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      agent: false,
      headers: {
        authorization: `DPoP ${as.token}`,
        dpop: proof,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    })
    sent.once('response', (reply) => resolve({ sent, reply }))
    sent.once('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Lines of a reply as they come. Throws when the reply breaks off. */
export async function* linesOf(reply: IncomingMessage): AsyncGenerator<ReturnType<JSON['parse']>> {
  const broken = new Promise<never>((_, reject) => reply.once('error', reject))
  broken.catch(() => undefined)
  const lines = createInterface({ input: reply })[Symbol.asyncIterator]()
  for (;;) {
    const { value, done } = await Promise.race([lines.next(), broken])
    if (done === true) {
      if (!reply.complete) throw new Error('the reply broke off')
      return
    }
    yield JSON.parse(value)
  }
}

/** All lines of a reply. Throws when it breaks off. */
export async function readLines(reply: IncomingMessage): Promise<ReturnType<JSON['parse']>[]> {
  const read: ReturnType<JSON['parse']>[] = []
  for await (const line of linesOf(reply)) read.push(line)
  return read
}

/** Something that waits until it is let go, and tells who came. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>()
  came = 0
  isClosed = true

  open(): void {
    this.isClosed = false
    this.#opened.resolve()
  }

  async pass(): Promise<void> {
    this.came++
    await this.#opened.promise
  }
}
