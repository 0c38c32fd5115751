/** A ledger that was lost or put back to an earlier copy, and an auditor's mirror: what comes back, what stops, and what is refused. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { withdraw } from '#core/domain/grant.ts'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { LedgerDamaged, LedgerForeign, type Ledger } from '#core/ledger/ledger.ts'
import { recoveringAnchor } from '#core/ledger/level-recover.ts'
import { readCustomerStanding } from '#core/records/accounts.ts'
import { disclosureOf } from '#core/records/disclosures.ts'
import { grantEntry, vendorEntry } from '#core/records/entries.ts'
import { changeGrant, readGrant, seqKey } from '#core/records/grants.ts'
import { accountHistory, grantHistory } from '#core/records/histories.ts'
import { combine } from '#core/records/parts.ts'
import { readVendorStanding, suspendVendor } from '#core/records/vendors.ts'
import { addCustomers, addGrants, addVendor, type House } from '../../bench/population.ts'
import { recoverFrom } from '../../cli/recover.ts'
import { openLedgerAndKeys } from '../../house.ts'
import { checkLog } from '../check-log.ts'
import { mirrorInto, replayed } from '../mirrored-ledger.ts'
import { LosableLedger, items } from './losable-ledger.ts'

const now = Date.now
const run = promisify(execFile)
let store: LosableLedger

beforeEach(async () => {
  store = await LosableLedger.inFolder()
})
afterEach(() => store[Symbol.asyncDispose]())

/** So many reads under this grant. */
async function read({ ledger }: House, grantId: string, reads: number): Promise<void> {
  const grant = await readGrant(ledger, grantId)
  const [customer, vendor] = await Promise.all([
    readCustomerStanding(ledger, grant?.value.accountId ?? ''),
    readVendorStanding(ledger, grant?.value.vendorId ?? ''),
  ])
  if (!grant || !customer || !vendor) throw new Error('the population is not there')
  const disclose = disclosureOf(grant.value, 'dpv:DeliveryOfGoods', ['profile.name'])
  const commit = disclose({ grant, customer, vendor }, { who: 'w', data: '{}' })
  const done = await ledger.commitEach(Array.from({ length: reads }, () => commit))
  expect(done.every((one) => !(one instanceof Error))).toBe(true)
}

/** Two customers, two businesses; then a copy; then one withdraws, a business is suspended, and 300 reads are made of the other. */
async function lostPart() {
  const before = await store.opened(async (house) => {
    const people = [1, 2, 3].map((n) => ({
      webId: `https://pod.example/p${n}#me`,
      container: `https://pod.example/p${n}/`,
    }))
    const accounts = await addCustomers(house, people)
    const vendorId = await addVendor(house, 'shop')
    const other = await addVendor(house, 'other')
    for (let n = 0; n < 3; n++) await house.ledger.commit({ counters: [{ key: 'kept' }] })
    const grants = await addGrants(house, accounts, { vendorId, clientId: 'shop', items })
    // More than stand beside a count, and the row of the counter waits.
    await read(house, grants[1]?.grantId ?? '', 20)
    return { grants, vendorId, other, checkpoint: house.ledger.log.checkpoint() }
  })
  await store.copy()
  const after = await store.opened(async (house) => {
    const { ledger, names } = house
    const first = await readGrant(ledger, before.grants[0]?.grantId ?? '')
    const standing = await readVendorStanding(ledger, before.other)
    if (!first || !standing) throw new Error('the population is not there')
    const ended = withdraw(first.value, now())
    const change = await changeGrant({ reader: ledger, names }, first, ended)
    await ledger.commit(combine(change, { entries: [grantEntry(first.value, { type: 'withdrawn' })] }))
    const entries = [vendorEntry({ type: 'vendor-suspended', vendor: before.other })]
    await ledger.commit(combine(suspendVendor(standing), { entries }))
    await read(house, before.grants[1]?.grantId ?? '', 300)
    const checkpoint = ledger.log.checkpoint()
    return {
      checkpoint,
      activities: await Promise.all(before.grants.map(({ grantId }) => activity(ledger, grantId))),
      folder: await mirrorInto(join(store.home, 'mirror'), ledger),
      version: (await ledger.commit({})).version,
    }
  })
  return {
    ...before,
    checkpoints: [before.checkpoint, after.checkpoint],
    activities: after.activities,
    mirror: after.folder,
    version: after.version,
  }
}

