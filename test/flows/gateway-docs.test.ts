/** The page at `/docs/` as a browser or anybody else fetches it; test/browser/docs.test.ts looks at it. */
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestGateway } from '../gateway.ts'

/** Served at the root, and under a path as the tour is. */
describe.each([{}, { gatewayPath: '/tour' }])('the docs page of a gateway with %o', (options) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await TestGateway.open(options)
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  /** As it comes over the wire: redirects are not followed, nothing is unpacked. */
  const ask = async (path: string, options: { method?: 'HEAD'; headers?: Record<string, string> } = {}) => {
    const { statusCode, headers, body } = await request(gateway.url + path, { method: 'GET', ...options })
    return { status: statusCode, headers, bytes: Buffer.from(await body.arrayBuffer()) }
  }

  test('is found from /docs', async () => {
    const { status, headers } = await ask('/docs')
    expect(status).toBe(308)
    expect(new URL(String(headers['location']), `${gateway.url}/docs`).href).toBe(`${gateway.url}/docs/`)
  })

  test('refers to nothing but files beside it, all of them there and of their type', async () => {
    const page = await gateway.call({ path: '/docs/' })
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const names = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name)
    expect(names).toEqual([
      'data:,',
      'swagger-ui.css',
      'page.css',
      'swagger-ui-bundle.js',
      'page.js',
      '../openapi.json',
    ])
    const script = await gateway.call({ path: '/docs/page.js' })
    expect(script.text).toContain("url: '../openapi.json'")
    for (const [name, type] of [
      ['swagger-ui.css', 'text/css; charset=utf-8'],
      ['page.css', 'text/css; charset=utf-8'],
      ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
      ['page.js', 'text/javascript; charset=utf-8'],
      ['../openapi.json', 'application/json'],
    ] as const) {
      const { href } = new URL(name, `${gateway.url}/docs/`)
      const file = await gateway.call({ path: href.slice(gateway.url.length) })
      expect([name, file.status, file.headers.get('content-type')]).toEqual([name, 200, type])
      expect(file.headers.get('x-content-type-options')).toBe('nosniff')
    }
  })

  test('may run only what is its own, and be framed by nobody', async () => {
    for (const path of ['/docs/', '/docs/page.js']) {
      const { headers } = await gateway.call({ path })
      const policy = headers.get('content-security-policy')?.split('; ')
      expect(policy).toEqual(
        expect.arrayContaining(["default-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]),
      )
      expect(policy?.join()).not.toMatch(/unsafe|https?:|\*/)
    }
    const { text } = await gateway.call({ path: '/docs/' })
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/)
  })

  test.each([
    '/docs/index.html',
    '/docs/page.html',
    '/docs/routes.ts',
    '/docs/swagger-initializer.js',
    '/docs/swagger-ui-standalone-preset.js',
    '/docs/swagger-ui-bundle.js.map',
    '/docs/swagger-ui.css/',
    '/docs/package.json',
    '/docs//',
    '/docs/..%2fserver.ts',
    '/docs/__proto__',
    '/Docs/',
  ])('has nothing else: %s', async (path) => {
    for (const method of ['GET', 'POST']) {
      const { status, json } = await gateway.call({ path, method })
      expect([status, json.code]).toEqual([404, 'not-found'])
    }
  })

  test('takes GET and HEAD only', async () => {
    for (const path of ['/docs', '/docs/', '/docs/page.js']) {
      const { status, headers, json } = await gateway.call({ path, method: 'POST' })
      expect([status, headers.get('allow'), json.code]).toEqual([405, 'GET, HEAD', 'method-not-allowed'])
    }
    const { bytes } = await ask('/docs/')
    const head = await ask('/docs/', { method: 'HEAD' })
    expect([head.status, head.headers['content-length'], head.bytes.length]).toEqual([
      200,
      String(bytes.length),
      0,
    ])
  })

  test('is kept for a while, then asked for again without being sent again', async () => {
    const path = '/docs/swagger-ui.css'
    const { headers } = await ask(path)
    expect(headers['cache-control']).toBe('public, max-age=300')
    const tag = String(headers['etag'])
    expect(tag).toMatch(/^W\/"[\w-]{22}"$/)
    const again = await ask(path, { headers: { 'if-none-match': tag } })
    expect([again.status, again.bytes.length]).toEqual([304, 0])
    expect((await ask(path, { headers: { 'if-none-match': 'W/"other"' } })).status).toBe(200)
  })

  test('is compressed for whoever takes that', async () => {
    const path = '/docs/swagger-ui-bundle.js'
    const plain = await ask(path)
    expect(plain.headers['content-encoding']).toBeUndefined()
    for (let n = 0; n < 2; n++) {
      const { headers, bytes } = await ask(path, { headers: { 'accept-encoding': 'gzip' } })
      expect([headers['content-encoding'], headers['content-length']]).toEqual(['gzip', String(bytes.length)])
      expect(bytes.length).toBeLessThan(plain.bytes.length / 3)
      expect(gunzipSync(bytes).equals(plain.bytes)).toBe(true)
    }
  })
})
