import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export interface Received {
  readonly id: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Whatever `JSON.parse` gives. */
  readonly message: ReturnType<JSON['parse']>
}

/** Answers a message; `false` leaves it to the usual answer, 204. */
type Behaviour = (received: Received, response: ServerResponse) => boolean | void

export interface WebhookReceiver extends AsyncDisposable {
  readonly origin: string
  /** Everything but challenges, in the order of arrival. */
  readonly received: Received[]
  readonly challenges: Received[]
  behave: Behaviour
  /** Resolves when so many messages have come in all. */
  arrived(count: number): Promise<void>
}

/** A business's own server: echoes challenges and takes messages, unless told to behave otherwise. */
export async function openReceiver(port = 0): Promise<WebhookReceiver> {
  const received: Received[] = []
  const challenges: Received[] = []
  const waiting = new Set<() => void>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const { headers, url = '' } = request
      const one = { id: String(headers['webhook-id']), path: url, headers, body, message: JSON.parse(body) }
      const isChallenge = one.message.type === 'webhook.challenge'
      ;(isChallenge ? challenges : received).push(one)
      for (const look of waiting) look()
      if (receiver.behave(one, response) === true) return
      if (!isChallenge) response.writeHead(204).end()
      else response.end(JSON.stringify({ challenge: one.message.data.challenge }))
    })
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const receiver: WebhookReceiver = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    challenges,
    behave: () => false,
    async arrived(count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const look = () => {
        if (received.length >= count) resolve()
      }
      waiting.add(look)
      look()
      await promise
      waiting.delete(look)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return receiver
}

/** Whether the specification's own library signs the same; for messages whose clock was moved. */
export function isSignedWith(secret: string, { id, headers, body }: Received): boolean {
  const at = new Date(Number(headers['webhook-timestamp']) * 1000)
  return String(headers['webhook-signature'])
    .split(' ')
    .includes(new Webhook(secret).sign(id, at, body))
}

/** Answers everything like this. */
export function answering(status: number, headers: Record<string, string> = {}, body = ''): Behaviour {
  return (_, response) => {
    response.writeHead(status, headers).end(body)
    return true
  }
}
