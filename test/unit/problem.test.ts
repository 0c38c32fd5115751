import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import express from 'express'
import type { RequestHandler } from 'express'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { methodNotAllowed, notFound, problemHandler, problems } from '#core/http/problem.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { matches } from '#core/http/validate.ts'
import { createLogger } from '#core/logger.ts'
import { CommitRefused, LedgerBusy, LedgerStopped } from '#core/ledger/ledger.ts'

const crlf = Buffer.from('\r\n')
const canary = 'https://alice.pods.example/profile/card#me'

function serve(handler: RequestHandler) {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const app = leanExpress()
  app.get('/get/:subject', handler)
  app.post('/post', jsonBody({ limit: 1_000 }), handler)
  app.all('/post', methodNotAllowed('POST'))
  app.use('/static', express.static(import.meta.dirname, { dotfiles: 'ignore' }))
  app.use(notFound, problemHandler({ log: createLogger({ level: 'debug', stream }) }))
  return { app, lines }
}

const thrown = async (error: unknown) => {
  const { app, lines } = serve(() => {
    throw error
  })
  const reply = await request(app).get('/get/x')
  expect(reply.headers['content-type']).toBe('application/problem+json')
  expect(reply.headers['cache-control']).toBe('no-store')
  expect(matches('api/problem.json', reply.body)).toBe(true)
  return { reply, lines }
}

test('a refusal tells code, detail and every violation, and is not logged', async () => {
  const violations = [{ pointer: '/items/0', detail: 'is missing' }]
  const { reply, lines } = await thrown(new DomainError('invalid-input', 'Not like this', { violations }))
  expect(reply.status).toBe(400)
  expect(reply.body).toEqual({
    type: '/problems/invalid-input',
    title: 'The input is not valid',
    status: 400,
    code: 'invalid-input',
    detail: 'Not like this',
    instance: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
    errors: violations,
  })
  expect(lines).toEqual([])
})

test('a refusal carries its own header fields', async () => {
  const headers = { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': 'n' }
  const { reply } = await thrown(new DomainError('use-dpop-nonce', 'Use the nonce', { headers }))
  expect(reply.status).toBe(401)
  expect(reply.headers).toMatchObject({
    'www-authenticate': 'DPoP error="use_dpop_nonce"',
    'dpop-nonce': 'n',
  })
})

test('a bug tells nothing, and is logged without its message under the id that was told', async () => {
  const { reply, lines } = await thrown(new Error(canary, { cause: new TypeError(canary) }))
  expect(reply.status).toBe(500)
  expect(reply.body).toEqual({
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    instance: expect.any(String),
  })
  const [line] = lines.map((text): unknown => JSON.parse(text))
  expect(line).toMatchObject({
    level: 'error',
    event: 'request-failed',
    requestId: reply.body.instance.slice('urn:uuid:'.length),
    method: 'GET',
    route: '/get/:subject',
    status: 500,
    error: [
      { name: 'Error', at: expect.arrayContaining([expect.stringContaining('problem.test.ts')]) },
      { name: 'TypeError' },
    ],
  })
  expect(lines.join()).not.toContain('alice')
})

test.each([null, undefined, 'text', 42, { status: 404 }, { status: 418, expose: true }])(
  'whatever is thrown (%o) gets an answer',
  async (error) => {
    const handled = serve((_request, _response, next) => next(error ?? new Error('nothing')))
    expect((await request(handled.app).get('/get/x')).status).toBe(500)
  },
)

describe('faults of the ledger', () => {
  test.each([
    [new CommitRefused('grant/1', 'changed'), 409, 'conflict', undefined, []],
    [new LedgerBusy('full'), 503, 'busy', '1', ['warn request-refused']],
    [new LedgerStopped('stopped'), 503, 'ledger-stopped', '30', ['error ledger-stopped']],
  ])('%s', async (error, status, code, retryAfter, logged) => {
    const { reply, lines } = await thrown(error)
    const told = lines.map((line): { level: string; event: string } => JSON.parse(line))
    expect(told.map(({ level, event }) => `${level} ${event}`)).toEqual(logged)
    expect(reply.body).toMatchObject({ status, code })
    expect(reply.headers['retry-after']).toBe(retryAfter)
    expect('detail' in reply.body).toBe(status < 500)
  })
})

test('Retry-After is whole seconds of at least one', async () => {
  const { reply } = await thrown(new DomainError('pod-unreachable', '', { retryAfter: 0.2 }))
  expect(reply.headers['retry-after']).toBe('1')
  const later = await thrown(new DomainError('rate-limited', '', { retryAfter: 12.1 }))
  expect(later.reply.headers['retry-after']).toBe('13')
})

describe('faults of the client that a library finds', () => {
  const { app, lines } = serve((req, response) => {
    response.json({ body: req.body, query: req.query })
  })
  const post = (body: string | Buffer, type = 'application/json') =>
    request(app)
      .post('/post')
      .set('content-type', type)
      .serialize((bytes) => bytes)
      .send(body)

  test.each([
    ['a path that is not well encoded', () => request(app).get('/get/%ff'), 400, 'invalid-input'],
    ['a query that is not well encoded', () => request(app).get('/get/x?a=%ff'), 400, 'invalid-input'],
    ['a parameter given twice', () => request(app).get('/get/x?a=1&%61=2'), 400, 'invalid-input'],
    ['an unknown address', () => request(app).get('/nowhere'), 404, 'not-found'],
    ['an address in other letters', () => request(app).post('/POST'), 404, 'not-found'],
    ['a file outside', () => request(app).get('/static/..%2f..%2fpackage.json'), 404, 'not-found'],
    [
      'a range that is not there',
      () => request(app).get('/static/problem.test.ts').set('range', 'bytes=9999999-'),
      416,
      undefined,
    ],
    ['a wrong method', () => request(app).delete('/post'), 405, 'method-not-allowed'],
    ['a body that is too large', () => post(JSON.stringify('x'.repeat(1_000))), 413, 'too-large'],
    ['no JSON', () => post('{"a":'), 400, 'invalid-input'],
    ['a member twice', () => post('{"a":1,"a":2}'), 400, 'invalid-input'],
    ['bytes that are not UTF-8', () => post(Buffer.from([0x22, 0xff, 0x22])), 400, 'invalid-input'],
    ['a byte order mark', () => post(Buffer.from([0xef, 0xbb, 0xbf, 0x31])), 400, 'invalid-input'],
    [
      'no body',
      () => request(app).post('/post').set('content-type', 'application/json'),
      400,
      'invalid-input',
    ],
    ['a form', () => post('a=1', 'application/x-www-form-urlencoded'), 415, 'unsupported-media-type'],
    ['plain text', () => post('{}', 'text/plain'), 415, 'unsupported-media-type'],
    ['another charset', () => post('{}', 'application/json; charset=utf-16'), 415, 'unsupported-media-type'],
    ['a compressed body', () => post('{}').set('content-encoding', 'gzip'), 415, 'unsupported-media-type'],
  ])('%s', async (_name, send, status, code) => {
    const reply = await send()
    expect(reply.status).toBe(status)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.body.code).toBe(code)
    expect(lines).toEqual([])
  })

  test('what is well formed gets through', async () => {
    expect((await post('{"a":[1]}', 'application/json;charset="UTF-8"')).body.body).toEqual({ a: [1] })
    // RFC 9110 section 5.6.6: blanks may stand around the semicolon.
    expect((await post('{}', 'Application/JSON ; charset=UTF-8')).status).toBe(200)
    expect((await request(app).get('/get/x?a=1+2&b=%C3%BC')).body.query).toEqual({ a: '1 2', b: 'ü' })
    expect((await request(app).get('/get/x')).body.query).toEqual({})
  })
})

