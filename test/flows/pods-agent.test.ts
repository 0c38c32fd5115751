import { beforeAll, expect, test } from 'vitest'
import { startTestAgent } from '../pod-agent.ts'
import { sharedPods } from '../pod-server.ts'
import type { TestPods } from '../pod-server.ts'

let pods: TestPods

beforeAll(async () => {
  pods = await sharedPods()
})

/** Puts a resource into the pod that the agent may read, by an access document of the resource alone. */
async function readable(customer: Awaited<ReturnType<TestPods['customer']>>, agent: string): Promise<string> {
  const url = `${customer.podUrl}shown.ttl`
  const headers = { 'content-type': 'text/turtle' }
  await customer.fetch(url, { method: 'PUT', headers, body: '<#me> <http://xmlns.com/foaf/0.1/nick> "al".' })
  const rules = `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
    <#o> a acl:Authorization; acl:agent <${customer.webId}>; acl:accessTo <${url}>;
      acl:mode acl:Read, acl:Write, acl:Control.
    <#a> a acl:Authorization; acl:agent <${agent}>; acl:accessTo <${url}>; acl:mode acl:Read.`
  const written = await customer.fetch(`${url}.acl`, { method: 'PUT', headers, body: rules })
  expect(written.ok).toBe(true)
  return url
}

test('many first requests at once share one token and none is refused', async () => {
  await using agent = await startTestAgent(pods)
  const url = await readable(await pods.customer(), agent.webId)
  const answers = await Promise.all(Array.from({ length: 20 }, () => agent.fetch(url)))
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
})

test('works for a vault below a path, whose issuer is no origin', async () => {
  await using agent = await startTestAgent(pods, { mount: '/tour' })
  expect(agent.webId).toMatch(/\/tour\/agent\/card#me$/)
  const url = await readable(await pods.customer(), agent.webId)
  expect((await agent.fetch(url)).status).toBe(200)
  expect([...agent.asked.keys()].toSorted()).toEqual([
    '/tour/agent/.well-known/openid-configuration',
    '/tour/agent/card',
    '/tour/agent/jwks',
  ])
})

test('a restarted vault signs with the same key, so nothing is refused while issuer keys are cached', async () => {
  await using agent = await startTestAgent(pods)
  const url = await readable(await pods.customer(), agent.webId)
  expect((await agent.fetch(url)).status).toBe(200)
  const restarted = await agent.again()
  expect((await restarted(url)).status).toBe(200)
})

test('the identity documents say what a pod server needs, in both formats', async () => {
  await using agent = await startTestAgent(pods)
  const issuer = `${agent.vaultUrl}/agent`
  const turtle = await fetch(`${issuer}/card`)
  expect(turtle.headers.get('content-type')).toMatch(/^text\/turtle/)
  expect(await turtle.text()).toContain(`solid:oidcIssuer <${issuer}>`)
  const json = await fetch(`${issuer}/card`, { headers: { accept: 'application/ld+json' } })
  expect(await json.json()).toMatchObject({ '@id': agent.webId, 'http://xmlns.com/foaf/0.1/name': 'Reach' })
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: Record<string, string>[] }
  expect(keys).toHaveLength(2)
  for (const key of keys)
    expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
})

test('a token of the agent is refused where the agent was given nothing', async () => {
  await using agent = await startTestAgent(pods)
  const customer = await pods.customer()
  expect((await agent.fetch(customer.podUrl)).status).toBe(403)
  expect((await fetch(customer.podUrl)).status).toBe(401)
})
