import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createProvisioning } from '../../vault-server/pods/provisioning.ts'
import { freePort } from '../free-ports.ts'
import { ownFetch, podServerPid, startTestPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'

const turtle = { 'content-type': 'text/turtle' }
const run = promisify(execFile)
let pods: TestPods

beforeAll(async () => {
  pods = await startTestPods()
})
afterAll(() => pods[Symbol.asyncDispose]())

/** A raw request, so that nothing tidies the path. */
async function ask(
  options: http.RequestOptions,
  body?: string,
): Promise<{ status: number; text: string; headers: http.IncomingHttpHeaders }> {
  const { host } = new URL(pods.server.baseUrl)
  const request = http.request({
    port: pods.server.port,
    host: '127.0.0.1',
    ...options,
    headers: { host, ...options.headers },
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode ?? 0, text, headers: response.headers }
}

describe('the closed edge', () => {
  const spellings = [
    '/.account/account/',
    '/.account/account',
    '/.account//account/',
    '//.account/account/',
    '/%2Eaccount/account/',
    '/.account/%61ccount/',
    '/.account/x/../account/',
    '/x/%2e%2e/.account/account/',
    '/.account/account/?a=b',
    '/.account/account/.',
    '/.account/account//',
  ]

  test('a backslash, which the pod server takes for a slash, goes no further', async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    expect((await ask({ method: 'POST', path: '/.account\\account/', headers }, '{}')).status).toBe(400)
  })

  test('a customer makes herself no further pods, under no name that the vault keeps back', async () => {
    const { email, password } = await pods.customer()
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const signIn = { method: 'POST', path: '/.account/login/password/', headers }
    const { authorization } = JSON.parse((await ask(signIn, JSON.stringify({ email, password }))).text)
    const token = { ...headers, authorization: `CSS-Account-Token ${authorization}` }
    const asHer = { accept: token.accept, authorization: token.authorization }
    const { controls } = JSON.parse((await ask({ path: '/.account/', headers: asHer })).text)
    const { pathname } = new URL(controls.account.pod)
    for (const path of [pathname, pathname.slice(0, -1), pathname.replace('/pod', '/%70od')]) {
      const made = await ask({ method: 'POST', path, headers: token }, JSON.stringify({ name: 'www' }))
      expect(made.status).toBe(403)
    }
    expect((await fetch(`${pods.server.baseUrl}www/profile/card`)).status).not.toBe(200)
  })

  test('nobody tries password after password', async () => {
    const { email, password } = await pods.customer()
    const from = { 'x-forwarded-for': '192.0.2.7' }
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...from }
    const guess = (path: string, word: string) =>
      ask({ method: 'POST', path, headers }, JSON.stringify({ email, password: word }))
    const login = '/.account/login/password/'
    const wrong = await Promise.all(Array.from({ length: 20 }, () => guess(login, 'wrong')))
    expect(new Set(wrong.map(({ status }) => status))).toEqual(new Set([403]))
    expect((await guess(login, 'wrong')).status).toBe(429)
    // Under another spelling neither, and not even with the right one.
    expect((await guess('/.account//login/%70assword', password)).status).toBe(429)
    const other = { ...headers, 'x-forwarded-for': '192.0.2.8' }
    const path = '/.account/login/password/'
    const mine = await ask({ method: 'POST', path, headers: other }, JSON.stringify({ email, password }))
    expect(mine.status).toBe(200)
  })

  test('a page that somebody put into a pod runs nothing, and the sign-in pages cannot be framed', async () => {
    const customer = await pods.customer()
    const url = `${customer.podUrl}profile/page.html`
    const page = { 'content-type': 'text/html' }
    await customer.fetch(url, {
      method: 'PUT',
      headers: page,
      body: '<script>steal(document.cookie)</script>',
    })
    const { pathname } = new URL(url)
    for (const path of [pathname, `/.account/..${pathname}`, `/.oidc/%2e%2e${pathname}`, `/${pathname}`]) {
      const { headers } = await ask({ path })
      expect(headers['content-security-policy']).toMatch(/^sandbox(?!.*allow-(scripts|same-origin))/)
      expect(headers['x-content-type-options']).toBe('nosniff')
    }
    const { headers } = await ask({ path: '/.account/login/', headers: { accept: 'text/html' } })
    expect(headers['content-security-policy']).toBe("frame-ancestors 'none'")
  })

  test.each(spellings)('nobody from outside makes an account by %s', async (path) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const outside = await ask({ method: 'POST', path, headers }, '{}')
    expect(outside.status).toBe(403)
    // Were a spelling to pass the front, the pod server itself would still refuse it.
    const inside = await ask({ method: 'POST', path, headers, socketPath: pods.server.door.socket }, '{}')
    expect([403, 404, 405]).toContain(inside.status)
  })

  test('the vault makes pods, whose owner signs in, and whose root nobody else sees', async () => {
    const customer = await pods.customer()
    expect((await customer.fetch(customer.podUrl)).status).toBe(200)
    expect((await fetch(customer.podUrl)).status).toBe(401)
    expect((await fetch(customer.webId)).status).toBe(200)
  })
})

