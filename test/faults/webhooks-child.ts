/**
 * A house that tells a business what happened, in a process of its own, to be killed:
 * node webhooks-child.ts <root> <url of the endpoint> <how far its clock is ahead, in ms>.
 * Prints a line for every event whose commit was acknowledged, at once.
 */
import { writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createLogger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import { vendorEvent } from '#core/records/vendor-events.ts'
import type { VendorEvent } from '#core/records/vendor-events.ts'
import {
  changeEndpoint,
  createEndpoint,
  proveEndpoint,
  readEndpoint,
} from '#core/records/webhook-endpoints.ts'
import { openWebhooks } from '../../vendor-gateway/webhooks/webhooks.ts'
import { foldersIn, openIn } from '../level-ledger.ts'

const [root = '', url = '', ahead = ''] = process.argv.slice(2)
const now = () => Date.now() + Number(ahead)
const { ledger, keys } = await openIn(foldersIn(root), { now })
const vendorId = 'the-one-business'

if ((await readVendorStanding(ledger, vendorId)) === undefined) {
  const standing = { v: 1, state: 'active' }
  await ledger.commit({ writes: [{ key: `vendor-standing/${vendorId}`, value: standing }] })
  await ledger.commit(createEndpoint({ vendorId, name: 'main', url }, now()).parts)
  const endpoint = await readEndpoint(ledger, vendorId, 'main')
  if (endpoint !== undefined && endpoint !== 'unreadable')
    await ledger.commit(changeEndpoint(endpoint, proveEndpoint(endpoint.value, now())))
}
const webhooks = openWebhooks({
  config: { gatewayUrl: 'https://gateway.example', outboundAllow: [new URL(url).origin] },
  ledger,
  names: createNames(await keys.secret('names')),
  now,
  log: createLogger({ level: 'silent' }),
})

/** One grant changes again and again. */
async function change(grant: string): Promise<void> {
  const story = { vendorId, requestId: `request-of-${grant}`, grantId: grant, subject: grant, redeemed: true }
  for (;;) {
    const parts = vendorEvent({ type: 'grant.changed', grant: story, at: now() })
    await ledger.commit(parts)
    for (const { value } of parts.writes ?? [])
      writeSync(1, `${JSON.stringify({ grant, id: (value as unknown as VendorEvent).id })}\n`)
    webhooks.delivery.wake()
    await setTimeout(40)
  }
}
await Promise.all(Array.from({ length: 6 }, (_, n) => change(`grant-number-${n}-of-these`)))
