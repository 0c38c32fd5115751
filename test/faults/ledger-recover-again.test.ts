/** A log that is recovered from a mirror: what names nobody stops, too, and whatever is broken off, nothing of it is left out. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { withdraw } from '#core/domain/grant.ts'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { LedgerDamaged } from '#core/ledger/ledger.ts'
import { openLevelStore } from '#core/ledger/level-copy.ts'
import { recoveringAnchor } from '#core/ledger/level-recover.ts'
import { openPgStore } from '#core/ledger/pg-copy.ts'
import { enrolReplica } from '#core/ledger/pg-enrol.ts'
import { copyStore } from '#core/ledger/store-copy.ts'
import { grantEntry, vendorEntry } from '#core/records/entries.ts'
import { beginErasure, eraseCustomer } from '#core/records/erasure.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import { accountHistory } from '#core/records/histories.ts'
import { combine } from '#core/records/parts.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import { addCustomers, addGrants, addVendor, type House } from '../../bench/population.ts'
import { recoverFrom } from '../../cli/recover.ts'
import { checkLog } from '../check-log.ts'
import { mirrorInto, replayed } from '../mirrored-ledger.ts'
import { postgres } from '../postgres.ts'
import { LosableLedger, items } from './losable-ledger.ts'

let store: LosableLedger

beforeEach(async () => {
  store = await LosableLedger.inFolder()
})
afterEach(() => store[Symbol.asyncDispose]())

/** What changed behind the copy alone; then the database is put back to it, or to nothing. */
async function losing(lose: (house: House) => Promise<unknown>): Promise<string> {
  await store.copy()
  const folder = await store.opened(async (house) => {
    await lose(house)
    return await mirrorInto(join(store.home, 'mirror'), house.ledger)
  })
  await store.putBack()
  return folder
}

/** One customer with a grant, by the records alone. */
async function populated(storeUrl?: string) {
  return await store.opened(async (house) => {
    const accounts = await addCustomers(house, [
      { webId: 'https://pod.example/p1#me', container: 'https://pod.example/p1/' },
      { webId: 'https://pod.example/p2#me', container: 'https://pod.example/p2/' },
    ])
    const vendorId = await addVendor(house, 'shop')
    const grants = await addGrants(house, accounts, { vendorId, clientId: 'shop', items })
    return { accounts, vendorId, grants }
  }, storeUrl)
}

/** She withdraws. */
const withdrawn = (grantId: string) => async (house: House) => {
  const stored = await readGrant(house.ledger, grantId)
  if (stored === undefined) throw new Error('the population is not there')
  const change = await changeGrant(
    { reader: house.ledger, names: house.names },
    stored,
    withdraw(stored.value, house.now()),
  )
  await house.ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: 'withdrawn' })] }))
}

describe('of a lost part that names nobody', () => {
  test('an erasure that was only begun ends every grant, for whose it was nobody can tell', async () => {
    const { accounts, grants } = await populated()
    const [accountId = ''] = accounts.map((account) => account.accountId)
    const lost = await losing(async ({ ledger, names, now }) => {
      const wish = { accountId, askDeletion: false, deletePod: false, cause: 'own-act' } as const
      await ledger.commit((await beginErasure({ reader: ledger, names }, wish, now())).parts)
    })
    expect(await recoverFrom(store.settings, lost)).toMatchObject({ grants: 2, erasures: 0, erasuresCut: 1 })
    await store.opened(async ({ ledger }) => {
      expect(await replayed(ledger)).toEqual([])
      for (const { grantId } of grants)
        expect((await readGrant(ledger, grantId))?.value).toMatchObject({
          state: 'withdrawn',
          endedBy: 'recovery',
        })
    })
  })

  test('what comes back leads to nobody who was forgotten in it, and to nobody who is forgotten later', async () => {
    const { accounts, grants } = await populated()
    const [erased = '', later = ''] = accounts.map(({ accountId }) => accountId)
    const lost = await losing(async (house) => {
      for (const { grantId } of grants) await withdrawn(grantId)(house)
    })
    const keys = await openKeyStore(store.places.keysFolder)
    await keys.destroyCustomerKey(erased)
    await recoverFrom(store.settings, lost)
    await store.opened(async ({ ledger, names, now }) => {
      const types = async (accountId: string) =>
        (await accountHistory(ledger, accountId)).map(({ ops }) => readFact(ops).type)
      expect(await types(erased)).not.toContain('withdrawn')
      expect(await types(later)).toContain('withdrawn')
      const wish = { accountId: later, askDeletion: false, deletePod: false, cause: 'own-act' } as const
      const { parts, erasure } = await beginErasure({ reader: ledger, names }, wish, now())
      await ledger.commit(parts)
      const away = async () => undefined
      const { run } = eraseCustomer({ ledger, names, keys, now, endLogin: away, removePod: away })
      await run({ payload: { ...wish, erasure } })
      expect(await types(later)).toEqual([])
      expect(await replayed(ledger)).toEqual([])
    })
  })

  test('keys that a business put away are good for nothing again', async () => {
    const { vendorId } = await populated()
    const lost = await losing(({ ledger }) =>
      ledger.commit({ entries: [vendorEntry({ type: 'vendor-keys-changed', vendor: vendorId })] }),
    )
    expect(await recoverFrom(store.settings, lost)).toMatchObject({ businesses: 1 })
    await store.opened(async ({ ledger }) =>
      expect((await readVendorStanding(ledger, vendorId))?.value.state).toBe('suspended'),
    )
  })
})

