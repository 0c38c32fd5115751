/** A customer is forgotten: nothing from the first commit on, all of it gone at the end, whatever is killed and whenever. */
import { expect, test } from 'vitest'
import { pause } from '#core/domain/grant.ts'
import { replay } from '#core/domain/replay.ts'
import { startJobs } from '#core/jobs/worker.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { createLogger } from '#core/logger.ts'
import { gainAccess } from '#core/records/access.ts'
import { createAccount, findAccount, readAccount, readCustomerStanding } from '#core/records/accounts.ts'
import { boundaryOf } from '#core/records/boundaries.ts'
import { disclosureOf } from '#core/records/disclosures.ts'
import { beginErasure, eraseCustomer, eraseJob } from '#core/records/erasure.ts'
import { readGrant } from '#core/records/grants.ts'
import { setEmail } from '#core/records/notifications.ts'
import { addPasskey } from '#core/records/passkeys.ts'
import { beginPodMove } from '#core/records/pod-moves.ts'
import type { PodMove } from '#core/records/pod-moves.ts'
import { openSession, readSession } from '#core/records/sessions.ts'
import { withdrawAll } from '#core/records/withdrawals.ts'
import type { Account } from '#schemas/types.gen.ts'
import { loggedFacts } from '../logged-facts.ts'
import { aSecret, anId, begin, openRecordsWorld, refusalOf } from '../records-world.ts'
import type { RecordsWorld } from '../records-world.ts'

/** A ledger and keys that stop working after so many writes, as when the process is killed. */
function dying(world: RecordsWorld, after: number, ended: string[]) {
  let writes = 0
  const alive = (): void => {
    if (writes++ >= after) throw new Error('killed')
  }
  const ledger = new Proxy(world.ledger, {
    get: (target, name: keyof Ledger) =>
      name === 'commit'
        ? async (...parts: Parameters<Ledger['commit']>) => {
            alive()
            return target.commit(...parts)
          }
        : typeof target[name] === 'function'
          ? target[name].bind(target)
          : target[name],
  })
  const destroyCustomerKey = async (account: string): Promise<void> => {
    alive()
    await world.keys.destroyCustomerKey(account)
  }
  const endLogin = async (login: string) => {
    alive()
    ended.push(login)
  }
  const removePod = async () => alive()
  return { ledger, keys: { destroyCustomerKey }, names: world.names, now: world.now, endLogin, removePod }
}

async function population(world: RecordsWorld) {
  const { ledger, names, now } = world
  const account = await world.customer()
  const [one, two] = [await world.business(), await world.business()]
  const ids: string[] = []
  for (const vendor of [one, two, one]) ids.push((await world.grant(account, vendor)).value.grantId)
  const paused = await world.reread(ids[1] ?? '')
  await world.turn(paused, pause(paused.value, now()), 'paused')
  const other = await world.customer()
  const kept = await world.grant(other, one)
  const sessionId = aSecret()
  const { accountId } = account
  const session = { v: 1, accountId, ref: anId(), podLogin: anId(), createdAt: now() } as const
  const device = { browser: 'other', system: 'other' } as const
  await ledger.commit(openSession(names, sessionId, { ...session, device, expiresAt: now() + 86_400_000 }))
  const email = { address: 'ada@example.org', isConfirmed: true, confirm: aSecret(), stop: aSecret() }
  await ledger.commit(setEmail(names, undefined, accountId, email))
  await ledger.commit(
    addPasskey(names, {
      v: 1,
      accountId,
      id: anId(),
      name: 'This device',
      credentialId: aSecret(),
      publicKey: aSecret(),
      counter: 0,
      transports: [],
      canSync: false,
      isSynced: false,
      createdAt: now(),
    }),
  )
  const { boundary, set } = await boundaryOf(ledger, accountId, two.vendorId)
  await ledger.commit(set({ ...boundary, blockedAt: now() }))
  const { webId, issuer, podUrl, container } = account
  const from = { webId, issuer, podUrl, container }
  const logins = { fromLogin: session.podLogin, toLogin: anId() }
  const move: PodMove = { v: 1, state: 'copying', from, to: from, ...logins, startedAt: now() }
  await ledger.commit(beginPodMove(undefined, accountId, move))
  return { account, other, kept, ids, sessionId, logins }
}

