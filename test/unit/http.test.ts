import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { requestId } from '#core/http/request-id.ts'
import { listen } from '#core/http/server.ts'
import { matches } from '#core/http/validate.ts'

const slow: http.RequestListener = (request, response) => {
  if (request.url === '/never') response.write('begun')
  else setTimeout(() => response.end('done'), request.url === '/slow' ? 200 : 0)
}

/** The answer to one raw request, as text, read until the connection closes or falls silent. */
async function speak(socket: Socket, text: string): Promise<string> {
  let heard = ''
  socket.on('data', (chunk) => (heard += String(chunk)))
  socket.write(text)
  await Promise.race([once(socket, 'close'), sleep(400)])
  return heard
}

describe('listen', () => {
  test('localhost answers on both loopback addresses', async () => {
    await using server = await listen({ app: slow, host: 'localhost', port: 0 })
    for (const host of ['127.0.0.1', '[::1]', 'localhost'])
      expect(await (await fetch(`http://${host}:${server.port}/`)).text()).toBe('done')
    expect(server.url).toBe(`http://localhost:${server.port}`)
  })

  test('an address is bound alone', async () => {
    await using server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    await expect(fetch(`http://[::1]:${server.port}/`)).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    })
  })

  test.each(['127.0.0.1', '::1'])('says so when %s is taken, and leaves nothing behind', async (taken) => {
    await using other = await listen({ app: slow, host: taken, port: 0 })
    const attempt = listen({ app: slow, host: 'localhost', port: other.port })
    await expect(attempt).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const free = taken === '::1' ? '127.0.0.1' : '::1'
    await using again = await listen({ app: slow, host: free, port: other.port })
    expect(again.port).toBe(other.port)
  })
})