describe('the front', () => {
  test('takes only its own address, in origin form, with bounded headers and bodies', async () => {
    expect((await ask({ path: '/', headers: { host: 'evil.example' } })).status).toBe(421)
    expect((await ask({ path: 'http://evil.example/.account/' })).status).toBe(421)
    expect((await ask({ path: '/%zz' })).status).toBe(400)
    expect((await ask({ path: '/', headers: { 'x-a': 'a'.repeat(20_000) } })).status).toBe(431)
    const headers = { 'content-type': 'application/json' }
    const large = JSON.stringify({ email: 'x'.repeat(70_000) })
    const path = '/.account/login/password/'
    expect((await ask({ method: 'POST', path, headers }, large)).status).toBe(413)
    const chunked = { ...headers, 'transfer-encoding': 'chunked' }
    expect((await ask({ method: 'POST', path, headers: chunked }, large)).status).toBe(413)
  })

  test('does not let a client pretend another address', async () => {
    const headers = {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      accept: 'application/json',
    }
    const { status, text } = await ask({ path: '/.account/', headers })
    expect(status).toBe(200)
    expect(text).not.toContain('evil.example')
  })

  test('sends people who would register to the vault', async () => {
    const { status, headers } = await ask({ path: '/.account/login/password/register/' })
    expect([status, headers.location]).toEqual([303, 'http://localhost:1'])
  })

  test('the socket is for this user alone', async () => {
    const { socket } = pods.server.door
    expect((await stat(socket)).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(socket))).mode & 0o777).toBe(0o700)
  })

  test('a broken-off PUT leaves the old version and no orphan', async () => {
    const customer = await pods.customer()
    const url = `${customer.podUrl}note.txt`
    const text = { 'content-type': 'text/plain' }
    await customer.fetch(url, { method: 'PUT', headers: text, body: 'A'.repeat(1 << 20) })
    const abort = new AbortController()
    const halves = new ReadableStream({
      async pull(stream) {
        stream.enqueue(Buffer.alloc(1 << 18, 'B'))
        await sleep(100)
        abort.abort()
      },
    })
    const broken = { method: 'PUT', headers: text, body: halves, duplex: 'half', signal: abort.signal }
    await expect(customer.fetch(url, broken as RequestInit)).rejects.toThrow()
    await vi.waitFor(async () => {
      expect(await readdir(join(pods.folder, 'root', '.internal', 'tempFiles'))).toEqual([])
    })
    expect(await (await customer.fetch(url)).text()).toBe('A'.repeat(1 << 20))
  })

  test('carries WebSockets, and a change arrives on them', async () => {
    const customer = await pods.customer()
    const url = `${customer.podUrl}note.ttl`
    await customer.fetch(url, { method: 'PUT', headers: turtle, body: '<#a> <#b> 1.' })
    const subscribed = await customer.fetch(`${pods.server.baseUrl}.notifications/WebSocketChannel2023/`, {
      method: 'POST',
      headers: { 'content-type': 'application/ld+json' },
      body: JSON.stringify({
        '@context': ['https://www.w3.org/ns/solid/notification/v1'],
        type: 'http://www.w3.org/ns/solid/notifications#WebSocketChannel2023',
        topic: url,
      }),
    })
    const { receiveFrom } = (await subscribed.json()) as { receiveFrom: string }
    const socket = new WebSocket(receiveFrom)
    await once(socket, 'open')
    const heard = once(socket, 'message')
    await customer.fetch(url, { method: 'PUT', headers: turtle, body: '<#a> <#b> 2.' })
    await heard
    socket.close()
  })
})

