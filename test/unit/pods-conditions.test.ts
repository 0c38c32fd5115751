/** Pod servers that take no notice of conditions are found out before anything of the customer's is written. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createPodClient } from '#core/pods/client.ts'
import { createWriteCheck } from '#core/pods/conditions.ts'
import { copyFile, versionOf } from '#core/pods/copy.ts'

/** A pod server that honours these conditions of a PUT and no others. */
async function podServer(honours: { ifMatch: boolean; ifNoneMatch: boolean }) {
  const documents = new Map<string, { body: string; version: number }>()
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    asked.push(`${method} ${url.replace(/check-[0-9a-f]+/, 'check')}`)
    const found = documents.get(url)
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const isLate =
        (honours.ifNoneMatch && headers['if-none-match'] === '*' && found !== undefined) ||
        (honours.ifMatch &&
          headers['if-match'] !== undefined &&
          headers['if-match'] !== `"${found?.version}"`)
      if (method === 'PUT' && isLate) return response.writeHead(412).end()
      if (method === 'PUT') documents.set(url, { body, version: (found?.version ?? 0) + 1 })
      else if (method === 'DELETE') documents.delete(url)
      return response.writeHead(method === 'PUT' ? 201 : 204).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const container = `http://127.0.0.1:${(server.address() as AddressInfo).port}/pod/vrm/`
  return {
    container,
    documents,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

test.each([
  ['every condition', { ifMatch: true, ifNoneMatch: true }, undefined],
  ['none', { ifMatch: false, ifNoneMatch: false }, 'pod-unsafe'],
  ['If-None-Match alone', { ifMatch: false, ifNoneMatch: true }, 'pod-unsafe'],
  ['If-Match alone', { ifMatch: true, ifNoneMatch: false }, 'pod-unsafe'],
])('a server that honours %s is known for it, and nothing stays behind', async (_, honours, code) => {
  await using server = await podServer(honours)
  const clock = { time: 0 }
  const check = createWriteCheck(() => clock.time)
  const told = () =>
    check(fetch, server.container).then(
      () => undefined,
      (error: { code?: string }) => error.code,
    )
  expect(await Promise.all([told(), told()])).toEqual([code, code])
  expect([...server.documents.keys()]).toEqual([])
  // Once a day.
  const before = server.asked.length
  expect(server.asked.every((one) => one.endsWith('/pod/vrm/reach-check.ttl'))).toBe(true)
  expect(await told()).toBe(code)
  expect(server.asked.length).toBe(before)
  if (code === undefined) {
    // And for all customers of the server, whichever of them writes.
    await check(fetch, server.container.replace('/pod/', '/other/'))
    expect(server.asked.length).toBe(before)
  }
  clock.time += 25 * 3_600_000
  await told()
  expect(server.asked.length).toBeGreaterThan(before)
})

test('one customer who deletes the document that Reach looks with stops nobody else from saving', async () => {
  await using server = await podServer({ ifMatch: true, ifNoneMatch: true })
  const check = createWriteCheck(() => 0)
  const deleting: typeof fetch = async (url, init) => {
    const reply = await fetch(url, init)
    // Her other app does it, as soon as it is there.
    if (init?.method === 'PUT' && reply.ok) await fetch(url, { method: 'DELETE' })
    return reply
  }
  const asHer = (url: string, init?: RequestInit) => deleting(url, init)
  await expect(check(asHer, server.container)).rejects.toMatchObject({ code: 'pod-unsafe' })
  const another = server.container.replace('/pod/', '/other/')
  await expect(check(fetch, another)).resolves.toBeUndefined()
})

test('a server that does not answer is not judged: the next save asks it again', async () => {
  const check = createWriteCheck(() => 0)
  let isAway = true
  const server = await podServer({ ifMatch: true, ifNoneMatch: true })
  await using _ = server
  const sometimes: typeof fetch = (url, init) =>
    isAway ? Promise.resolve(new Response('', { status: 503 })) : fetch(url, init)
  const asOwner = (url: string, init?: RequestInit) => sometimes(url, init)
  await expect(check(asOwner, server.container)).rejects.toMatchObject({ code: 'pod-unreachable' })
  isAway = false
  await expect(check(asOwner, server.container)).resolves.toBeUndefined()
})

test('behind a proxy that packs and then weakens the ETag a version is known again, and saved over', async () => {
  // As nginx does with `gzip on`.
  const proxy = createServer(({ method, headers }, response) => {
    const weak = method === 'GET' && /gzip/.test(headers['accept-encoding'] ?? '') ? 'W/' : ''
    const { 'if-match': condition = '"1"' } = headers
    response
      .writeHead(condition === '"1"' ? 200 : 412, { etag: `${weak}"1"`, 'content-type': 'text/turtle' })
      .end(method === 'GET' ? '<#a> <#b> 1.' : '')
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const container = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`
  const pod = createPodClient({ fetch })
  const { etag = '' } = await pod.get(container)
  await expect(pod.put(container, 'x', { ifMatch: etag })).resolves.toBeDefined()
  const end = { container, webId: `${container}card#me`, fetch, streams: fetch }
  const copied = await copyFile(end, end, { name: 'x.ttl' })
  expect(await versionOf(fetch, `${container}x.ttl`)).toBe(copied?.etag)
  proxy.closeAllConnections()
  proxy.close()
})

test.each([413, 507])(
  'a pod that answers %i to a document is full, which is no trouble of its host',
  async (status) => {
    const pod = createPodClient({ fetch: async () => new Response('', { status }) })
    const put = pod.put('https://pod.example/vrm/profile.ttl', '', { ifNoneMatch: '*' })
    await expect(put).rejects.toMatchObject({ code: 'pod-full' })
  },
)