/** Everything in the state that names the account, in a key or a value. */
async function rowsNaming(world: RecordsWorld, accountId: string): Promise<string[]> {
  const rows = await world.ledger.list('', { limit: 10_000 })
  return rows
    .filter(({ key, value }) => key.includes(accountId) || JSON.stringify(value).includes(accountId))
    .map(({ key }) => key)
}

/** The grants of this small world were asked for by no entry. */
const findings = (facts: Parameters<typeof replay>[0]) =>
  replay(facts).filter(({ code }) => code !== 'request-unknown')

async function order(world: RecordsWorld, { accountId }: Account) {
  const { ledger, names, now } = world
  const wish = { accountId, askDeletion: true, deletePod: true, cause: 'own-act' } as const
  return beginErasure({ reader: ledger, names }, wish, now())
}

test.each([0, 3, 7])('killed after %i writes of the job, it goes on where it was', async (writes) => {
  await using world = await openRecordsWorld()
  const { ledger, names } = world
  const { account, other, kept, ids, sessionId, logins } = await population(world)
  const { accountId } = account
  const ended: string[] = []
  const [first = ''] = ids
  const basis = await world.basis(first)
  const begun = await order(world, account)
  await ledger.commit(begun.parts)

  // What was decided a moment before is refused by the ledger itself.
  const { purpose, fields } = basis.grant.value.items[0] ?? { purpose: '', fields: [] }
  const late = disclosureOf(basis.grant.value, purpose, fields)(basis, { who: account.webId, data: '{}' })
  expect(await refusalOf(ledger.commit(late))).toBe('changed')
  expect(await findAccount(ledger, names, account.webId)).toBeUndefined()
  await expect(order(world, account)).rejects.toMatchObject({ code: 'not-found' })

  const [ticket] = await ledger.list<{ id: string }>('job/')
  const payload = (await ledger.get<{ payload: object }>(`job-payload/${ticket?.value.id}`))?.value.payload
  const half = eraseCustomer(dying(world, writes, ended)).run({ payload: (payload ?? {}) as never })
  await half.catch((error: unknown) => expect(error).toMatchObject({ message: 'killed' }))

  let removed = 0
  const whole = {
    ledger,
    keys: world.keys,
    names,
    now: world.now,
    endLogin: async (login: string) => void ended.push(login),
    async removePod() {
      removed++
      // Somebody who began to sign in as her before is done now.
      const late = { v: 1, accountId, ref: anId(), createdAt: world.now() } as const
      const device = { browser: 'other', system: 'other' } as const
      const expiresAt = world.now() + 86_400_000
      await ledger.commit(openSession(names, aSecret(), { ...late, device, expiresAt }))
    },
  }
  {
    const log = createLogger({ level: 'silent' })
    const handlers = { [eraseJob]: eraseCustomer(whole) }
    await using jobs = startJobs({ ledger, handlers, now: world.now, random: () => 0, log })
    await jobs.settle()
  }
  expect(removed).toBeLessThanOrEqual(1)
  expect(await rowsNaming(world, accountId)).toEqual([])
  // Her logins at both ends of a move as well, which hold keys to her pods.
  expect(ended).toEqual(expect.arrayContaining(Object.values(logins)))
  expect(await ledger.history(accountId)).toEqual([])
  expect(await readSession(ledger, names, sessionId)).toBeUndefined()
  expect(await ledger.list('job')).toEqual([])

  const facts = await loggedFacts(ledger)
  expect(findings(facts)).toEqual([])
  const types = facts.map(({ fact }) => fact.type)
  expect(types.filter((type) => type === 'erasure-begun')).toHaveLength(1)
  expect(types.filter((type) => type === 'erased')).toHaveLength(1)
  expect(facts.at(-1)?.fact).toMatchObject({ type: 'erased', erasure: begun.erasure })
  for (const id of ids) {
    const story = (await world.story(id)).map(({ type }) => type)
    expect(story.filter((type) => type === 'withdrawn')).toHaveLength(1)
    expect(story.at(-1)).toBe('deletion-requested')
    expect(await readGrant(ledger, id)).toBeUndefined()
  }

  // Nobody else lost anything, and she may come back as somebody new.
  expect((await world.reread(kept.value.grantId)).value.state).toBe('active')
  expect((await readAccount(ledger, other.accountId))?.value.webId).toBe(other.webId)
  const again = { ...account, accountId: anId() }
  await ledger.commit(createAccount(names, again))
  expect((await findAccount(ledger, names, account.webId))?.value.accountId).toBe(again.accountId)
  await expect(
    ledger.commit({ writes: [{ key: 'late', value: 1, customer: accountId }] }),
  ).rejects.toBeInstanceOf(CommitRefused)
})

