import { describe, expect, test } from 'vitest'
import { DomainError } from '../../core/domain/errors.ts'
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
      from: { container: 'https://old.example/vrm/', webId: 'https://old.example/#me', ...old },
      to: { container: 'https://new.example/vrm/', webId: 'https://new.example/#me', ...fresh },
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
        write(url, await new Response(body).text())
        return new Response(null, { status: found ? 205 : 201 })
      }
      if (found === undefined) return new Response(null, { status: 404 })
      if (method === 'DELETE') documents.delete(url)
      const reply = { headers: { etag: found.etag, 'content-type': 'text/turtle' } }
      return new Response(method === 'HEAD' ? null : found.body, reply)
    }
    return { documents, write, fetch: fetchIt, streams: fetchIt }
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
    expect((await listFiles(from)).map(({ name }) => name)).toEqual([
      'diet.ttl',
      'other/raw.bin',
      'fr%C3%A9d.txt',
      'frØd.txt',
    ])
  })

  describe('and is too large to be read at once', () => {
    /** A pod whose small replies are bounded, and the large document in it. */
    function large(text: string) {
      const world = ends()
      world.old.write(`${world.from.container}film`, text)
      const bounded: PodFetch = async () => {
        throw Object.assign(new Error('more than 3 bytes'), { code: 'reply-too-large' })
      }
      const sent: string[] = []
      const streams: PodFetch = async (url, init = {}) => {
        if (init.method === 'PUT') sent.push(url)
        return await world.fresh.fetch(url, init)
      }
      return {
        ...world,
        sent,
        from: { ...world.from, fetch: bounded },
        to: { ...world.to, streams },
        copied: () => world.fresh.documents.get(`${world.to.container}film`)?.body,
      }
    }

    test('goes through in pieces, is compared, and is not sent again when it is there', async () => {
      const { from, to, sent, copied } = large('a long film')
      const counts: number[] = []
      const first = await copyFile(from, to, { name: 'film' }, (count) => counts.push(count))
      expect(first).toMatchObject({ bytes: 11, etag: '"1"' })
      expect(counts.at(-1)).toBe(11)
      expect(copied()).toBe('a long film')
      // As after a crash before the commit.
      expect(await copyFile(from, to, { name: 'film' })).toEqual(first)
      expect(sent).toHaveLength(1)
    })

    test('that another document took the place of is not written over, an older copy of ours is', async () => {
      const { old, from, to, fresh, copied } = large('a long film')
      const first = await copyFile(from, to, { name: 'film' })
      old.write(`${from.container}film`, 'a longer film')
      await expect(copyFile(from, to, { name: 'film' })).rejects.toMatchObject({ code: 'pod-changed' })
      const digest = String(first?.digest)
      expect(await copyFile(from, to, { name: 'film', digest })).toMatchObject({ bytes: 13 })
      fresh.write(`${to.container}film`, 'my own')
      const again = copyFile(from, to, { name: 'film', digest })
      await expect(again).rejects.toMatchObject({ code: 'pod-changed' })
      expect(copied()).toBe('my own')
    })

    test('is not copied as long as the new pod keeps only its beginning, whatever it says', async () => {
      const { from, to, fresh } = large('x'.repeat(100_000))
      const pieces = () => {
        let left = 100
        return new ReadableStream<Uint8Array>({
          pull(controller) {
            if (left-- > 0) controller.enqueue(Buffer.alloc(1_000, 'x'))
            else controller.close()
          },
        })
      }
      const headers = { etag: '"1"', 'content-type': 'video/mp4' }
      const streams: PodFetch = async () => new Response(pieces(), { headers })
      const hasty: PodFetch = async (url, init = {}) => {
        if (init.method !== 'PUT') return await fresh.fetch(url, init)
        const reader = (init.body as ReadableStream<Uint8Array>).getReader()
        const { value } = await reader.read()
        fresh.write(url, new TextDecoder().decode(value))
        return new Response(null, { status: 201 })
      }
      const copied = copyFile({ ...from, streams }, { ...to, streams: hasty }, { name: 'film' })
      await expect(copied).rejects.toMatchObject({ code: 'pod-unreadable' })
    })

    test('is never far ahead of the pod that takes it, and ends when it is told to', async () => {
      const { from, to } = large('')
      let [given, taken, ahead] = [0, 0, 0]
      const endless: PodFetch = async () => {
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            given += 65_536
            ahead = Math.max(ahead, given - taken)
            controller.enqueue(new Uint8Array(65_536))
          },
        })
        return new Response(body, { headers: { etag: '"1"' } })
      }
      const slow: PodFetch = async (_url, { method, body } = {}) => {
        if (method !== 'PUT') return new Response(null, { status: 404 })
        for await (const piece of body as unknown as AsyncIterable<Uint8Array>) taken += piece.byteLength
        return new Response(null, { status: 201 })
      }
      const stopping = copyFile(
        { ...from, streams: endless },
        { ...to, streams: slow },
        { name: 'film' },
        (count) => {
          if (count > 64 * 1024 * 1024) throw new DomainError('conflict', 'enough')
        },
      )
      await expect(stopping).rejects.toMatchObject({ code: 'conflict' })
      expect(taken).toBeGreaterThan(60 * 1024 * 1024)
      expect(ahead).toBeLessThan(1024 * 1024)
    })
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