describe('draining', () => {
  test('a request under way gets its answer, and the connection ends with it', async () => {
    const server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    const agent = new http.Agent({ keepAlive: true })
    const [warm] = await once(http.get(`${server.url}/`, { agent }), 'response')
    await once(warm.resume(), 'end')
    const pending = once(http.get(`${server.url}/slow`, { agent }), 'response')
    await sleep(50)
    const started = performance.now()
    const stopped = server[Symbol.asyncDispose]()
    const [reply] = await pending
    expect((await reply.toArray()).join('')).toBe('done')
    await stopped
    expect(performance.now() - started).toBeLessThan(1_000)
    await expect(fetch(server.url)).rejects.toThrow()
    agent.destroy()
  })

  test('a request that arrives meanwhile is answered and told that the connection ends', async () => {
    const server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    const socket = connect(server.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
    await sleep(50)
    const stopped = server[Symbol.asyncDispose]()
    const answer = await speak(socket, '\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/)
    await stopped
  })

  test('what does not end is cut off at the deadline', async () => {
    const server = await listen({ app: slow, host: '127.0.0.1', port: 0, drainMs: 100 })
    const reply = await fetch(`${server.url}/never`)
    const started = performance.now()
    await server[Symbol.asyncDispose]()
    expect(performance.now() - started).toBeLessThan(1_000)
    await expect(reply.text()).rejects.toThrow()
  })
})

describe('hostile connections', () => {
  test('header fields have a limit', async () => {
    await using server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    const socket = connect(server.port, '127.0.0.1')
    const answer = await speak(socket, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    const problem = JSON.parse(answer.split('\r\n\r\n')[1] ?? '')
    expect(matches('api/problem.json', problem)).toBe(true)
    expect(problem).toMatchObject({ status: 431, detail: expect.stringMatching(/16 KB and 100 fields/) })
  })

  test('whoever sends a far larger one gets to read why it is refused', async () => {
    await using server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    const socket = connect(server.port, '127.0.0.1')
    const closed = once(socket, 'close')
    // All of it is sent before anything is read: a reply that a reset overtakes is lost.
    await new Promise((sent) => socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(1 << 20)}`, sent))
    expect(Buffer.concat(await socket.toArray()).toString()).toMatch(/^HTTP\/1\.1 431 .*\}$/s)
    await closed
  })

  test('nothing is put into a reply that is under way', async () => {
    await using server = await listen({ app: slow, host: '127.0.0.1', port: 0, drainMs: 0 })
    const socket = connect(server.port, '127.0.0.1')
    let heard = ''
    socket.on('data', (chunk) => (heard += String(chunk))).write('GET /never HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => heard).toMatch(/begun/)
    const closed = once(socket, 'close')
    socket.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n')
    await closed
    expect(heard).not.toMatch(/400/)
  })

  test('a target in full is served as its path, and only for the host that both it and the field name', async () => {
    const seen: unknown[] = []
    const app: http.RequestListener = ({ url, headers }, response) => {
      seen.push([url, headers.host])
      response.end()
    }
    await using server = await listen({ app, host: '127.0.0.1', port: 0 })
    for (const [target, host] of [
      ['http://Shop.example/a?b=http://c/', 'shop.example'],
      ['https://shop.example', 'shop.example'],
      ['http://shop.example?a', 'shop.example'],
      ['http://other.example/a', 'shop.example'],
      ['http://shop.example/a', 'other.example'],
      ['http://u@shop.example/a', 'shop.example'],
      ['//shop.example/a', 'shop.example'],
    ]) {
      const socket = connect(server.port, '127.0.0.1')
      socket.end(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      await socket.toArray()
    }
    expect(seen).toEqual([
      ['/a?b=http://c/', 'shop.example'],
      ['/', 'shop.example'],
      ['/?a', 'shop.example'],
      ['/a', ''],
      ['/a', ''],
      ['/a', ''],
      ['//shop.example/a', 'shop.example'],
    ])
  })

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
    [
      'length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('%s is refused', async (_name, text) => {
    await using server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    expect(await speak(connect(server.port, '127.0.0.1'), text)).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('what may stand once and stands twice is neither of the two', async () => {
    const seen: unknown[] = []
    await using server = await listen({
      app: ({ headers }, response) => {
        seen.push([headers.host, headers.authorization, headers['content-type']])
        response.end()
      },
      host: '127.0.0.1',
      port: 0,
    })
    const socket = connect(server.port, '127.0.0.1')
    const twice = ['Host', 'Authorization', 'Content-Type'].map((name) => `${name}: a\r\n${name}: b\r\n`)
    socket.end(`GET / HTTP/1.1\r\n${twice.join('')}Connection: close\r\n\r\n`)
    await socket.toArray()
    expect(seen).toEqual([['a, b', 'a, b', 'a, b']])
  })

  test('what is sent ahead begins when all before it is answered, with its body, and never once nobody waits', async () => {
    const begun: string[] = []
    const waiting: http.ServerResponse[] = []
    const app: http.RequestListener = (request, response) => {
      begun.push(request.url ?? '')
      if (request.url === '/hold') waiting.push(response)
      else request.pipe(response)
    }
    await using server = await listen({ app, host: '127.0.0.1', port: 0 })
    const head = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: a\r\n`
    const body = 'x'.repeat(100_000)
    const ahead = `${head('POST', '/echo')}Content-Length: ${body.length}\r\n\r\n${body}`
    const socket = connect(server.port, '127.0.0.1')
    let heard = ''
    socket.on('data', (chunk) => (heard += String(chunk)))
    const last = `${head('GET', '/last')}\r\n`
    socket.write(`${head('GET', '/hold')}\r\n${ahead}${last}${head('GET', '/hold')}\r\n${last}`)
    await expect.poll(() => waiting.length).toBe(1)
    expect(begun).toEqual(['/hold'])
    waiting.shift()?.end('first')
    await expect.poll(() => begun).toEqual(['/hold', '/echo', '/last', '/hold'])
    expect(heard.indexOf('first')).toBeGreaterThan(0)
    expect(heard.replaceAll(/[^x]/g, '')).toHaveLength(body.length)
    const closed = once(waiting[0] ?? socket, 'close')
    socket.destroy()
    await closed
    await fetch(`${server.url}/after`)
    expect(begun).toEqual(['/hold', '/echo', '/last', '/hold', '/after'])
  })

  test('a client that sends its request slowly is cut off', async () => {
    await using server = await listen({ app: slow, host: '127.0.0.1', port: 0 })
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {}).write('GET / HTTP/1.1\r\n')
    const drip = setInterval(() => socket.write('X: y\r\n'), 500)
    const started = performance.now()
    let heard = ''
    socket.on('data', (chunk) => (heard += String(chunk)))
    // A drip that meets the closed connection resets it, which may swallow the answer: then there is none.
    await new Promise((resolve) => socket.once('close', resolve))
    clearInterval(drip)
    expect(heard).toMatch(/^(HTTP\/1\.1 408 |$)/)
    expect(performance.now() - started).toBeLessThan(15_000)
  })
})

test('a request keeps its id, which no client chooses', async () => {
  const ids: string[] = []
  const app: http.RequestListener = (request, response) => {
    ids.push(requestId(request), requestId(request))
    response.end()
  }
  await using server = await listen({ app, host: '127.0.0.1', port: 0 })
  await fetch(server.url, { headers: { 'X-Request-Id': 'mine' } })
  await fetch(server.url)
  expect(ids[0]).toBe(ids[1])
  expect(new Set(ids).size).toBe(2)
  expect(ids.join()).not.toContain('mine')
})