/** What the customer of this grant reads of it and of all else that is hers: places in the log, newest first. */
async function activity(ledger: Ledger, grantId: string): Promise<number[]> {
  const accountId = (await readGrant(ledger, grantId))?.value.accountId ?? ''
  return (await accountHistory(ledger, accountId)).map(({ index }) => index)
}

const vkeyOf = (folder: string): string => readFileSync(join(folder, 'vkey'), 'utf8').trim()

describe('a log recovered from a mirror', () => {
  test('is whole again behind an earlier copy; what the lost part speaks of has stopped, the rest lives', async () => {
    const lost = await lostPart()
    await store.putBack()
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    const end = openCheckpoint(lost.checkpoints[1] ?? '', vkeyOf(lost.mirror)).size
    const first = openCheckpoint(lost.checkpoint, vkeyOf(lost.mirror)).size
    expect(await recoverFrom(store.settings, lost.mirror)).toEqual({
      first,
      end,
      grants: 2,
      businesses: 1,
      auditors: 0,
      blocks: 0,
      erasures: 0,
      erasuresCut: 0,
    })
    await store.opened(async ({ ledger }) => {
      expect(await replayed(ledger)).toEqual([])
      // No index twice: everybody who kept a checkpoint finds it on this history.
      const { checkpoint } = await checkLog(ledger.log, lost.checkpoints)
      expect(checkpoint.size).toBe(end + 2)
      const states = await Promise.all(
        lost.grants.map(async ({ grantId }) => (await readGrant(ledger, grantId))?.value.state),
      )
      expect(states).toEqual(['withdrawn', 'withdrawn', 'active'])
      expect((await readVendorStanding(ledger, lost.other))?.value.state).toBe('suspended')
      const next = await ledger.commit({ entries: [{ claims: () => ({ ops: '{}' }) }] })
      expect(next.entries[0]?.index).toBe(end + 2)
      expect(next.version).toBeGreaterThan(lost.version)
      expect(await ledger.count('kept')).toBe(3)
    })
    // Twice is once.
    await expect(recoverFrom(store.settings, lost.mirror)).rejects.toThrow('nothing is missing')
  })

  test('is in the activity of whoever it tells of, and counts her reads as before', async () => {
    const lost = await lostPart()
    await store.putBack()
    await recoverFrom(store.settings, lost.mirror)
    const [, { grantId } = { grantId: '' }] = lost.grants
    const places = () =>
      store.opened(({ ledger }) => Promise.all(lost.grants.map((grant) => activity(ledger, grant.grantId))))
    expect(await places()).toEqual(lost.activities)
    // After a start that reads groups again, too.
    expect(await places()).toEqual(lost.activities)
    await store.opened(async ({ ledger }) => {
      expect(await ledger.count(seqKey(grantId))).toBe(320)
      const reads = (await grantHistory(ledger, grantId)).map(({ index }) => index)
      expect(reads).toEqual(lost.activities[1]?.slice(0, reads.length))
      const page = await grantHistory(ledger, grantId, { before: reads[17] ?? 0, limit: 40 })
      expect(page.map(({ index }) => index)).toEqual(reads.slice(18, 58))
    })
  })

  test('is whole again without any database, and state begins anew', async () => {
    const lost = await lostPart()
    await rm(store.places.levelFolder, { recursive: true })
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await recoverFrom(store.settings, lost.mirror)).toMatchObject({ first: 0, grants: 0 })
    await store.opened(async (house) => {
      expect(await replayed(house.ledger)).toEqual([])
      await checkLog(house.ledger.log, lost.checkpoints)
      expect(await house.ledger.list('grant/')).toEqual([])
      await addVendor(house, 'again')
      expect(await replayed(house.ledger)).toEqual([])
    })
  })

  test('opens for nobody before everything is done, and goes on wherever it was cut off', async () => {
    const lost = await lostPart()
    await store.putBack()
    const { first } = await store.recoverLog(lost.mirror)
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    // Cut off before the anchor of the recovery, and again.
    await rm(recoveringAnchor(store.places.levelAnchor))
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await store.recoverLog(lost.mirror)).toMatchObject({ first })
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    expect(await recoverFrom(store.settings, lost.mirror)).toMatchObject({ first, grants: 2, businesses: 1 })
    await store.opened(async ({ ledger }) => expect(await replayed(ledger)).toEqual([]))
    for (const file of [
      recoveringAnchor(store.places.levelAnchor),
      `${store.places.levelAnchor}.recovery.json`,
    ])
      await expect(stat(file)).rejects.toThrow('ENOENT')
  })
})