describe('the local feed', () => {
  async function reported(act: () => Promise<unknown>): Promise<string[]> {
    const urls: string[] = []
    const stop = pods.server.feed.subscribe(({ url, below }) => urls.push(below ? `below ${url}` : url))
    await act()
    await sleep(150)
    stop()
    return urls
  }

  test('tells of writes, patches, deletes, posts and access documents, in the same stretch', async () => {
    const { fetch: asOwner, podUrl, webId } = await pods.customer()
    const { feed } = pods.server
    await vi.waitFor(() => expect(feed.stretch(pods.server.baseUrl)).toBeDefined())
    const stretch = feed.stretch(pods.server.baseUrl)
    const note = `${podUrl}note.ttl`
    const acl = `${note}.acl`
    const write = (url: string, body: string) => asOwner(url, { method: 'PUT', headers: turtle, body })
    const rules = `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
      <#o> a acl:Authorization; acl:agent <${webId}>; acl:accessTo <${note}>; acl:mode acl:Read, acl:Write, acl:Control.`
    expect(await reported(() => write(note, '<#a> <#b> 1.'))).toContain(note)
    expect(await reported(() => write(note, '<#a> <#b> 2.'))).toEqual([note])
    expect(await reported(() => write(acl, rules))).toContain(`below ${note}`)
    expect(await reported(() => asOwner(`${podUrl}.acl`))).toEqual([])
    const patch =
      '@prefix s: <http://www.w3.org/ns/solid/terms#>. _:p a s:InsertDeletePatch; s:inserts { <#c> <#d> 1. }.'
    const root = `${podUrl}other.ttl`
    expect(
      await reported(() =>
        asOwner(root, { method: 'PATCH', headers: { 'content-type': 'text/n3' }, body: patch }),
      ),
    ).toContain(root)
    expect(await reported(() => asOwner(root, { method: 'DELETE' }))).toContain(root)
    expect(
      await reported(() => asOwner(podUrl, { method: 'POST', headers: turtle, body: '<#a> <#b> 1.' })),
    ).toContain(podUrl)
    expect(feed.stretch(pods.server.baseUrl)).toBe(stretch)
    expect(feed.covers(note)).toBe(true)
    expect(feed.covers('https://elsewhere.example/note.ttl')).toBe(false)
  })

  test('a frozen pod server is noticed within its second, and what was confirmed before is not believed again', async () => {
    const { feed } = pods.server
    await vi.waitFor(() => expect(feed.stretch(pods.server.baseUrl)).toBeDefined())
    const before = feed.stretch(pods.server.baseUrl)
    const pid = podServerPid(pods.server)
    process.kill(pid, 'SIGSTOP')
    await sleep(1100)
    expect(feed.stretch(pods.server.baseUrl)).toBeUndefined()
    process.kill(pid, 'SIGCONT')
    await vi.waitFor(() => expect(feed.stretch(pods.server.baseUrl)).toBeDefined(), { timeout: 3000 })
    expect(feed.stretch(pods.server.baseUrl)).not.toBe(before)
  })
})

