import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  closeAccess,
  historyOf,
  makeHistoryFolder,
  openAccess,
  receiptsOf,
  repairAccess,
} from '../../core/pods/access.ts'
import type { PodFetch } from '../../core/pods/pod.ts'
import { probe } from '../../core/pods/probe.ts'
import { startTestAgent } from '../pod-agent.ts'
import type { TestAgent } from '../pod-agent.ts'
import { sharedPods, startTestPods } from '../pod-server.ts'
import type { TestCustomer, TestPods } from '../pod-server.ts'

const turtle = { 'content-type': 'text/turtle' }
const put = (fetch: PodFetch, url: string, body: string, headers = {}) =>
  fetch(url, { method: 'PUT', headers: { ...turtle, ...headers }, body })
const status = async (fetch: PodFetch, url: string) => (await fetch(url)).status
const anyone: PodFetch = (url, init) => fetch(url, init)

describe.each(['wac', 'acp'] as const)('%s', (accessRules) => {
  let pods: TestPods
  let agent: TestAgent
  let stranger: TestCustomer

  beforeAll(async () => {
    pods = accessRules === 'wac' ? await sharedPods() : await startTestPods({ accessRules })
    agent = await startTestAgent(pods)
    stranger = await pods.customer()
  })
  afterAll(async () => {
    await agent[Symbol.asyncDispose]()
    if (accessRules === 'acp') await pods[Symbol.asyncDispose]()
  })

  const parties = (customer: TestCustomer) => ({
    container: customer.container,
    owner: customer.webId,
    agent: agent.webId,
  })
  const everyone = async (customer: TestCustomer, url: string) => [
    await status(customer.fetch, url),
    await status(agent.fetch, url),
    await status(stranger.fetch, url),
    await status(anyone, url),
  ]
  async function opened(): Promise<{ customer: TestCustomer; profile: string }> {
    const customer = await pods.customer()
    await openAccess(customer.fetch, parties(customer))
    const profile = `${customer.container}profile.ttl`
    await put(customer.fetch, profile, '<#me> <http://www.w3.org/2006/vcard/ns#fn> "Ada".')
    return { customer, profile }
  }
  const accessUrl = async (customer: TestCustomer, url: string) =>
    /<([^<>]+)>; *rel="acl"/.exec(
      (await customer.fetch(url, { method: 'HEAD' })).headers.get('link') ?? '',
    )?.[1] ?? ''

  test('before anything is opened only the owner sees the pod', async () => {
    const customer = await pods.customer()
    const note = `${customer.podUrl}note.ttl`
    await put(customer.fetch, note, '<#a> <#b> 1.')
    expect(await everyone(customer, note)).toEqual([200, 403, 403, 401])
    const seen = await probe({ agent: agent.fetch, anyone }, customer, 'closed', Date.now)
    expect(seen.findings.filter(({ ok }) => !ok)).toEqual([])
  })

  test('open: the agent reads vrm/ and all inside it, and nothing else', async () => {
    const { customer, profile } = await opened()
    const note = `${customer.podUrl}note.ttl`
    await put(customer.fetch, note, '<#a> <#b> 1.')
    expect(await everyone(customer, customer.container)).toEqual([200, 200, 403, 401])
    expect(await everyone(customer, profile)).toEqual([200, 200, 403, 401])
    expect(await everyone(customer, note)).toEqual([200, 403, 403, 401])
    expect((await put(agent.fetch, `${customer.container}x.ttl`, '<#a> <#b> 1.')).status).toBe(403)
    expect((await put(agent.fetch, profile, '<#a> <#b> 1.')).status).toBe(403)
    expect((await agent.fetch(profile, { method: 'DELETE' })).status).toBe(403)
    expect(await status(agent.fetch, await accessUrl(customer, customer.container))).toBe(403)
    const seen = await probe({ agent: agent.fetch, anyone }, customer, 'open', Date.now)
    expect(seen.findings.filter(({ ok }) => !ok)).toEqual([])
    expect(seen.ok).toBe(true)
    // Trying left nothing behind.
    for (const tried of [customer.container, receiptsOf(customer.container)])
      expect(await (await customer.fetch(tried)).text()).not.toContain('probe')
  })

  test('earlier values: nobody but the owner, whatever is opened or put right before and after', async () => {
    const { customer, profile } = await opened()
    const { container, webId: owner } = customer
    const past = `${historyOf(container)}profile.ttl`
    await Promise.all([1, 2].map(() => makeHistoryFolder(customer.fetch, { container, owner })))
    await put(customer.fetch, past, '<#a> <#b> 1.')
    await openAccess(customer.fetch, parties(customer))
    await repairAccess(customer.fetch, { ...parties(customer), elsewhere: [] })
    for (const place of [past, historyOf(container), await accessUrl(customer, historyOf(container))])
      expect([place, await everyone(customer, place)]).toEqual([place, [200, 403, 403, 401]])
    expect((await put(agent.fetch, past, '<#a> <#b> 2.')).status).toBe(403)
    expect(await everyone(customer, profile)).toEqual([200, 200, 403, 401])
    // Rules that are there are hers.
    expect((await customer.fetch(past, { method: 'DELETE' })).ok).toBe(true)
    await makeHistoryFolder(customer.fetch, { container, owner })
    expect(await status(agent.fetch, historyOf(container))).toBe(403)
  })

  test('receipts: the agent adds and reads, and changes or removes none', async () => {
    const { customer } = await opened()
    const receipt = `${receiptsOf(customer.container)}abc.jws`
    const add = (url: string) =>
      put(agent.fetch, url, 'signed', { 'content-type': 'text/plain', 'if-none-match': '*' })
    const six = await Promise.all(Array.from({ length: 6 }, () => add(receipt)))
    expect(six.map((one) => one.status).filter((one) => one === 201)).toHaveLength(1)
    // Replacing needs more than Append, and access is checked first.
    expect((await add(receipt)).status).toBe(403)
    expect(await (await agent.fetch(receipt)).text()).toBe('signed')
    expect((await agent.fetch(receipt, { method: 'DELETE' })).status).toBe(403)
    expect(await everyone(customer, receipt)).toEqual([200, 200, 403, 401])
    expect((await customer.fetch(receipt, { method: 'DELETE' })).status).toBe(205)
  })

  test('closed: the agent sees nothing at all, the owner everything', async () => {
    const { customer, profile } = await opened()
    await closeAccess(customer.fetch, parties(customer))
    const receipts = receiptsOf(customer.container)
    for (const url of [customer.container, profile, receipts]) {
      expect(await everyone(customer, url)).toEqual([200, 403, 403, 401])
    }
    const closed = await probe({ agent: agent.fetch, anyone }, customer, 'closed', Date.now)
    expect(closed.findings.filter(({ ok }) => !ok)).toEqual([])
    const open = await probe({ agent: agent.fetch, anyone }, customer, 'open', Date.now)
    expect(open.ok).toBe(false)
    await openAccess(customer.fetch, parties(customer))
    expect(await status(agent.fetch, profile)).toBe(200)
  })

  test('repeating writes nothing; other rules of the customer stay', async () => {
    const { customer, profile } = await opened()
    const document = await accessUrl(customer, customer.container)
    const current = await customer.fetch(document)
    const rules = await current.text()
    // She lets somebody else read as well, in another app.
    const wac = `<#friend> a <http://www.w3.org/ns/auth/acl#Authorization>;
      <http://www.w3.org/ns/auth/acl#agent> <${stranger.webId}>, <${agent.webId}>;
      <http://www.w3.org/ns/auth/acl#accessTo> <${customer.container}>;
      <http://www.w3.org/ns/auth/acl#default> <${customer.container}>;
      <http://www.w3.org/ns/auth/acl#mode> <http://www.w3.org/ns/auth/acl#Read>.`
    const acp = `@prefix acp: <http://www.w3.org/ns/solid/acp#>.
      <#reach-acr> acp:accessControl <#f>; acp:memberAccessControl <#f>. <#f> a acp:AccessControl; acp:apply <#p>.
      <#p> a acp:Policy; acp:allow <http://www.w3.org/ns/auth/acl#Read>; acp:anyOf <#m>.
      <#m> a acp:Matcher; acp:agent <${stranger.webId}>, <${agent.webId}>.`
    await put(customer.fetch, document, `${rules}\n${accessRules === 'wac' ? wac : acp}`)
    expect(await everyone(customer, profile)).toEqual([200, 200, 200, 401])
    await closeAccess(customer.fetch, parties(customer))
    expect(await everyone(customer, profile)).toEqual([200, 403, 200, 401])
    await openAccess(customer.fetch, parties(customer))
    expect(await everyone(customer, profile)).toEqual([200, 200, 200, 401])
    const etag = (await customer.fetch(document)).headers.get('etag')
    await openAccess(customer.fetch, parties(customer))
    expect((await customer.fetch(document)).headers.get('etag')).toBe(etag)
  })

  test('a deleted access document, or half of one, is put right; the owner keeps control', async () => {
    const { customer, profile } = await opened()
    const document = await accessUrl(customer, customer.container)
    expect((await customer.fetch(document, { method: 'DELETE' })).ok).toBe(true)
    expect(await everyone(customer, profile)).toEqual([200, 403, 403, 401])
    await openAccess(customer.fetch, parties(customer))
    expect(await everyone(customer, profile)).toEqual([200, 200, 403, 401])
  })

  test('nobody but the owner opens or closes anything', async () => {
    const { customer, profile } = await opened()
    const asStranger = closeAccess(stranger.fetch, parties(customer))
    await expect(asStranger).rejects.toMatchObject({ code: 'pod-access-lost' })
    const fresh = await pods.customer()
    await expect(openAccess(agent.fetch, parties(fresh))).rejects.toMatchObject({ code: 'pod-access-lost' })
    expect(await status(agent.fetch, profile)).toBe(200)
  })

  test('half a revocation leaves what lies inside open, is told as that, and can be finished here', async () => {
    const { customer, profile } = await opened()
    // Another app takes the agent off the container, and not off what it holds.
    const half = documents[accessRules]({
      container: customer.container,
      owner: customer.webId,
      other: `<${agent.webId}>`,
      otherOn: 'members',
    })
    expect((await put(customer.fetch, await accessUrl(customer, customer.container), half)).ok).toBe(true)
    expect(await status(agent.fetch, customer.container)).toBe(403)
    expect(await status(agent.fetch, profile)).toBe(200)
    const seen = await probe({ agent: agent.fetch, anyone }, customer, 'closed', Date.now)
    expect(seen.ok).toBe(false)
    await closeAccess(customer.fetch, parties(customer))
    expect(await everyone(customer, profile)).toEqual([200, 403, 403, 401])
  })

  test('what everybody may see elsewhere in the pod is told as that', async () => {
    const { customer } = await opened()
    const other = accessRules === 'wac' ? '<http://xmlns.com/foaf/0.1/Agent>' : 'acp:PublicAgent'
    const open = documents[accessRules]({
      container: customer.podUrl,
      owner: customer.webId,
      other,
      otherOn: 'container',
    })
    expect((await put(customer.fetch, await accessUrl(customer, customer.podUrl), open)).ok).toBe(true)
    const seen = await probe({ agent: agent.fetch, anyone }, customer, 'open', Date.now)
    expect(seen.ok).toBe(true)
    expect(seen.findings.find(({ resource }) => resource === customer.podUrl)).toMatchObject({
      what: 'look elsewhere in your pod, where everybody may',
      seen: true,
    })
  })
})

