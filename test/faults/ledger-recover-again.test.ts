/** A log that is recovered from a mirror: what names nobody stops, too, and whatever is broken off, nothing of it is left out. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { withdraw } from '#core/domain/grant.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { LedgerDamaged, type Ledger } from '#core/ledger/ledger.ts'
import { recoverLog, recoveringAnchor } from '#core/ledger/level-recover.ts'
import { grantEntry, vendorEntry } from '#core/records/entries.ts'
import { beginErasure } from '#core/records/erasure.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import { createNames } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import { readVendorStanding } from '#core/records/vendors.ts'
import { addCustomers, addGrants, addVendor, type House } from '../../bench/population.ts'
import { openLogSource } from '../../cli/log-source.ts'
import { openingsIn, proveOpenings } from '../../cli/openings.ts'
import { recoverFrom } from '../../cli/recover.ts'
import { openLedgerAndKeys, placesOf } from '../../house.ts'
import { mirrorInto, replayed } from '../mirrored-ledger.ts'

const items = [{ id: 'item-1', purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name'] }]
const now = Date.now
let home: string
let settings: { config: ReturnType<typeof readConfig>; now: () => number }
let places: ReturnType<typeof placesOf>

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'reach-recover-'))
  settings = { config: readConfig({ REACH_PODS_URL: 'off' }, home), now }
  places = placesOf(settings.config, '')
})
afterEach(() => rm(home, { recursive: true, force: true }))

async function onLedger<Result>(use: (house: House) => Promise<Result>): Promise<Result> {
  await using opened = await openLedgerAndKeys({ config: settings.config, now, part: '' })
  const names = createNames(await opened.keys.secret('names'))
  return await use({ ledger: opened.ledger, names, now })
}

async function putBack(): Promise<void> {
  await rm(places.levelFolder, { recursive: true })
  await cp(join(home, 'copy'), places.levelFolder, { recursive: true })
}

const refused = () => expect(onLedger(async () => undefined)).rejects.toBeInstanceOf(LedgerDamaged)

/** What changed behind the copy alone; then the database is put back to it, or to nothing. */
async function losing(lose: (house: House & { ledger: Ledger }) => Promise<unknown>): Promise<string> {
  await rm(join(home, 'copy'), { recursive: true, force: true })
  await cp(places.levelFolder, join(home, 'copy'), { recursive: true })
  const folder = await onLedger(async (house) => {
    await lose(house)
    return await mirrorInto(join(home, 'mirror'), house.ledger)
  })
  await putBack()
  return folder
}

/** One customer with a grant, by the records alone. */
async function populated() {
  return await onLedger(async (house) => {
    const accounts = await addCustomers(house, [
      { webId: 'https://pod.example/p1#me', container: 'https://pod.example/p1/' },
      { webId: 'https://pod.example/p2#me', container: 'https://pod.example/p2/' },
    ])
    const vendorId = await addVendor(house, 'shop')
    const grants = await addGrants(house, accounts, { vendorId, clientId: 'shop', items })
    return { accounts, vendorId, grants }
  })
}

describe('of a lost part that names nobody', () => {
  test('an erasure that was only begun ends every grant, for whose it was nobody can tell', async () => {
    const { accounts, grants } = await populated()
    const [accountId = ''] = accounts.map((account) => account.accountId)
    const lost = await losing(async ({ ledger, names }) => {
      const wish = { accountId, askDeletion: false, deletePod: false, cause: 'own-act' } as const
      await ledger.commit((await beginErasure({ reader: ledger, names }, wish, now())).parts)
    })
    expect(await recoverFrom(settings, lost)).toMatchObject({ grants: 2, erasures: 0, erasuresCut: 1 })
    await onLedger(async ({ ledger }) => {
      expect(await replayed(ledger)).toEqual([])
      for (const { grantId } of grants)
        expect((await readGrant(ledger, grantId))?.value).toMatchObject({
          state: 'withdrawn',
          endedBy: 'recovery',
        })
    })
  })

  test('keys that a business put away are good for nothing again', async () => {
    const { vendorId } = await populated()
    const lost = await losing(({ ledger }) =>
      ledger.commit({ entries: [vendorEntry({ type: 'vendor-keys-changed', vendor: vendorId })] }),
    )
    expect(await recoverFrom(settings, lost)).toMatchObject({ businesses: 1 })
    await onLedger(async ({ ledger }) =>
      expect((await readVendorStanding(ledger, vendorId))?.value.state).toBe('suspended'),
    )
  })
})

describe('a recovery that was broken off', () => {
  const recovering = async (folder: string) => {
    const source = openLogSource(folder)
    const openings = openingsIn(source)
    const options = {
      folder: places.levelFolder,
      keys: await openKeyStore(places.keysFolder),
      anchorFile: places.levelAnchor,
      origin: places.origin,
      now,
    }
    return await recoverLog(options, {
      read: source.read,
      async open(first, leaves) {
        const text = (await openings(first / 256, leaves.length)) ?? ''
        return proveOpenings(text, first, leaves).map(({ line, salt, fact }) => ({
          ops: line,
          salt,
          threads: [],
          time: fact.time,
        }))
      },
    })
  }
  const withdrawn = (grantId: string) => async (house: House) => {
    const stored = await readGrant(house.ledger, grantId)
    if (stored === undefined) throw new Error('the population is not there')
    const change = await changeGrant(
      { reader: house.ledger, names: house.names },
      stored,
      withdraw(stored.value, now()),
    )
    await house.ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: 'withdrawn' })] }))
  }
  const states = (grants: readonly { readonly grantId: string }[]) =>
    onLedger(({ ledger }) =>
      Promise.all(grants.map(async ({ grantId }) => (await readGrant(ledger, grantId))?.value.state)),
    )

  test('goes on where only the last group was lost', async () => {
    const { grants } = await populated()
    const lost = await losing(withdrawn(grants[0]?.grantId ?? ''))
    await recovering(lost)
    await rm(recoveringAnchor(places.levelAnchor))
    await refused()
    expect(await recoverFrom(settings, lost)).toMatchObject({ grants: 1 })
    expect(await states(grants)).toEqual(['withdrawn', 'active'])
  })

  test('stops what an earlier copy lacks that is put in its place meanwhile, and what lies behind an anchor that was put back', async () => {
    const { grants } = await populated()
    const [first = '', second = ''] = grants.map(({ grantId }) => grantId)
    await cp(places.levelFolder, join(home, 'earliest'), { recursive: true })
    const anchor = await readFile(places.levelAnchor)
    await onLedger(withdrawn(first))
    const lost = await losing(withdrawn(second))
    await recovering(lost)
    await rm(places.levelFolder, { recursive: true })
    await cp(join(home, 'earliest'), places.levelFolder, { recursive: true })
    await refused()
    expect(await recoverFrom(settings, lost)).toMatchObject({ grants: 2 })
    expect(await states(grants)).toEqual(['withdrawn', 'withdrawn'])

    // The copy and its own anchor: nothing seems to be missing, but the mirror knows better.
    await rm(places.levelFolder, { recursive: true })
    await cp(join(home, 'earliest'), places.levelFolder, { recursive: true })
    await writeFile(places.levelAnchor, anchor)
    await recovering(lost)
    await refused()
    expect(await recoverFrom(settings, lost)).toMatchObject({ grants: 2 })
    expect(await states(grants)).toEqual(['withdrawn', 'withdrawn'])
    await expect(recoverFrom(settings, lost)).rejects.toThrow('nothing is missing')
  })
})
