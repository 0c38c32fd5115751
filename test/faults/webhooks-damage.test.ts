import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLogger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import { queueDelivery } from '#core/records/webhook-deliveries.ts'
import { createEndpoint, proveEndpoint } from '#core/records/webhook-endpoints.ts'
import type { WebhookEndpoint } from '#core/records/webhook-endpoints.ts'
import { planRound } from '#core/records/webhook-rounds.ts'
import { placeOf } from '../../vendor-gateway/webhooks/endpoints.ts'
import { openWebhooks } from '../../vendor-gateway/webhooks/webhooks.ts'
import type { Caller } from '../../vendor-gateway/tokens/authenticate.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { openReceiver } from '../webhook-receiver.ts'
import { changeRaw } from './ledger-copies.ts'

const now = () => Date.now()
const [broken, whole] = ['business-with-damage', 'business-without-any']
const askedFor = (params: Record<string, string>, body?: object) => ({
  params,
  query: '',
  body: () => Promise.resolve(body),
})

test('what was told to be sent and cannot be read holds up nobody, is told of, and can be mended by its business', async () => {
  await using folders = await ledgerFolders()
  await using receiver = await openReceiver()
  const endpointOf = (vendorId: string, name: string): WebhookEndpoint => {
    const { endpoint } = createEndpoint({ vendorId, name, url: `${receiver.origin}/${name}` }, now())
    return proveEndpoint(endpoint, now())
  }
  const story = (vendorId: string, grantId: string) => ({
    vendorId,
    grantId,
    requestId: `request-of-${grantId}`,
    subject: grantId,
    redeemed: true,
  })
  const paused = (vendorId: string, grantId: string) =>
    vendorEvent({ type: 'grant.paused', grant: story(vendorId, grantId), at: now() })
  const keyOf = ({ vendorId, name }: WebhookEndpoint) => `webhook-endpoint/${vendorId}/${name}`
  const [main, later, spare] = ['main', 'later', 'spare'].map((name) => endpointOf(broken, name))
  const other = endpointOf(whole, 'other')
  if (main === undefined || later === undefined || spare === undefined) throw new Error('three endpoints')

  const damaged = [`s${keyOf(main)}`]
  let lostId = ''
  {
    const { ledger } = await openIn(folders, { now })
    const put = (key: string, value: object) =>
      ledger.commit({ writes: [{ key, value: JSON.parse(JSON.stringify(value)) }] })
    for (const vendorId of [broken, whole])
      await put(`vendor-standing/${vendorId}`, { v: 1, state: 'active' })
    for (const endpoint of [main, spare, other]) await put(keyOf(endpoint), endpoint)
    await put(keyOf(later), { ...later, v: 2, url: { of: 'another shape' } })
    const lost = paused(whole, 'lost-event')
    const { delivery, parts } = queueDelivery(
      other,
      { ...story(whole, 'lost-delivery'), v: 1, id: 'evt_lost', type: 'grant.paused', at: now() },
      { version: 0, now: now() },
    )
    for (const part of [lost, parts, await planRound(ledger, placeOf(other), { now: now() })])
      await ledger.commit(part)
    lostId = delivery.deliveryId
    damaged.push(
      `swebhook-delivery/${lostId}`,
      ...(parts.writes ?? []).flatMap(({ key }) => (key.includes('-of-vendor/') ? [`s${key}`] : [])),
      `swebhook-round/${other.endpointId}`,
      ...(lost.writes ?? []).map(({ key }) => `s${key}`),
    )
    await ledger[Symbol.asyncDispose]()
  }
  for (const key of damaged)
    expect(
      await changeRaw(folders, key, (value) => {
        value[value.length - 1] = (value.at(-1) ?? 0) ^ 1
        return value
      }),
    ).toBe(true)

  const { ledger, keys } = await openIn(folders, { now })
  await using _ledger = ledger
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  await using webhooks = openWebhooks({
    config: { gatewayUrl: 'https://gateway.example', outboundAllow: [receiver.origin] },
    ledger,
    names: createNames(await keys.secret('names')),
    now,
    log: createLogger({ level: 'error', stream }),
  })
  await ledger.commit(paused(broken, 'told-of'))
  await ledger.commit(paused(whole, 'told-as-well'))
  await webhooks.delivery.settle()
  const toldTo = () => receiver.received.map(({ path, message }) => `${path} ${message.data.grant_id}`).sort()
  expect(toldTo()).toEqual(['/other told-as-well', '/spare told-of'])
  const told = lines.map((line) => JSON.parse(line) as { event: string; kind: string; vendor?: string })
  expect(told.filter(({ event }) => event !== 'webhook-row-unreadable')).toEqual([])
  expect(told.map(({ kind, vendor }) => `${kind} ${vendor ?? ''}`).sort()).toEqual([
    'vendor-event business-without-any',
    'webhook-delivery ',
    'webhook-endpoint business-with-damage',
    'webhook-endpoint business-with-damage',
  ])

  // What they should have got is laid aside. The business makes the lost endpoint anew and has it sent again.
  const caller = { vendorId: broken } as Caller
  const read = (reply: { body: unknown }) => JSON.parse(String(reply.body))
  const failed = async () => {
    const { answers } = webhooks
    const { deliveries } = read(
      await answers.listDeliveries(caller, { ...askedFor({}), query: 'state=failed' }),
    )
    return deliveries as { endpoint: string; delivery_id: string }[]
  }
  const laidAside = await failed()
  expect(laidAside.map(({ endpoint }) => endpoint).sort()).toEqual(['later', 'main'])
  const mains = laidAside.find(({ endpoint }) => endpoint === 'main')
  const again = askedFor({ delivery_id: String(mains?.delivery_id) })
  const at = askedFor({ endpoint: 'main' }, { url: `${receiver.origin}/main` })
  await expect(webhooks.answers.redeliver(caller, again)).rejects.toMatchObject({ code: 'not-found' })
  await expect(webhooks.answers.proveEndpoint(caller, at)).rejects.toMatchObject({ code: 'conflict' })
  // What does not open is on no list, and can be sent again as little as what never was.
  const itsOwn = { vendorId: whole } as Caller
  await expect(webhooks.answers.redeliver(itsOwn, askedFor({ delivery_id: lostId }))).rejects.toMatchObject({
    code: 'not-found',
  })
  const others = read(await webhooks.answers.listDeliveries(itsOwn, askedFor({})))
  expect(others.deliveries.map((one: { grant_id: string }) => one.grant_id)).toEqual(['told-as-well'])
  await webhooks.answers.putEndpoint(caller, at)
  await webhooks.answers.proveEndpoint(caller, at)
  await webhooks.answers.redeliver(caller, again)
  await webhooks.delivery.settle()
  expect(toldTo()).toContain('/main told-of')
  await webhooks.answers.deleteEndpoint(caller, askedFor({ endpoint: 'later' }))
  expect((await failed()).map(({ endpoint }) => endpoint)).toEqual(['later'])
  const { endpoints } = read(await webhooks.answers.listEndpoints(caller, askedFor({})))
  expect(endpoints.map((one: { endpoint: string }) => one.endpoint)).toEqual(['main', 'spare'])
})