test('a pod that opens while its owner leaves opens nothing', async () => {
  await using world = await openRecordsWorld()
  const { account } = await population(world)
  const { accountId } = account
  await world.ledger.commit((await order(world, account)).parts)
  const opened = gainAccess(world.ledger, accountId).then((parts) => parts && world.ledger.commit(parts))
  await expect(opened).rejects.toMatchObject({ code: 'not-signed-in' })
  expect((await readCustomerStanding(world.ledger, accountId))?.value.podAccess).toBe('none')
})

test('everything is withdrawn in one commit, and of more than a commit takes in a few', async () => {
  for (const [atOnce, versions] of [
    [200, 1],
    [2, 3],
  ] as const) {
    await using world = await openRecordsWorld()
    const { ledger, names, now } = world
    const { account, kept, ids } = await population(world)
    ids.push((await world.grant(account, await world.business())).value.grantId)
    ids.push((await world.grant(account, await world.business(), { redeemed: false })).value.grantId)
    const about = { accountId: account.accountId, webId: account.webId, askDeletion: false }
    expect(await withdrawAll({ ledger, names, now }, about, atOnce)).toBe(5)
    const grants = await Promise.all(ids.map((id) => world.reread(id)))
    expect(new Set(grants.map(({ version }) => version)).size).toBe(versions)
    expect(new Set(grants.map(({ value }) => value.state))).toEqual(new Set(['withdrawn']))
    expect(new Set(grants.map(({ value }) => value.endedAt))).toEqual(new Set([begin]))
    expect((await world.reread(kept.value.grantId)).value.state).toBe('active')
    const told = await ledger.list<{ type: string; vendorId: string; subject?: string }>('vendor-event/')
    expect(told.map(({ value }) => value.type)).toEqual(Array(5).fill('grant.withdrawn'))
    expect(told.filter(({ value }) => value.subject === undefined)).toHaveLength(1)
    expect(findings(await loggedFacts(ledger))).toEqual([])
    expect(await withdrawAll({ ledger, names, now }, about)).toBe(0)
  }
})

test('a grant that comes while everything is withdrawn is withdrawn, too, or was not given', async () => {
  await using world = await openRecordsWorld()
  const { ledger, names, now } = world
  const { account } = await population(world)
  const vendor = await world.business()
  const about = { accountId: account.accountId, webId: account.webId, askDeletion: false }
  const outcomes = await Promise.allSettled([
    world.grant(account, vendor, { redeemed: false }),
    withdrawAll({ ledger, names, now }, about),
    world.grant(account, vendor, { redeemed: false }),
  ])
  expect(outcomes[1].status).toBe('fulfilled')
  await withdrawAll({ ledger, names, now }, about)
  expect(
    (await ledger.list<{ state: string }>('grant/')).filter(({ value }) => value.state !== 'withdrawn'),
  ).toHaveLength(1)
})
