/** Starting is work of its own: nothing of it is done once for each customer. */
import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { Rows } from '#core/ledger/level-rows.ts'
import { createLogger } from '#core/logger.ts'
import { createMetrics } from '#core/metrics.ts'
import { tellDataChanges } from '#core/records/data-changes.ts'
import { recordEnds } from '#core/records/ends.ts'
import { listDueJobs } from '#core/records/jobs.ts'
import { listLostPods } from '#core/records/lost-pods.ts'
import { createNames } from '#core/records/names.ts'
import { addCustomers, addGrants, addVendor } from '../../bench/population.ts'
import { openLedgerAndKeys } from '../../house.ts'
import { startReach } from '../../reach.ts'
import { remindOfDue } from '../../vault-server/customer/reminders.ts'
import { checkDomains } from '../../vault-server/operator/domain-checks.ts'
import { freePorts } from '../free-ports.ts'

const items = [{ id: 'item-1', purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name'] }]

/** Notes every call of a method from now on, as long as it is not disposed. */
function watched<Method extends string>(
  prototype: { [Name in Method]: (...args: never[]) => unknown },
  method: Method,
): { calls: { first: unknown; result: unknown }[] } & Disposable {
  const own = prototype[method]
  const calls: { first: unknown; result: unknown }[] = []
  prototype[method] = function (this: unknown, ...args: never[]) {
    const result = own.apply(this, args)
    calls.push({ first: args[0], result })
    return result
  }
  return {
    calls,
    [Symbol.dispose]() {
      prototype[method] = own
    },
  }
}

/** What a start asks of the ledger and of the network with so many customers, part by part. */
async function startWith(customers: number) {
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'reach-growth-'))
  opened.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const [vault, gateway, admin] = await freePorts(3)
  const config = readConfig(
    {
      REACH_VAULT_URL: `http://localhost:${vault}`,
      REACH_GATEWAY_URL: `http://localhost:${gateway}`,
      REACH_ADMIN_PORT: String(admin),
      REACH_PODS_URL: 'off',
      REACH_TOUR: 'off',
      REACH_SANDBOX: 'off',
    },
    folder,
  )
  const now = Date.now
  const log = createLogger({ level: 'silent' })
  {
    await using filled = await openLedgerAndKeys({ config, now, part: '' })
    const { ledger, keys } = filled
    const house = { ledger, names: createNames(await keys.secret('names')), now }
    // Pods at addresses that nobody may call, so that a start which listens to each of them would be seen.
    const people = Array.from({ length: customers }, (_, n) => ({
      webId: `https://127.0.0.1:9/p${n}/card#me`,
      container: `https://127.0.0.1:9/p${n}/vrm/`,
    }))
    const accounts = await addCustomers(house, people)
    const vendorId = await addVendor(house, 'shop')
    await addGrants(house, accounts, { vendorId, clientId: 'shop', items })
  }
  const got = opened.use(watched(Rows.prototype, 'get'))
  const listed = opened.use(watched(Rows.prototype, 'list'))
  const connecting = opened.use(watched(Socket.prototype as never, 'connect'))
  {
    await using _ = await startReach({ config, now, log, metrics: createMetrics() })
  }
  const rows = (await Promise.all(listed.calls.map(({ result }) => result))).flat().length
  const start = { keys: new Set(got.calls.map(({ first }) => first)).size, rows }
  const connections = connecting.calls.length

  // What is done again and again from then on, without whatever else is under way in a house.
  const house = opened.use(await openLedgerAndKeys({ config, now, part: '' }))
  const { ledger } = house
  const names = createNames(await house.keys.secret('names'))
  const rounds: Record<string, number> = {}
  for (const [name, round] of Object.entries({
    ends: () => recordEnds({ ledger, names, now }),
    reminders: () => remindOfDue({ ledger, now }, async () => undefined),
    domains: () => checkDomains({ ledger, outboundAllow: [], now }),
    changes: () => tellDataChanges({ ledger, now }),
    'lost pods': () => listLostPods(ledger, now(), 100),
    jobs: () => listDueJobs(ledger, now(), { limit: 100, after: undefined }),
  })) {
    const before = got.calls.length + listed.calls.length
    await round()
    rounds[name] = got.calls.length + listed.calls.length - before
  }
  return { start, rounds, connections }
}

test('a start asks nothing for each customer, and neither do the rounds after it', async () => {
  const few = await startWith(5)
  const many = await startWith(500)
  for (const { start, connections } of [few, many]) {
    expect(start.keys).toBeLessThan(20)
    expect(start.rows).toBeLessThan(20)
    expect(connections).toBe(0)
  }
  expect(many.rounds).toEqual(few.rounds)
  expect(Object.values(few.rounds).every((reads) => reads > 0 && reads < 10)).toBe(true)
})
