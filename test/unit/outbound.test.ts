import { hash } from 'node:crypto'
import { once } from 'node:events'
import http, { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import https from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardedAgents } from '#core/http/guarded-agent.ts'
import type { GuardedSocket } from '#core/http/guarded-socket.ts'
import { ReplyTooLarge, createOutbound } from '#core/http/outbound.ts'
import type { OutboundOptions } from '#core/http/outbound.ts'
import { OutboundRefused, isPublicAddress, refusePeer } from '#core/http/public-address.ts'

// A hostile server, on loopback: what must not be reached, and what must not be swallowed whole.
let received: { url: string; headers: http.IncomingHttpHeaders }[] = []
const answer: RequestListener = (request, response) => {
  received.push({ url: request.url ?? '', headers: request.headers })
  const path = request.url ?? ''
  if (path.startsWith('/to/')) response.writeHead(302, { location: decodeURIComponent(path.slice(4)) }).end()
  else if (path === '/large') response.end('x'.repeat(400_000))
  else if (path === '/bomb')
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000)))
  else if (path === '/drip') drip(response)
  else if (path !== '/silent') response.setHeader('content-type', 'text/turtle').end('secret')
}
function drip(response: http.ServerResponse): void {
  const timer = setInterval(() => response.write('.'), 20)
  response.once('close', () => clearInterval(timer))
}

const [firstServer, secondServer] = [createServer(answer), createServer(answer)] as const
let first = ''
let second = ''
let connections = 0
const trap = createTcpServer((socket) => {
  connections++
  socket.destroy()
})
let trapPort = 0

beforeAll(async () => {
  for (const server of [firstServer, secondServer, trap]) await once(server.listen(0), 'listening')
  first = `http://127.0.0.1:${(firstServer.address() as AddressInfo).port}`
  second = `http://127.0.0.1:${(secondServer.address() as AddressInfo).port}`
  trapPort = (trap.address() as AddressInfo).port
})
afterAll(() => {
  for (const server of [firstServer, secondServer]) {
    server.closeAllConnections()
    server.close()
  }
  trap.close()
})

const spellings = [
  '127.0.0.1',
  'localhost',
  'LOCALHOST',
  '127.1',
  '0x7f000001',
  '0177.0.0.1',
  '2130706433',
  '0.0.0.0',
  '①②⑦.0.0.1',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '169.254.169.254',
  '10.0.0.1',
  '[fd00::1]',
  '[fe80::1]',
]

async function refusalOf(attempt: Promise<unknown>): Promise<unknown> {
  const error: unknown = await attempt.then(
    () => new Error('it was reached'),
    (reason: unknown) => reason,
  )
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error
}

async function fetchOnce(
  options: Partial<OutboundOptions>,
  url: string,
  init?: RequestInit,
): Promise<Response> {
  await using outbound = createOutbound({ allow: [], timeoutMs: 2_000, ...options })
  return await outbound.fetch(url, init)
}