describe('a recovery that was broken off', () => {
  const states = (grants: readonly { readonly grantId: string }[]) =>
    store.opened(({ ledger }) =>
      Promise.all(grants.map(async ({ grantId }) => (await readGrant(ledger, grantId))?.value.state)),
    )

  test('goes on where only the last group was lost', async () => {
    const { grants } = await populated()
    const lost = await losing(withdrawn(grants[0]?.grantId ?? ''))
    await store.recoverLog(lost)
    await rm(recoveringAnchor(store.places.levelAnchor))
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await recoverFrom(store.settings, lost)).toMatchObject({ grants: 1 })
    expect(await states(grants)).toEqual(['withdrawn', 'active'])
  })

  test('stops what an earlier copy lacks that is put in its place meanwhile, and what lies behind an anchor that was put back', async () => {
    const { grants } = await populated()
    const [first = '', second = ''] = grants.map(({ grantId }) => grantId)
    await store.copy('earliest')
    const anchor = await readFile(store.places.levelAnchor)
    await store.opened(withdrawn(first))
    const lost = await losing(withdrawn(second))
    await store.recoverLog(lost)
    await store.putBack('earliest')
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await recoverFrom(store.settings, lost)).toMatchObject({ grants: 2 })
    expect(await states(grants)).toEqual(['withdrawn', 'withdrawn'])

    // The copy and its own anchor: nothing seems to be missing, but the mirror knows better.
    await store.putBack('earliest')
    await writeFile(store.places.levelAnchor, anchor)
    await store.recoverLog(lost)
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await recoverFrom(store.settings, lost)).toMatchObject({ grants: 2 })
    expect(await states(grants)).toEqual(['withdrawn', 'withdrawn'])
    await expect(recoverFrom(store.settings, lost)).rejects.toThrow('nothing is missing')
  })
})

describe('a log that was on PostgreSQL', () => {
  const signer = async () => createLogSigner(store.places.origin, await openKeyStore(store.places.keysFolder))

  /** `reach store copy`. */
  async function move(to: 'level' | 'database', url: string): Promise<void> {
    const { levelFolder: folder, levelAnchor, replicaAnchor } = store.places
    await using level = await openLevelStore({ folder, anchorFile: levelAnchor, isTarget: to === 'level' })
    await using database = await openPgStore({ url, part: '', anchorFile: replicaAnchor })
    const [from, target] = to === 'level' ? [database, level] : [level, database]
    await copyStore({ from, to: target, signer: await signer(), progress: () => undefined })
  }

  // The steps of docs/operator.md.
  test.each(['earlier copy', 'nothing'])(
    'comes back by way of the embedded store: %s was left',
    async (left) => {
      const server = await postgres()
      const url = await server.database()
      const { grants } = await populated(url)
      const name = new URL(url).pathname.slice(1)
      const copy = url.replace(name, `${name}_copy`)
      await server.query(`create database ${name}_copy template ${name}`)
      const grantId = grants[0]?.grantId ?? ''
      const { mirror, checkpoint } = await store.opened(async (house) => {
        await withdrawn(grantId)(house)
        const { ledger } = house
        return {
          mirror: await mirrorInto(join(store.home, 'mirror'), ledger),
          checkpoint: ledger.log.checkpoint(),
        }
      }, url)

      const { levelAnchor, replicaAnchor } = store.places
      await expect(store.opened(async () => undefined, copy)).rejects.toBeInstanceOf(LedgerDamaged)
      await cp(replicaAnchor, join(store.home, 'anchor'))
      await rm(replicaAnchor)
      if (left === 'earlier copy') {
        const trusted = { url: copy, part: '', anchorFile: replicaAnchor, checkpoint: undefined }
        await enrolReplica({ ...trusted, signer: await signer() })
        await move('level', copy)
        await rm(replicaAnchor)
      }
      await cp(join(store.home, 'anchor'), levelAnchor)
      await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
      await recoverFrom(store.settings, mirror)
      const fresh = await server.database()
      await move('database', fresh)
      await store.opened(async ({ ledger }) => {
        await checkLog(ledger.log, [checkpoint])
        expect(await replayed(ledger)).toEqual([])
        expect((await readGrant(ledger, grantId))?.value.state).toBe(
          left === 'nothing' ? undefined : 'withdrawn',
        )
      }, fresh)
    },
  )
})