interface Rules {
  container: string
  owner: string
  other: string
  otherOn: 'container' | 'members'
}

/** Access documents as another app might write them: the owner may do all, somebody else reads one half. */
const documents = {
  wac: ({ container, owner, other, otherOn }: Rules) => `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
    <#o> a acl:Authorization; acl:agent <${owner}>; acl:accessTo <${container}>; acl:default <${container}>;
      acl:mode acl:Read, acl:Write, acl:Control.
    <#x> a acl:Authorization; acl:mode acl:Read;
      acl:${other.includes('foaf') ? 'agentClass' : 'agent'} ${other};
      acl:${otherOn === 'container' ? 'accessTo' : 'default'} <${container}>.`,
  acp: ({ container, owner, other, otherOn }: Rules) => `@prefix acp: <http://www.w3.org/ns/solid/acp#>.
    @prefix acl: <http://www.w3.org/ns/auth/acl#>.
    <#r> a acp:AccessControlResource; acp:resource <${container}>;
      acp:accessControl <#o>; acp:memberAccessControl <#o>;
      acp:${otherOn === 'container' ? 'accessControl' : 'memberAccessControl'} <#x>.
    <#o> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read, acl:Write, acl:Control;
      acp:anyOf [ a acp:Matcher; acp:agent <${owner}> ] ].
    <#x> a acp:AccessControl; acp:apply [ a acp:Policy; acp:allow acl:Read;
      acp:anyOf [ a acp:Matcher; acp:agent ${other} ] ].`,
}
