/** Moving house: all data of a customer go from one pod to another. */
import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PodMoveView, Redirect } from '../../schemas/types.gen.ts'
import { allowAll, connectPod } from '../consent.ts'
import { accessUrl, meOf, orders, personal, read, signIn, turtle, typesOf } from '../own-pod-customer.ts'
import { ownPodServer, typePassword } from '../own-pod-server.ts'
import type { OwnPodPerson, OwnPodServer } from '../own-pod-server.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

let embedded: TestPods

beforeAll(async () => {
  embedded = await sharedPods()
}, 300_000)

describe('moving house, from an embedded pod to an own one', () => {
  let server: OwnPodServer
  let vault: TestVault

  beforeAll(async () => {
    server = await ownPodServer('wac')
    vault = await startTestVault(embedded, {
      outboundAllow: [new URL(server.baseUrl).origin],
      gateway: true,
      settings: { REACH_MOVE_MEGABYTES: '8' },
    })
    return () => vault[Symbol.asyncDispose]()
  }, 300_000)

  const moveOf = async (browser: VaultBrowser) => (await browser.get('/api/pod/move')).body as PodMoveView
  const step = async (browser: VaultBrowser) => {
    const answer = await browser.post('/api/pod/move/step')
    expect(answer).toMatchObject({ status: 200 })
    return answer.body as PodMoveView
  }
  /** Whatever takes long takes several steps, and so do many bytes: goes on until nothing of what was found waits. */
  const copyAll = async (browser: VaultBrowser) => {
    for (;;) {
      const view = await step(browser)
      expect(view.state).toBe('copying')
      if ((view.proven ?? 0) + (view.filesLeft?.length ?? 0) === view.files) return view
    }
  }
  async function begin(browser: VaultBrowser, person: OwnPodPerson) {
    const begun = await browser.post('/api/pod/move', { issuer: person.webId })
    expect(begun).toMatchObject({ status: 200 })
    const query = await typePassword(server.baseUrl, (begun.body as Redirect).location, person)
    return await browser.post('/api/sign-in/complete', { query })
  }

  test('all data go along, whatever crashes; grants live on; old copies go last, and only proven ones', async () => {
    const pod = await embedded.customer()
    const browser = vault.browser()
    const query = await signInAtPod(embedded, browser, pod, { issuer: embedded.server.baseUrl })
    expect(await browser.post('/api/sign-in/complete', { query })).toMatchObject({ status: 200 })
    await connectPod(browser)
    const business = await vault.business()
    const relation = { business, ...(await allowAll(vault, browser, business)) }
    await vault.settle()
    // What another app wrote: a name of its own for the folder, a blank node, and a file that is no RDF.
    const profile = `${pod.container}profile.ttl`
    const note = `<#me> <urn:other#note> [ <urn:other#of> <${pod.container}diet.ttl#me>; <urn:other#by> <${pod.webId}> ].`
    const before = await (await pod.fetch(profile)).text()
    await pod.fetch(profile, { method: 'PUT', headers: turtle, body: `${before}\n${note}` })
    const bytes = new Uint8Array([0, 255, 128, 10, 13])
    const binary = { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body: bytes }
    expect((await pod.fetch(`${pod.container}other/raw.bin`, binary)).ok).toBe(true)

    const film = randomBytes(5 * 1024 * 1024)
    const long = Buffer.alloc(9 * 1024 * 1024)
    for (const [name, body] of [['film', film] as const, ['long', long] as const]) {
      const large = { method: 'PUT', headers: { 'content-type': 'video/mp4' }, body: new Uint8Array(body) }
      expect((await pod.fetch(`${pod.container}other/${name}.mp4`, large)).ok).toBe(true)
    }
    // Rules of single documents: one is shut to Reach and open to a friend, a folder is open to her as well.
    const friend = 'https://friend.example/card#me'
    const ruled = (resource: string, whom: string) => `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
      <#o> a acl:Authorization; acl:agent <${pod.webId}>; acl:accessTo <${resource}>; acl:default <${resource}>; acl:mode acl:Read, acl:Write, acl:Control.
      <#f> a acl:Authorization; acl:agent <${whom}>; acl:accessTo <${resource}>; acl:default <${resource}>; acl:mode acl:Read.`
    for (const resource of [`${pod.container}diet.ttl`, `${pod.container}other/`]) {
      const put = { method: 'PUT', headers: turtle, body: ruled(resource, friend) }
      expect((await pod.fetch(`${resource}.acl`, put)).ok).toBe(true)
    }
    const person = await server.person()
    expect(await begin(browser, person)).toMatchObject({ status: 200 })
    expect(await moveOf(browser)).toMatchObject({
      state: 'copying',
      from: pod.container,
      to: person.container,
    })
    expect(await meOf(browser)).toMatchObject({ webId: pod.webId, moving: true })
    const listed = await step(browser)
    expect(listed).toMatchObject({ state: 'copying', files: 9, proven: 0, bytes: 0 })
    expect(listed.ofBytes).toBeGreaterThan(film.length + long.length)
    await vault.restart()
    const all = await copyAll(browser)
    expect(all).toMatchObject({ files: 9, proven: 8, filesLeft: ['other/long.mp4'] })
    expect(all.bytes).toBeGreaterThan(film.length)
    expect(all.ofBytes).toBe(all.bytes)
    // Added and changed in the old pod after it was copied: the new pod has an older one under this name now.
    await browser.put('/api/categories/sizes', { etag: null, values: { shoe: { size: '42', system: 'EU' } } })
    const later = `${before}\n${note}\n<#me> <urn:other#note> "later".`
    expect((await pod.fetch(profile, { method: 'PUT', headers: turtle, body: later })).ok).toBe(true)
    expect(await step(browser)).toMatchObject({ state: 'copying', files: 11, proven: 7 })
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    expect(await copyAll(browser)).toMatchObject({ files: 11, proven: 10 })
    expect(await step(browser)).toMatchObject({ state: 'moved', files: 11, proven: 10 })

    expect(await meOf(browser)).toMatchObject({
      webId: person.webId,
      container: person.container,
      podAccess: 'open',
      boundSeconds: 10,
      name: 'Alma Quist',
    })
    expect(await typesOf(browser)).toContain('pod-moved')
    const moved = await (await person.fetch(`${person.container}profile.ttl`)).text()
    expect(moved).toContain(`${person.container}diet.ttl#me`)
    expect(moved).toContain(person.webId)
    expect(moved).toContain('later')
    expect(moved).not.toContain(pod.container)
    const agent = String((await meOf(browser)).agent)
    for (const name of ['diet.ttl', 'other/']) {
      const rules = await (await person.fetch(`${person.container}${name}.acl`)).text()
      expect(rules, name).toContain(friend)
      expect(rules).toContain(person.webId)
      expect(rules).not.toContain(agent)
      expect(rules).not.toContain(pod.webId)
    }
    // What was shut to Reach is shut to it there, and that is told.
    expect(await meOf(browser)).toMatchObject({ lostCategories: ['diet'] })
    expect(await read(vault, relation, [personal, 'diet.allergies'])).toEqual({ status: 404 })
    const raw = await person.fetch(`${person.container}other/raw.bin`)
    expect(new Uint8Array(await raw.arrayBuffer())).toEqual(bytes)
    const shown = await person.fetch(`${person.container}other/film.mp4`)
    expect(shown.headers.get('content-type')).toBe('video/mp4')
    expect(film.equals(Buffer.from(await shown.arrayBuffer()))).toBe(true)
    const receipt = `receipts/${relation.receiptId}.jws`
    expect((await person.fetch(person.container + receipt)).status).toBe(200)
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({
      status: 200,
      data: { 'profile.name': 'Alma Quist' },
    })
    // Saving goes to the new pod, in the session that the move opened.
    const saved = await browser.put('/api/categories/interests', { etag: null, values: { topics: ['jazz'] } })
    expect(saved).toMatchObject({ status: 200 })
    expect((await person.fetch(`${person.container}interests.ttl`)).status).toBe(200)

    // What was changed in the old pod since is nobody's to delete.
    await pod.fetch(`${pod.container}diet.ttl`, { method: 'PUT', headers: turtle, body: '<#a> <#b> 1.' })
    expect(await browser.post('/api/pod/move/finish', { deleteOld: true })).toMatchObject({
      status: 409,
      body: { code: 'pod-changed' },
    })
    expect((await pod.fetch(profile)).status).toBe(200)
    expect((await pod.fetch(`${pod.container}diet.ttl`, { method: 'DELETE' })).ok).toBe(true)
    expect(await browser.post('/api/pod/move/finish', { deleteOld: true })).toMatchObject({ status: 200 })
    for (const name of ['profile.ttl', receipt, 'other/raw.bin', 'other/film.mp4'])
      expect((await pod.fetch(pod.container + name)).status).toBe(404)
    expect((await pod.fetch(`${pod.container}other/long.mp4`)).status).toBe(200)
    expect(await moveOf(browser)).toEqual({ state: 'none' })
    expect(await meOf(browser)).not.toHaveProperty('moving')
  })

  test('nothing is moved over somebody else, into the same pod, or onto a document that is there', async () => {
    const taken = await server.person()
    await signIn(vault, server, taken, taken.webId)
    const { browser } = await vault.customer()
    await connectPod(browser)
    expect(await begin(browser, taken)).toMatchObject({ status: 409, body: { code: 'account-exists' } })
    expect(await moveOf(browser)).toEqual({ state: 'none' })
    const person = await server.person()
    await person.fetch(`${person.container}profile.ttl`, {
      method: 'PUT',
      headers: turtle,
      body: '<#me> <#a> 1.',
    })
    expect(await begin(browser, person)).toMatchObject({ status: 200 })
    await step(browser)
    expect(await browser.post('/api/pod/move/step')).toMatchObject({
      status: 409,
      body: { code: 'pod-changed' },
    })
    expect(await (await person.fetch(`${person.container}profile.ttl`)).text()).toContain('<#a>')
    const rules = async () => await (await person.fetch(`${person.container}.acl`)).text()
    const agent = String((await meOf(browser)).agent)
    expect(await rules()).toContain(agent)
    expect(await browser.post('/api/pod/move/cancel')).toMatchObject({ status: 200, body: { state: 'none' } })
    expect(await rules()).not.toContain(agent)
    expect(await meOf(browser)).toMatchObject({ podAccess: 'open' })

    // Who leaves in the middle of it takes Reach out of the new pod as well.
    expect(await begin(browser, person)).toMatchObject({ status: 200 })
    await step(browser)
    expect(await rules()).toContain(agent)
    const leaving = { confirmation: 'erase', askDeletion: false, deletePod: false }
    const left = await browser.post('/api/leave', leaving)
    expect(left).toMatchObject({ status: 202, body: { podAccess: 'closed' } })
    expect(await rules()).not.toContain(agent)
    await vault.settle()
    expect(await vault.ledger.list('pod-move/')).toEqual([])
  })

  const acl = 'http://www.w3.org/ns/auth/acl#'
  /** A document's own rules: hers, one friend who may read, and shut to Reach (in ACP that takes a word). */
  const ruled = {
    wac: (url: string, owner: string, friend: string, _shut: string) => `@prefix acl: <${acl}>.
      <#o> a acl:Authorization; acl:agent <${owner}>; acl:accessTo <${url}>; acl:mode acl:Read, acl:Write, acl:Control.
      <#f> a acl:Authorization; acl:agent <${friend}>; acl:accessTo <${url}>; acl:mode acl:Read.`,
    acp: (url: string, owner: string, friend: string, shut: string) => `
      @prefix acp: <http://www.w3.org/ns/solid/acp#>. @prefix acl: <${acl}>.
      <#r> a acp:AccessControlResource; acp:resource <${url}>; acp:accessControl <#o>, <#f>, <#n>.
      <#o> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read, acl:Write, acl:Control; acp:anyOf [ a acp:Matcher; acp:agent <${owner}> ] ].
      <#f> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read; acp:anyOf [ a acp:Matcher; acp:agent <${friend}> ] ].
      <#n> a acp:AccessControl; acp:apply [ a acp:Policy; acp:deny acl:Read; acp:anyOf [ a acp:Matcher ${shut} ] ].`,
  }

  test.each([
    ['wac', 'acp'],
    ['acp', 'wac'],
    ['acp', 'acp'],
  ] as const)(
    'rules of documents from %s to %s: kept, or named, and nothing gets any wider',
    async (...kinds) => {
      const [old, fresh] = await Promise.all(kinds.map(ownPodServer))
      if (old === undefined || fresh === undefined) throw new Error('no servers')
      await using mixed = await startTestVault(embedded, {
        outboundAllow: [old, fresh].map(({ baseUrl }) => new URL(baseUrl).origin),
      })
      const [her, person] = [await old.person(), await fresh.person()]
      // Both servers must be able to tell who she is: she lives where the data go.
      const friend = await fresh.person()
      const browser = await signIn(mixed, old, her, her.webId)
      await connectPod(browser)
      const agent = String((await meOf(browser)).agent)
      const rules = ruled[kinds[0]]
      for (const [name, whom, shut] of [
        ['diet.ttl', friend.webId, `; acp:agent <${agent}>`],
        // Of nobody but her and Reach, whatever the kind: nothing of it is lost.
        ['profile.ttl', kinds[0] === 'wac' ? agent : her.webId, ''],
      ] as const) {
        const body = rules(her.container + name, her.webId, whom, shut)
        const address = await accessUrl(her, her.container + name)
        expect((await her.fetch(address, { method: 'PUT', headers: turtle, body })).ok).toBe(true)
      }
      const begun = await browser.post('/api/pod/move', { issuer: person.webId })
      const query = await typePassword(fresh.baseUrl, (begun.body as Redirect).location, person)
      expect((await browser.post('/api/sign-in/complete', { query })).status).toBe(200)
      let view = await step(browser)
      while (view.state === 'copying') view = await step(browser)
      const isSameKind = kinds[0] === kinds[1]
      expect(view).toMatchObject({ state: 'moved', ...(isSameKind ? {} : { rulesLeft: ['diet.ttl'] }) })
      expect(Object.hasOwn(view, 'rulesLeft')).toBe(!isSameKind)
      expect(await meOf(browser)).toMatchObject({
        podAccess: 'open',
        lostCategories: ['diet'],
        name: 'Alma Quist',
      })
      const [diet, profile] = ['diet.ttl', 'profile.ttl'].map((name) => person.container + name) as [
        string,
        string,
      ]
      const statusFor = async (who: OwnPodPerson, url: string) => (await who.fetch(url)).status
      expect(await statusFor(person, diet)).toBe(200)
      expect(await statusFor(friend, diet)).toBe(isSameKind ? 200 : 403)
      expect(await statusFor(friend, profile)).toBe(403)
      const text = await (await person.fetch(await accessUrl(person, diet))).text()
      expect(text).toContain(person.webId)
      expect(text).not.toContain(her.webId)
      expect(text).not.toContain(her.container)
    },
  )
})