describe('nothing is recovered', () => {
  test('from a mirror that is too old, closed, damaged, or of another history; nor over what opens', async () => {
    const lost = await lostPart()
    await expect(recoverFrom(store.settings, lost.mirror)).rejects.toThrow('nothing is missing')
    const old = await store.opened(({ ledger }) => mirrorInto(join(store.home, 'newer'), ledger))
    await store.opened(async ({ ledger }) =>
      ledger.commit({ entries: [{ claims: () => ({ ops: '{"v":1}' }) }] }),
    )
    await store.putBack()
    const variant = async (name: string, turn: (folder: string) => Promise<unknown>) => {
      const folder = join(store.home, name)
      await cp(old, folder, { recursive: true })
      await turn(folder)
      return folder
    }
    const flipped = async (folder: string) => {
      const bytes = await readFile(join(folder, 'tile/entries/000'))
      bytes[7] = (bytes[7] ?? 0) ^ 1
      await writeFile(join(folder, 'tile/entries/000'), bytes)
    }
    const anchor = await readFile(store.places.levelAnchor)
    for (const [folder, reason] of [
      [old, /^Nothing was recovered: the mirror has \d+ entries, \d+ were acknowledged/],
      [await variant('flipped', flipped), /^FAILED {2}/],
      [
        await variant('closed', (at) => rm(join(at, 'openings'), { recursive: true })),
        /does not open every entry/,
      ],
      [join(store.home, 'nowhere'), /./],
    ] as const)
      await expect(recoverFrom(store.settings, folder), folder).rejects.toThrow(reason)
    // Another ledger under the same name, with the same number of entries.
    const other = { config: readConfig({ REACH_PODS_URL: 'off' }, join(store.home, 'other')), now }
    await mkdir(join(store.home, 'other'))
    {
      await using opened = await openLedgerAndKeys({ config: other.config, now, part: '' })
      const entries = Array.from({ length: 400 }, () => ({ claims: () => ({ ops: '{}' }) }))
      await opened.ledger.commit({ entries })
      const foreign = await mirrorInto(join(store.home, 'foreign'), opened.ledger)
      await expect(recoverFrom(store.settings, foreign)).rejects.toThrow(/of another log/)
    }
    const env = {
      REACH_DATA: join(store.home, 'data'),
      REACH_KEYS: join(store.home, 'data-keys'),
      REACH_PODS_URL: 'off',
    }
    const command = join(import.meta.dirname, '../../cli/main.ts')
    await expect(run(process.execPath, [command, 'log', 'recover', old], { env })).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Nothing was recovered: the mirror has [^\n]*\n$/),
    })
    expect(await readFile(store.places.levelAnchor)).toEqual(anchor)
    await expect(store.open()).rejects.toBeInstanceOf(LedgerDamaged)
    await rm(store.places.levelAnchor)
    await expect(recoverFrom(store.settings, old)).rejects.toThrow(/anchor is missing/)
  })
})

test('a new log has another name and other keys, and the old one opens under its own name only', async () => {
  const name = async (config: typeof store.settings.config) => {
    await using opened = await openLedgerAndKeys({ config, now, part: '' })
    return opened.ledger.log.origin
  }
  const env = { REACH_PODS_URL: 'off' }
  expect(await name(readConfig(env, store.home))).toBe('localhost:3100/log')
  const renamed = { ...env, REACH_LOG_NAME: 'log-2' }
  await expect(name(readConfig(renamed, store.home))).rejects.toBeInstanceOf(LedgerForeign)
  const anew = { ...renamed, REACH_DATA: 'data-2', REACH_KEYS: 'data-2-keys' }
  expect(await name(readConfig(anew, store.home))).toBe('localhost:3100/log-2')
  expect(() => readConfig({ REACH_LOG_NAME: 'other/log' }, store.home)).toThrow('REACH_LOG_NAME')
})
