import { describe, expect, test } from 'vitest'
import { copyFile, listFiles, versionOf } from '../../core/pods/copy.ts'
import type { PodFetch } from '../../core/pods/pod.ts'
import { probe } from '../../core/pods/probe.ts'
import { parseTurtle } from '../../core/pods/rdf.ts'
import { isSameGraph } from '../../core/pods/same-graph.ts'

const base = 'https://pod.example/vrm/x.ttl'
const same = (one: string, other: string) => isSameGraph(parseTurtle(one, base), parseTurtle(other, base))

describe('two documents', () => {
  test('say the same in another order, with other names of blank nodes and other ways to write it', () => {
    expect(same('<#a> <#b> "x"@en, 1.', '<#a> <#b> 1. <#a> <#b> "x"@en.')).toBe(true)
    expect(same('<#a> <#b> [ <#c> [ <#d> 1 ] ].', '_:z <#d> 1. _:y <#c> _:z. <#a> <#b> _:y.')).toBe(true)
    expect(same('<#a> <#b> _:x. _:x <#c> _:x.', '_:q <#c> _:q. <#a> <#b> _:q.')).toBe(true)
    expect(same('<#a> <#b> [ <#n> 1 ], [ <#n> 2 ].', '<#a> <#b> [ <#n> 2 ], [ <#n> 1 ].')).toBe(true)
  })

  test.each([
    ['a value', '<#a> <#b> 1.', '<#a> <#b> 2.'],
    ['a datatype', '<#a> <#b> "1".', '<#a> <#b> 1.'],
    ['a language', '<#a> <#b> "x"@en.', '<#a> <#b> "x"@de.'],
    ['a triple more', '<#a> <#b> 1.', '<#a> <#b> 1, 2.'],
    ['whom a blank node belongs to', '<#a> <#b> [ <#c> 1 ].', '<#z> <#b> [ <#c> 1 ].'],
    [
      'a circle for a chain',
      '_:a <#p> _:b. _:b <#p> _:a. <#x> <#y> _:a.',
      '_:a <#p> _:b. _:b <#p> _:b. <#x> <#y> _:a.',
    ],
    ['an address for a text', '<#a> <#b> <https://x.example/>.', '<#a> <#b> "https://x.example/".'],
  ])('do not when they differ in %s', (_what, one, other) => {
    expect(same(one, other)).toBe(false)
  })

  test('that only trying all ways would tell apart are not taken for the same', () => {
    const twins = '_:a <#p> _:b. _:b <#p> _:a.'
    expect(same(twins, twins)).toBe(false)
  })
})

describe('a pod server that', () => {
  const at = {
    container: 'https://pod.example/vrm/',
    podUrl: 'https://pod.example/',
    webId: 'https://pod.example/card#me',
  }
  const answering = (status: number) => async () => new Response(null, { status })
  const tried = (status: number) => {
    const fetch = answering(status)
    return probe({ agent: fetch, anyone: answering(401) }, at, 'open', () => 0)
  }

  test('takes the agent for nobody cannot reach its identity, and that is told', async () => {
    expect(await tried(401)).toMatchObject({ ok: false, identity: 'agent', unreachable: true })
    expect(await tried(400)).toMatchObject({ ok: false, unreachable: true })
  })

  test.each(['if-match', 'if-none-match'])(
    'heeds %s alone loses no document to being tried',
    async (heeded) => {
      const written: string[] = []
      const agent: PodFetch = async (url, init) => {
        const condition = new Headers(init?.headers).get(heeded)
        const isThere = url.endsWith('profile.ttl')
        const holds = heeded === 'if-match' ? isThere && condition === '*' : !isThere
        if (init?.method === 'PUT' && holds) written.push(url)
        if (init?.method === 'PUT') return new Response(null, { status: holds ? 205 : 412 })
        return new Response(null, { status: isThere || url.endsWith('/') ? 200 : 404 })
      }
      const seen = await probe({ agent, anyone: answering(401) }, at, 'open', () => 0)
      expect(seen.findings.some(({ what }) => what.startsWith('change profile'))).toBe(true)
      expect(written.filter((url) => url.endsWith('.ttl'))).toEqual([])
    },
  )

  test('knows the agent and refuses it is another matter', async () => {
    expect(await tried(403)).not.toHaveProperty('unreachable')
    expect(await tried(200)).not.toHaveProperty('unreachable')
  })
})

