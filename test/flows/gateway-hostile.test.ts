import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { proofFor } from '../../bench/business.ts'
import { delivery, TestGateway } from '../gateway.ts'
import type { TestVendor } from '../gateway.ts'

const MEGABYTE = Buffer.alloc(1024 * 1024, '{')

let gateway: TestGateway
let shop: TestVendor
let subject: string
let sockets: Socket[]

beforeEach(async () => {
  gateway = await TestGateway.open()
  shop = await gateway.vendor('shop')
  const grant = await gateway.grant(await gateway.customer(), shop)
  subject = grant.subject
  sockets = []
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await gateway[Symbol.asyncDispose]()
})

/** Others are served, the first of them surely while `held` are there. */
async function othersAreServed(held: readonly Socket[] = []): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const { status, json } = await gateway.read(shop, subject, 'profile.name')
    expect([status, json.data]).toEqual([200, { 'profile.name': 'Ada Lovelace' }])
    if (n === 0) expect(held.filter((socket) => socket.destroyed)).toEqual([])
  }
}

async function dial(): Promise<Socket> {
  const socket = connect(gateway.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

describe('others are served', () => {
  test('while clients begin requests and do not go on', async () => {
    const slow = await Promise.all(Array.from({ length: 100 }, dial))
    for (const [n, socket] of slow.entries())
      socket.write(
        n % 2 === 0 ? 'GET /v1/gra' : `POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nX-A: `,
      )
    await othersAreServed(slow)
  })

  test('while clients with good credentials send their bodies a byte at a time', async () => {
    const nonce = (await gateway.call({ path: '/v1/grants' })).headers.get('dpop-nonce') ?? ''
    const slow = await Promise.all(Array.from({ length: 40 }, dial))
    for (const socket of slow) {
      const proof = proofFor(shop, { method: 'POST', url: `${gateway.url}/v1/query`, nonce })
      const fields = [
        `Host: 127.0.0.1:${gateway.port}`,
        `Authorization: DPoP ${shop.token}`,
        `DPoP: ${proof}`,
        'Content-Type: application/json',
        'Content-Length: 1000',
      ]
      socket.write(`POST /v1/query HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n{`)
    }
    await othersAreServed(slow)
  })

  test.each(['announced', 'in chunks'])('during 64 uploads of 1 MB, %s', async (how) => {
    const nonce = (await gateway.call({ path: '/v1/grants' })).headers.get('dpop-nonce') ?? ''
    const upload = (isKnown: boolean) =>
      new Promise<number | undefined>((resolve) => {
        const url = `${gateway.url}/v1/query`
        const proof = proofFor(shop, { method: 'POST', url, nonce })
        const sent = request(url, {
          method: 'POST',
          agent: false,
          headers: {
            'content-type': 'application/json',
            ...(isKnown ? { authorization: `DPoP ${shop.token}`, dpop: proof } : {}),
            ...(how === 'announced' ? { 'content-length': MEGABYTE.length } : {}),
          },
        })
        let status: number | undefined
        sent.on('response', (reply) => {
          status = reply.statusCode
          reply.on('error', () => undefined).resume()
        })
        // Who is refused while still sending may see the connection reset before the answer.
        sent.on('error', () => undefined)
        sent.on('close', () => resolve(status))
        sent.end(MEGABYTE)
      })
    const uploads = Array.from({ length: 64 }, (_, n) => upload(n % 2 === 0))
    await othersAreServed()
    const statuses = await Promise.all(uploads)
    for (const [n, status] of statuses.entries())
      expect(n % 2 === 0 ? [413, undefined] : [401, undefined]).toContain(status)
  })

  test('and a body that is announced too large is refused before any of it was sent', async () => {
    const socket = await dial()
    const nonce = (await gateway.call({ path: '/v1/grants' })).headers.get('dpop-nonce') ?? ''
    const proof = proofFor(shop, { method: 'POST', url: `${gateway.url}/v1/query`, nonce })
    const credentials = `Authorization: DPoP ${shop.token}\r\nDPoP: ${proof}`
    const body = `Content-Type: application/json\r\nContent-Length: ${MEGABYTE.length}`
    const answered = once(socket, 'data')
    socket.write(
      `POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${credentials}\r\n${body}\r\n\r\n`,
    )
    const [part]: Buffer[] = await answered
    expect(part?.toString('latin1')).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('after clients with huge heads were turned away', async () => {
    const send = async (head: string) => {
      const socket = await dial()
      const parts: Buffer[] = []
      socket.on('data', (part) => parts.push(part))
      const closed = once(socket, 'close')
      socket.write(`GET /v1/catalogue HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${head}\r\n\r\n`)
      await closed
      return Buffer.concat(parts).toString('latin1')
    }
    const huge = [`X-A: ${'a'.repeat(20_000)}`, `Authorization: DPoP ${'a'.repeat(20_000)}`]
    for (const head of huge) expect(await send(head)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await send('Transfer-Encoding: chunked\r\nContent-Length: 5')).toMatch(/^HTTP\/1\.1 400 /)
    await othersAreServed()
  })
})

test('batches that were asked for in a row on a connection that ended keep no turn of their business', async () => {
  const nonce = (await gateway.call({ path: '/v1/grants' })).headers.get('dpop-nonce') ?? ''
  const subjects = [subject, ...Array.from({ length: 99 }, (_, n) => `nobody-${n}`)]
  const body = JSON.stringify({ purpose: delivery, fields: ['profile.name'], subjects })
  const batch = () => {
    const proof = proofFor(shop, { method: 'POST', url: `${gateway.url}/v1/query`, nonce })
    return (
      `POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nAuthorization: DPoP ${shop.token}\r\nDPoP: ${proof}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
  }
  const gone = await dial()
  gone.write(Array.from({ length: 8 }, batch).join(''))
  await once(gone, 'data')
  gone.destroy()
  await once(gone, 'close')
  for (let n = 0; n < 6; n++)
    expect((await gateway.query(shop, subjects, ['profile.name'])).json.rows).toHaveLength(100)
}, 20_000)
