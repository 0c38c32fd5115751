/** Moving house: all data of a customer go from one pod to another. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { PodMoveView, Redirect } from '../../schemas/types.gen.ts'
import { allowAll, connectPod } from '../consent.ts'
import { meOf, orders, personal, read, signIn, turtle, typesOf } from '../own-pod-customer.ts'
import { ownPodServer, typePassword } from '../own-pod-server.ts'
import type { OwnPodPerson, OwnPodServer } from '../own-pod-server.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'
import { signInAtPod, startTestVault } from '../vault.ts'
import type { TestVault, VaultBrowser } from '../vault.ts'

let embedded: TestPods

beforeAll(async () => {
  embedded = await sharedPods()
}, 90_000)

describe('moving house, from an embedded pod to an own one', { timeout: 240_000 }, () => {
  let server: OwnPodServer
  let vault: TestVault

  beforeAll(async () => {
    server = await ownPodServer('wac')
    vault = await startTestVault(embedded, { outboundAllow: [new URL(server.baseUrl).origin], gateway: true })
    return () => vault[Symbol.asyncDispose]()
  }, 90_000)

  const moveOf = async (browser: VaultBrowser) => (await browser.get('/api/pod/move')).body as PodMoveView
  const step = async (browser: VaultBrowser) => {
    const answer = await browser.post('/api/pod/move/step')
    expect(answer).toMatchObject({ status: 200 })
    return answer.body as PodMoveView
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

    const large = { method: 'PUT', headers: { 'content-type': 'video/mp4' }, body: Buffer.alloc(1_100_000) }
    expect((await pod.fetch(`${pod.container}other/film.mp4`, large)).ok).toBe(true)
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
    expect(await step(browser)).toMatchObject({ state: 'copying', files: 8, proven: 0 })
    await vault.restart()
    expect(await step(browser)).toMatchObject({
      files: 8,
      proven: 7,
      filesLeft: ['other/film.mp4'],
    })
    // Added and changed in the old pod after it was copied: the new pod has an older one under this name now.
    await browser.put('/api/categories/sizes', { etag: null, values: { shoe: { size: '42', system: 'EU' } } })
    const later = `${before}\n${note}\n<#me> <urn:other#note> "later".`
    expect((await pod.fetch(profile, { method: 'PUT', headers: turtle, body: later })).ok).toBe(true)
    expect(await step(browser)).toMatchObject({ state: 'copying', files: 10, proven: 6 })
    expect(await read(vault, relation, [orders, 'profile.name'])).toMatchObject({ status: 200 })
    expect(await step(browser)).toMatchObject({ files: 10, proven: 9 })
    expect(await step(browser)).toMatchObject({ state: 'moved', files: 10, proven: 9 })

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
    for (const name of ['profile.ttl', receipt, 'other/raw.bin'])
      expect((await pod.fetch(pod.container + name)).status).toBe(404)
    expect((await pod.fetch(`${pod.container}other/film.mp4`)).status).toBe(200)
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
  })

  test('rules that the other kind of pod cannot have are named, and nothing gets any wider', async () => {
    const acp = await ownPodServer('acp')
    await using mixed = await startTestVault(embedded, {
      outboundAllow: [server, acp].map(({ baseUrl }) => new URL(baseUrl).origin),
    })
    const old = await server.person()
    const person = await acp.person()
    const browser = await signIn(mixed, server, old, old.webId)
    await connectPod(browser)
    const agent = String((await meOf(browser)).agent)
    const rules = (name: string, whom: string) => ({
      method: 'PUT',
      headers: turtle,
      body: `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
        <#o> a acl:Authorization; acl:agent <${old.webId}>; acl:accessTo <${old.container}${name}>; acl:mode acl:Read, acl:Write, acl:Control.
        <#f> a acl:Authorization; acl:agent <${whom}>; acl:accessTo <${old.container}${name}>; acl:mode acl:Read.`,
    })
    for (const [name, whom] of [
      ['diet.ttl', 'https://friend.example/card#me'],
      ['profile.ttl', agent],
    ] as const)
      expect((await old.fetch(`${old.container}${name}.acl`, rules(name, whom))).ok).toBe(true)
    const begun = await browser.post('/api/pod/move', { issuer: person.webId })
    const query = await typePassword(acp.baseUrl, (begun.body as Redirect).location, person)
    expect((await browser.post('/api/sign-in/complete', { query })).status).toBe(200)
    let view = await step(browser)
    while (view.state === 'copying') view = await step(browser)
    expect(view).toMatchObject({ state: 'moved', rulesLeft: ['diet.ttl'] })
    expect((await person.fetch(`${person.container}diet.ttl`)).status).toBe(200)
    expect(await meOf(browser)).toMatchObject({ podAccess: 'open', lostCategories: ['diet'] })
  })
})