describe('a document that is moved', () => {
  const ends = () => {
    const [old, fresh] = [pod(), pod()]
    return {
      old,
      fresh,
      from: { container: 'https://old.example/vrm/', webId: 'https://old.example/#me', fetch: old.fetch },
      to: { container: 'https://new.example/vrm/', webId: 'https://new.example/#me', fetch: fresh.fetch },
    }
  }

  /** As much of a pod as copying needs: documents by address with a version, under the conditions of HTTP. */
  function pod() {
    const documents = new Map<string, { body: string; etag: string }>()
    let version = 0
    const write = (url: string, body: string) => documents.set(url, { body, etag: `"${++version}"` })
    const fetchIt: PodFetch = async (url, { method = 'GET', headers = {}, body } = {}) => {
      const found = documents.get(url)
      const conditions = new Headers(headers)
      const match = conditions.get('if-match')
      if (conditions.has('if-none-match') && found) return new Response(null, { status: 412 })
      if (match !== null && match !== found?.etag) return new Response(null, { status: 412 })
      if (method === 'PUT') {
        write(url, new TextDecoder().decode(body as Uint8Array<ArrayBuffer>))
        return new Response(null, { status: found ? 205 : 201 })
      }
      if (found === undefined) return new Response(null, { status: 404 })
      if (method === 'DELETE') documents.delete(url)
      const reply = { headers: { etag: found.etag, 'content-type': 'text/turtle' } }
      return new Response(method === 'HEAD' ? null : found.body, reply)
    }
    return { documents, write, fetch: fetchIt }
  }

  test('and changed after it was copied takes the place of its copy, and of nothing else', async () => {
    const { old, fresh, from, to } = ends()
    old.write(`${from.container}diet.ttl`, '<#me> <#eats> "all".')
    const first = await copyFile(from, to, { name: 'diet.ttl' })
    old.write(`${from.container}diet.ttl`, '<#me> <#eats> "less".')
    await expect(copyFile(from, to, { name: 'diet.ttl' })).rejects.toMatchObject({ code: 'pod-changed' })
    const digest = String(first?.digest)
    const second = await copyFile(from, to, { name: 'diet.ttl', digest })
    expect(second?.digest).not.toBe(digest)
    expect(fresh.documents.get(`${to.container}diet.ttl`)?.body).toContain('less')

    fresh.write(`${to.container}diet.ttl`, '<#me> <#eats> "what I wrote here".')
    old.write(`${from.container}diet.ttl`, '<#me> <#eats> "nothing".')
    const again = copyFile(from, to, { name: 'diet.ttl', digest: String(second?.digest) })
    await expect(again).rejects.toMatchObject({ code: 'pod-changed' })
    expect(fresh.documents.get(`${to.container}diet.ttl`)?.body).toContain('what I wrote here')
  })

  test('and deleted after it was copied does not come back to life in the new pod', async () => {
    const { old, fresh, from, to } = ends()
    old.write(`${from.container}diet.ttl`, '<#me> <#eats> "all".')
    const copied = await copyFile(from, to, { name: 'diet.ttl' })
    old.documents.clear()
    expect(await copyFile(from, to, { name: 'diet.ttl', digest: String(copied?.digest) })).toBeUndefined()
    expect([...fresh.documents.keys()]).toEqual([])

    fresh.write(`${to.container}diet.ttl`, '<#me> <#eats> "what I wrote here".')
    await copyFile(from, to, { name: 'diet.ttl', digest: String(copied?.digest) })
    expect(fresh.documents.size).toBe(1)
  })

  test('is none that would mean something else in the new pod: rules of access, or another folder', async () => {
    const { old, from } = ends()
    const names = [
      'diet.ttl',
      'other/raw.bin',
      'fr%C3%A9d.txt',
      'frØd.txt',
      'diet.ttl.acl',
      'diet.ttl.ACR',
      'diet.ttl%2Eacl',
      'diet.ttl.meta',
      '.acl',
      '.hidden/x',
      '../profile/card',
      '../.acl',
      '%2e%2e/x',
      'a%2f..%2fb',
      'a?b',
      'a#b',
    ]
    old.write(
      from.container,
      names
        .map((name) => `<${from.container}> <http://www.w3.org/ns/ldp#contains> <${from.container}${name}>.`)
        .join('\n'),
    )
    expect(await listFiles(from)).toEqual(['diet.ttl', 'other/raw.bin', 'fr%C3%A9d.txt', 'frØd.txt'])
  })

  test('is deleted only by its version: a pod that tells none is not taken for one that holds nothing', async () => {
    const untold: PodFetch = async () => new Response(null, { status: 200 })
    const broken: PodFetch = async () => new Response(null, { status: 405 })
    for (const fetch of [untold, broken])
      await expect(versionOf(fetch, 'https://old.example/vrm/diet.ttl')).rejects.toMatchObject({
        code: 'pod-unreadable',
      })
  })
})
