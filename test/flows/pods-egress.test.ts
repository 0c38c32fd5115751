import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
let inside: Server
let allowed: Server
let visits = 0
const portOf = (server: Server) => (server.address() as AddressInfo).port

beforeAll(async () => {
  inside = createServer((_req, res) => {
    visits++
    res.end('inside')
  }).listen(0, '::')
  allowed = createServer((_req, res) => res.end('allowed')).listen(0, '127.0.0.1')
  await Promise.all([once(inside, 'listening'), once(allowed, 'listening')])
})
afterAll(() => {
  inside.close()
  allowed.close()
})

/**
 * Tries from a process of its own, as the guard is for a whole process, with the HTTP clients the pod server
 * uses.
 */
async function reach(urls: readonly string[]): Promise<Record<string, string[]>> {
  const program = `
    const { createRequire } = await import('node:module')
    const { guardOutboundConnections } = await import(${JSON.stringify(join(root, 'vault-server/pods/egress.ts'))})
    const crossFetch = createRequire(${JSON.stringify(join(root, 'node_modules/@solid/community-server/'))})('cross-fetch')
    const http = await import('node:http'), net = await import('node:net')
    guardOutboundConnections({ allow: ['http://127.0.0.1:${portOf(allowed)}'] })
    const request = (url) => new Promise((resolve, reject) => {
      http.get(url, (res) => res.setEncoding('utf8').on('data', resolve)).on('error', reject)
    })
    const plain = (url) => new Promise((resolve, reject) => {
      const { hostname, port } = new URL(url)
      const socket = net.connect(Number(port), hostname.replace(/[[\\]]/g, ''), () => resolve('connected'))
      socket.on('error', reject)
    })
    const results = {}
    for (const url of ${JSON.stringify(urls)}) {
      results[url] = await Promise.all([
        (url) => fetch(url).then((res) => res.text()), (url) => crossFetch(url).then((res) => res.text()), request, plain,
      ].map((client) => client(url).catch((error) => (error.cause ?? error).code ?? (error.cause ?? error).message)))
    }
    console.log(JSON.stringify(results))
    process.exit()`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: root })
  return JSON.parse(stdout) as Record<string, string[]>
}

test('the pod server’s process reaches no private address, however it is written, by none of its HTTP clients', async () => {
  const hosts = [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '127.1',
    '0x7f000001',
    '2130706433',
    '0.0.0.0',
    '[::]',
  ]
  const results = await reach(hosts.map((host) => `http://${host}:${portOf(inside)}/`))
  const answers = Object.values(results).flat()
  expect(answers).toHaveLength(4 * hosts.length)
  expect(answers.filter((answer) => !['outbound-refused', 'ENOTFOUND'].includes(answer))).toEqual([])
  expect(visits).toBe(0)
})

test('and what is allowed only by its exact host and port', async () => {
  const url = `http://127.0.0.1:${portOf(allowed)}/`
  const results = await reach([url, `http://localhost:${portOf(allowed)}/`])
  expect(results[url]).toEqual(['allowed', 'allowed', 'allowed', 'connected'])
  expect(Object.values(results)[1]?.every((answer) => answer === 'outbound-refused')).toBe(true)
})
