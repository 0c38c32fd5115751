import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { createLogger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { openWebhooks } from '../../vendor-gateway/webhooks/webhooks.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { openReceiver } from '../webhook-receiver.ts'
import type { Received } from '../webhook-receiver.ts'

const CHILD = join(import.meta.dirname, 'webhooks-child.ts')
const KILLS = 5
/** Per run the clock moves on: what a dead process had leased comes back, what failed is due again. */
const STEP_MS = 120_000

interface Told {
  readonly grant: string
  readonly id: string
}

/** Runs until it has told of so many events and so many messages have come, then dies in the middle of both. */
async function runAndKill(
  { root }: { root: string },
  options: { url: string; ahead: number; events: number; arrived: Promise<void> },
): Promise<Told[]> {
  const args = [CHILD, root, options.url, String(options.ahead)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const told: Told[] = []
  const enough = Promise.withResolvers<void>()
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    told.push(JSON.parse(line) as Told)
    if (told.length === options.events) enough.resolve()
  })
  const linesDone = once(lines, 'close')
  await Promise.race([
    Promise.all([enough.promise, options.arrived]),
    ended.then(() => Promise.reject(new Error('the child ended by itself'))),
  ])
  child.kill('SIGKILL')
  await ended
  await linesDone
  return told
}

test('no event is lost, and each comes under its id in order, however often the process dies', async () => {
  await using folders = await ledgerFolders()
  await using receiver = await openReceiver()
  const url = `${receiver.origin}/hooks`
  // Now and then one does not get through.
  const refused = new Set<Received>()
  receiver.behave = (one, response) => {
    if (receiver.received.length % 9 !== 0) return false
    refused.add(one)
    response.writeHead(500).end()
    return true
  }
  const told: Told[] = []
  for (let run = 0; run < KILLS; run++) {
    const arrived = receiver.arrived(receiver.received.length + 25)
    told.push(...(await runAndKill(folders, { url, ahead: run * STEP_MS, events: 40, arrived })))
  }
  expect(told.length).toBeGreaterThanOrEqual(40 * KILLS)
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)

  let ahead = KILLS * STEP_MS
  const now = () => Date.now() + ahead
  const { ledger, keys } = await openIn(folders, { now })
  await using _ledger = ledger
  receiver.behave = () => false
  {
    await using webhooks = openWebhooks({
      config: { gatewayUrl: 'https://gateway.example', outboundAllow: [receiver.origin] },
      ledger,
      names: createNames(await keys.secret('names')),
      now,
      log: createLogger({ level: 'silent' }),
    })
    const left = async () =>
      (await ledger.list('vendor-event/')).length + (await ledger.list('webhook-waiting/')).length
    do {
      ahead += STEP_MS
      await webhooks.delivery.settle()
    } while ((await left()) > 0)
  }

  const came = receiver.received
    .filter((one) => !refused.has(one))
    .map(({ id, message }) => ({ id, grant: String(message.data.grant_id) }))
  const known = new Set(came.map(({ id }) => id))
  expect(told.filter(({ id }) => !known.has(id))).toEqual([])
  for (const grant of new Set(told.map((one) => one.grant))) {
    const inOrder = told.filter((one) => one.grant === grant).map(({ id }) => id)
    const firstSeen = [...new Set(came.filter((one) => one.grant === grant).map(({ id }) => id))]
    // Those acknowledged to nobody before a kill may have come as well.
    expect(firstSeen.filter((id) => inOrder.includes(id))).toEqual(inOrder)
  }
})