describe('guarded fetch', () => {
  test.each(spellings)('refuses %s without connecting', async (host) => {
    expect(await refusalOf(fetchOnce({}, `https://${host}:${trapPort}/`))).toBeInstanceOf(OutboundRefused)
    expect(connections).toBe(0)
  })

  test.each([
    'http://93.184.215.14/',
    'data:text/plain,secret',
    'blob:x',
    'file:///etc/passwd',
    'ftp://a.example/',
  ])('refuses %s, which is not https', async (url) => {
    expect(await refusalOf(fetchOnce({}, url))).toBeInstanceOf(OutboundRefused)
  })

  test('refuses a name with one private address among public ones', async () => {
    const answers = [
      { address: '93.184.215.14', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ]
    const lookup = ((_name: string, _options: object, done: (error: null, list: object[]) => void) =>
      done(null, answers)) as unknown as NonNullable<OutboundOptions['lookup']>
    expect(await refusalOf(fetchOnce({ lookup }, 'https://vendor.example/'))).toBeInstanceOf(OutboundRefused)
  })

  test('refuses a private peer after all', () => {
    expect(() => refusePeer('::ffff:10.0.0.1')).toThrow(OutboundRefused)
    expect(() => refusePeer(undefined)).toThrow(OutboundRefused)
    expect(() => refusePeer('93.184.215.14')).not.toThrow()
  })

  test('reaches an allowed origin, but not another port or name of it', async () => {
    const reply = await fetchOnce({ allow: [first] }, `${first}/card`)
    expect(await reply.text()).toBe('secret')
    expect(reply.url).toBe(`${first}/card`)
    expect(reply.headers.get('content-type')).toBe('text/turtle')
    expect(await refusalOf(fetchOnce({ allow: [first] }, second))).toBeInstanceOf(OutboundRefused)
    const renamed = first.replace('127.0.0.1', 'localhost')
    expect(await refusalOf(fetchOnce({ allow: [first] }, renamed))).toBeInstanceOf(OutboundRefused)
  })

  test('sends method, header fields and body of a Request', async () => {
    await using outbound = createOutbound({ allow: [first] })
    const init = { method: 'PUT', body: 'x', headers: { 'If-Match': '"1"' } }
    await outbound.fetch(new Request(`${first}/put`, init))
    expect(received.at(-1)).toMatchObject({
      url: '/put',
      headers: { 'if-match': '"1"', 'content-length': '1' },
    })
  })

  test('follows no redirect unless told to', async () => {
    const reply = await fetchOnce({ allow: [first] }, `${first}/to/${encodeURIComponent(`${first}/card`)}`)
    expect(reply.status).toBe(302)
  })

  test('checks each hop, and counts them', async () => {
    const to = (target: string) => `${first}/to/${encodeURIComponent(target)}`
    const options = { allow: [first], maxRedirects: 2 }
    expect(await (await fetchOnce(options, to(to(`${first}/card`)))).text()).toBe('secret')
    expect((await fetchOnce(options, to(to(to(`${first}/card`))))).status).toBe(302)
    for (const inside of [second, 'https://169.254.169.254/', 'file:///etc/passwd', 'data:,x'])
      expect(await refusalOf(fetchOnce(options, to(inside)))).toBeInstanceOf(OutboundRefused)
  })

  test('leaves proofs and tokens behind when it is sent to another origin', async () => {
    received = []
    const headers = { Authorization: 'DPoP token', DPoP: 'proof', Cookie: 'session', Accept: 'text/turtle' }
    const options = { allow: [first, second], maxRedirects: 1 }
    await fetchOnce(options, `${first}/to/${encodeURIComponent(`${first}/card`)}`, { headers })
    await fetchOnce(options, `${first}/to/${encodeURIComponent(`${second}/card`)}`, { headers })
    const [, sameOrigin, , otherOrigin] = received
    expect(sameOrigin?.headers).toMatchObject({ authorization: 'DPoP token', dpop: 'proof' })
    expect(otherOrigin?.headers).toMatchObject({ accept: 'text/turtle' })
    for (const name of ['authorization', 'dpop', 'cookie'])
      expect(otherOrigin?.headers).not.toHaveProperty(name)
  })

  test('does not send a body after a redirect', async () => {
    const url = `${first}/to/${encodeURIComponent(second)}`
    const reply = await fetchOnce({ allow: [first, second], maxRedirects: 1 }, url, {
      method: 'POST',
      body: 'x',
    })
    expect(reply.status).toBe(302)
  })

  test.each(['/large', '/bomb'])('cuts %s off', async (path) => {
    expect(await refusalOf(fetchOnce({ allow: [first] }, first + path))).toBeInstanceOf(ReplyTooLarge)
  })

  test.each(['/silent', '/drip'])('gives %s up in time', async (path) => {
    const error = await refusalOf(fetchOnce({ allow: [first], timeoutMs: 150 }, first + path))
    expect(error).toMatchObject({ name: expect.stringContaining('TimeoutError') })
  })

  test('guards WebSockets as well', async () => {
    await using outbound = createOutbound({ allow: [] })
    const socket = outbound.openSocket(`wss://127.0.0.1:${trapPort}/`)
    await closing(socket)
    expect(connections).toBe(0)
  })
})

const closing = (socket: GuardedSocket) =>
  new Promise<void>((resolve) => socket.addEventListener('close', () => resolve()))

describe('a WebSocket', () => {
  /** Accepts one and says no more than it is told to, not even that it closes. */
  async function silentServer() {
    const server = createServer()
    const accepted = new Promise<Duplex>((resolve) =>
      server.on('upgrade', ({ headers }, socket) => {
        const accept = hash(
          'sha1',
          `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
          'base64',
        )
        socket.on('error', () => undefined)
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        )
        resolve(socket)
      }),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const outbound = createOutbound({ allow: [origin] })
    const socket = outbound.openSocket(origin.replace('http', 'ws'))
    const opened = new Promise<void>((resolve) => socket.addEventListener('open', () => resolve()))
    return {
      socket,
      accepted,
      opened,
      async [Symbol.asyncDispose]() {
        ;(await accepted).destroy()
        await outbound[Symbol.asyncDispose]()
        server.close()
      },
    }
  }

  test('ends before a message is held that is larger than a body may be', async () => {
    await using server = await silentServer()
    const { socket, accepted } = server
    // One text of 100 million bytes, of which only the beginning ever comes.
    ;(await accepted).write(Buffer.from([0x81, 127, 0, 0, 0, 0, 5, 245, 225, 0, 120, 120, 120]))
    await closing(socket)
  })

  test('ends when the other side has more to say than anybody can listen to', async () => {
    await using server = await silentServer()
    const { socket, accepted } = server
    let messages = 0
    socket.addEventListener('message', () => messages++)
    const many = Buffer.from(Array.from({ length: 10_000 }, () => [0x81, 2, 0x7b, 0x7d]).flat())
    const other = await accepted
    const timer = setInterval(() => other.write(many), 5)
    await closing(socket)
    clearInterval(timer)
    expect(messages).toBeLessThan(100_000)
  })

  test('ends when it is told to, also where the other side does not', async () => {
    await using server = await silentServer()
    const { socket, accepted, opened } = server
    const other = await accepted
    await opened
    const gone = once(other.resume(), 'end')
    socket.close()
    await Promise.all([closing(socket), gone])
  })
})

describe('guarded agents for node:http', () => {
  function get(url: string, guard: Parameters<typeof guardedAgents>[0]): Promise<string> {
    const agents = guardedAgents(guard)
    const isTls = url.startsWith('https:')
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const request = isTls ? https.get(url, { agent: agents.https }) : http.get(url, { agent: agents.http })
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve(text)).once('error', reject)
    })
    return promise
  }

  test.each(spellings)('refuse %s without connecting', async (host) => {
    const error = await refusalOf(get(`https://${host}:${trapPort}/`, { allow: [] }))
    expect(error).toBeInstanceOf(OutboundRefused)
    expect(connections).toBe(0)
  })

  test('refuse plain http and Unix sockets', async () => {
    expect(await refusalOf(get('http://93.184.215.14/', { allow: [] }))).toBeInstanceOf(OutboundRefused)
    const { https: agent } = guardedAgents({ allow: [] })
    const request = https.get({ agent, socketPath: '/run/docker.sock', host: 'vendor.example' })
    const [error] = await once(request, 'error')
    expect(error).toBeInstanceOf(OutboundRefused)
  })

  test('reach an allowed origin only', async () => {
    expect(await get(`${first}/card`, { allow: [first] })).toBe('secret')
    expect(await refusalOf(get(second, { allow: [first] }))).toBeInstanceOf(OutboundRefused)
  })

  test('end what is large, silent or slow', async () => {
    expect(await refusalOf(get(`${first}/large`, { allow: [first] }))).toBeInstanceOf(Error)
    const guard = { allow: [first], timeoutMs: 150 }
    expect(await refusalOf(get(`${first}/silent`, guard))).toBeInstanceOf(OutboundRefused)
    expect(await refusalOf(get(`${first}/drip`, guard))).toBeInstanceOf(Error)
  })
})

test.each([
  ['93.184.215.14', true],
  ['1.1.1.1', true],
  ['2606:2800:220:1::1', true],
  ['100.64.0.1', false],
  ['100.128.0.1', true],
  ['172.15.0.1', true],
  ['172.31.255.255', false],
  ['198.19.255.255', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::ffff:8.8.8.8', false],
  ['2001:0:7f00:1::', false],
  ['2001:db8::1', false],
  ['ff02::1', false],
  ['fe80::1%eth0', false],
  ['', false],
  ['example.com', false],
])('isPublicAddress(%s) is %s', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic)
})