describe('life and death', () => {
  test('killed, it answers 503 with Retry-After, starts again and keeps everything', async () => {
    const customer = await pods.customer()
    const url = `${customer.podUrl}note.ttl`
    await customer.fetch(url, { method: 'PUT', headers: turtle, body: '<#a> <#b> "kept".' })
    const before = pods.server.feed.stretch(pods.server.baseUrl)
    const orphans = join(pods.folder, 'root', '.internal', 'tempFiles')
    // Half of a new version is on its way when it happens.
    const half = new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('<#a> <#b> "lost')) })
    const broken = { method: 'PUT', headers: turtle, body: half, duplex: 'half' }
    const writing = customer.fetch(url, broken as RequestInit).then(
      ({ status }) => status,
      () => 'broken off',
    )
    await vi.waitFor(async () => expect(await readdir(orphans)).toHaveLength(1), { timeout: 5000 })
    const [begun, whole] = [await leaveNoted('begun'), await leaveNoted('whole')]
    await rm(join(pods.folder, 'root', 'begun', 'profile', 'card.acl'))
    process.kill(podServerPid(pods.server), 'SIGKILL')
    await vi.waitFor(async () => {
      const { status, headers } = await ask({ path: '/', headers: { accept: 'application/json' } })
      expect([status, headers['retry-after'], headers['content-type']]).toEqual([
        503,
        '2',
        'application/problem+json',
      ])
    })
    await vi.waitFor(() => expect(pods.server.feed.stretch(pods.server.baseUrl)).toBeUndefined())
    await vi.waitFor(() => expect(pods.server.state).toBe('ready'), { timeout: 60_000, interval: 100 })
    expect(await (await customer.fetch(url)).text()).toContain('kept')
    expect(await readdir(orphans)).toEqual([])
    expect([503, 'broken off']).toContain(await writing)
    await vi.waitFor(() => expect(pods.server.feed.stretch(pods.server.baseUrl)).toBeDefined())
    expect(pods.server.feed.stretch(pods.server.baseUrl)).not.toBe(before)
    // A pod that it was making is made anew, and one that was whole by then stays.
    expect(await readdir(join(pods.folder, 'making'))).toEqual([])
    const { createPod } = createProvisioning(pods.server.door)
    await expect(createPod(whole)).rejects.toMatchObject({ violations: [{ pointer: '/email' }] })
    const { webId, podUrl } = await createPod(begun)
    expect((await (await ownFetch(pods.server, { ...begun, webId }))(podUrl)).status).toBe(200)
  })

  /** A pod that was made without that being noted, as when the process is killed. */
  async function leaveNoted(podName: string) {
    const { door } = pods.server
    const person = { podName, email: `${podName}@example.org`, password: 'correct horse' }
    const making = { ...door.making, end: () => Promise.resolve() }
    await createProvisioning({ ...door, making }).createPod(person)
    return person
  }

  test('a parent that is killed leaves no orphan', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reach-test-pods-'))
    const port = await freePort()
    const program = `
      const { startEmbeddedPods } = await import(${JSON.stringify(join(import.meta.dirname, '../../vault-server/pods/embedded.ts'))})
      const log = { info() {}, warn() {} }
      const names = { hidden: (kind, text) => encodeURIComponent(text) }
      const pods = await startEmbeddedPods({ url: 'http://localhost:${port}/', folder: ${JSON.stringify(folder)},
        vaultUrl: 'http://localhost:1', names, log })
      await pods.ready
      process.kill(process.pid, 'SIGKILL')`
    const parent = execFile(process.execPath, ['--input-type=module', '-e', program], {
      cwd: join(import.meta.dirname, '../..'),
    })
    let child = 0
    const { pid } = parent
    const watch = setInterval(() => {
      void run('ps', ['-o', 'pid=,ppid=', '-A']).then(({ stdout }) => {
        const line = stdout.split('\n').find((one) => Number(one.trim().split(/\s+/)[1]) === pid)
        if (line) child = Number(line.trim().split(/\s+/)[0])
      })
    }, 200)
    const [, signal] = (await once(parent, 'exit')) as [number | null, string | null]
    clearInterval(watch)
    expect(signal).toBe('SIGKILL')
    expect(child).toBeGreaterThan(0)
    await vi.waitFor(() => expect(() => process.kill(child, 0)).toThrow('ESRCH'), { timeout: 5000 })
    await rm(folder, { recursive: true, force: true })
  })

  test('stops within its deadline although a WebSocket and a kept-alive connection are open', async () => {
    const own = await startTestPods()
    const customer = await own.customer()
    const agent = new http.Agent({ keepAlive: true })
    const { host } = new URL(own.server.baseUrl)
    const request = http.get({ port: own.server.port, host: '127.0.0.1', agent, headers: { host } })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    const subscribed = await customer.fetch(`${own.server.baseUrl}.notifications/WebSocketChannel2023/`, {
      method: 'POST',
      headers: { 'content-type': 'application/ld+json' },
      body: JSON.stringify({
        '@context': ['https://www.w3.org/ns/solid/notification/v1'],
        type: 'http://www.w3.org/ns/solid/notifications#WebSocketChannel2023',
        topic: customer.podUrl,
      }),
    })
    const { receiveFrom } = (await subscribed.json()) as { receiveFrom: string }
    const socket = new WebSocket(receiveFrom)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    const begun = performance.now()
    await own[Symbol.asyncDispose]()
    expect(performance.now() - begun).toBeLessThan(6000)
    expect(own.server.state).toBe('stopped')
    await closed
    agent.destroy()
  })
})
