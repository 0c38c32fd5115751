import { hash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { notFound, problemHandler } from '#core/http/problem.ts'
import { leanExpress, listen } from '#core/http/server.ts'
import { createLogger } from '#core/logger.ts'
import { appRoutes } from '../../vault-server/customer/app-files.ts'
import { browserHeaders } from '../../vault-server/customer/browser-headers.ts'

const script = 'export const text = "a script of the app, long enough to be worth compressing"\n'.repeat(20)
const page = `<!doctype html><html><head><base href="__REACH_BASE__" /><meta property="csp-nonce" nonce="__REACH_NONCE__" />
<meta name="reach-screen" content="__REACH_SCREEN__" /></head><body><script type="module" src="./assets/main-abc.js"></script></body></html>`

/** A built app in a folder of its own, mounted at `mount`. */
async function serveApp(mount = '') {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-test-app-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'app', 'assets'), { recursive: true })
  await writeFile(join(folder, 'secret.txt'), 'outside')
  await writeFile(join(folder, 'app', 'index.html'), page)
  await writeFile(join(folder, 'app', 'assets', 'main-abc.js'), script)
  await writeFile(join(folder, 'app', 'assets', 'main-abc.js.br'), brotliCompressSync(script))
  await writeFile(join(folder, 'app', 'icon.svg'), '<svg/>')
  const vaultUrl = `https://vault.example${mount}`
  const app = leanExpress()
  const routes = appRoutes({ folder: join(folder, 'app'), vaultUrl })
  app.use(mount === '' ? '/' : mount, browserHeaders({ vaultUrl }), routes)
  app.use(notFound, problemHandler({ log: createLogger({ level: 'silent' }) }))
  const { url } = opened.use(await listen({ app, host: '127.0.0.1', port: 0, drainMs: 100 }))
  const resources = opened.move()
  return { url: url + mount, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

const html = { headers: { accept: 'text/html' } }

test.each(['', '/tour'])(
  'every page path mounted at "%s" gives the page, with its base and a nonce of its own',
  async (mount) => {
    await using app = await serveApp(mount)
    const nonces = new Set<string>()
    for (const path of ['/', '/data', '/relationships/abc', '/consent/uid_1', '/signed-in?code=1&state=2']) {
      const response = await fetch(app.url + path, html)
      expect(response.status).toBe(200)
      const text = await response.text()
      expect(text).toContain(`<base href="${mount}/" />`)
      // The version that decisions are recorded with: of the page as it was built, wherever it is mounted.
      const version = hash('sha256', page, 'base64url').slice(0, 22)
      expect(text).toContain(`<meta name="reach-screen" content="${version}" />`)
      const nonce = /nonce="([^"]+)"/.exec(text)?.[1] ?? ''
      nonces.add(nonce)
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': expect.stringContaining('max-age=31536000'),
      })
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain(`style-src 'self' 'nonce-${nonce}'`)
      expect(policy).toContain("script-src 'self';")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("form-action 'self'")
      expect(policy).not.toContain('unsafe')
    }
    expect(nonces.size).toBe(5)
  },
)

test('no page is had ahead, whose scripts would act for somebody who has not come', async () => {
  await using app = await serveApp()
  for (const purpose of ['prefetch', 'prefetch;prerender']) {
    const headers = { ...html.headers, 'sec-purpose': purpose }
    expect((await fetch(`${app.url}/consent/uid_1`, { headers })).status).toBe(403)
  }
})

test('files with a hash are kept for ever, the others are asked for again', async () => {
  await using app = await serveApp()
  const asset = await fetch(`${app.url}/assets/main-abc.js`, { headers: { 'accept-encoding': 'br' } })
  expect(await asset.text()).toBe(script)
  expect(Object.fromEntries(asset.headers)).toMatchObject({
    'content-encoding': 'br',
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'Accept-Encoding',
  })
  const plain = await fetch(`${app.url}/assets/main-abc.js`, { headers: { 'accept-encoding': 'identity' } })
  expect(plain.headers.get('content-encoding')).toBeNull()
  expect(await plain.text()).toBe(script)
  const icon = await fetch(`${app.url}/icon.svg`)
  expect(icon.headers.get('cache-control')).toBe('no-cache')
  const again = await fetch(`${app.url}/icon.svg`, {
    headers: { 'if-none-match': icon.headers.get('etag') ?? '' },
  })
  expect(again.status).toBe(304)
})

test('nothing outside of the app is a file, and what is no page is no HTML', async () => {
  await using app = await serveApp()
  for (const path of [
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/assets/main-abc.js.br',
  ]) {
    const response = await fetch(app.url + path, html)
    expect(await response.text(), path).not.toMatch(/outside|export/)
  }
  expect((await fetch(`${app.url}/assets/gone-def.js`, html)).status).toBe(404)
  const json = await fetch(`${app.url}/data`, { headers: { accept: 'application/json' } })
  expect(json.status).toBe(404)
  expect(json.headers.get('content-type')).toBe('application/problem+json')
  expect((await fetch(`${app.url}/data`, { method: 'POST' })).status).toBe(404)
})