test('a content type of many blanks is looked at once, not once for each of them', () => {
  const headers = { 'content-type': `application/json${' '.repeat(1_000_000)}x` }
  const read = () => jsonBody()({ headers } as express.Request, {} as express.Response, () => undefined)
  expect(read).toThrow('The body must be application/json')
})

test('whoever sends far more than may be sent gets to read why it is refused', async () => {
  const { app } = serve(() => undefined)
  await using server = await listen({ app, host: '127.0.0.1', port: 0 })
  const part = Buffer.alloc(1 << 20, ' ')
  for (const field of ['Transfer-Encoding: chunked', `Content-Length: ${16 * part.length}`]) {
    const socket = connect(server.port, '127.0.0.1')
    const closed = once(socket, 'close')
    const head = [
      'POST /post HTTP/1.1',
      'Host: a',
      'Connection: close',
      'Content-Type: application/json',
      field,
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    // All of it is sent before anything is read: a reply that a reset overtakes is lost.
    const chunk = field.endsWith('chunked') ? Buffer.concat([Buffer.from('100000\r\n'), part, crlf]) : part
    for (let n = 0; n < 16; n++)
      await new Promise<void>((resolve, reject) =>
        socket.write(chunk, (error) => (error ? reject(error) : resolve())),
      )
    if (field.endsWith('chunked')) socket.write('0\r\n\r\n')
    const reply = Buffer.concat(await socket.toArray()).toString()
    expect(reply).toMatch(/^HTTP\/1\.1 413 .*"too-large".*\}$/s)
    await closed
  }
})

test('an answer under way is broken off, not finished as if it were whole', async () => {
  const { app, lines } = serve((_request, response) => {
    response.write('{"rows":[')
    throw new Error('halfway')
  })
  await expect(request(app).get('/get/x')).rejects.toThrow('aborted')
  expect(lines).toHaveLength(1)
})

test('docs/problems.md has a heading with the right status for every code', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/problems.md'), 'utf8')
  const headings = text.matchAll(/^### (\S+)\n\n(\d{3})\. /gm)
  const documented = new Set([...headings].map(([, code, status]) => `${code} ${status}`))
  const expected = new Set(Object.entries(problems).map(([code, { status }]) => `${code} ${status}`))
  expect(documented).toEqual(expected)
})
