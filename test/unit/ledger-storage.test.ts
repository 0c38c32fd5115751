import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Level } from 'level'
import { describe, expect, test } from 'vitest'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelLedger, startLevelLedger } from '#core/ledger/level-ledger.ts'
import { openDatabase } from '#core/ledger/level-database.ts'
import { openAnchor, readAnchor } from '#core/ledger/anchor.ts'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { entriesKey, groupKey } from '#core/ledger/stored-keys.ts'
import { recover } from '#core/ledger/recovery.ts'
import { crc32c } from '#core/ledger/level-coding.ts'
import { liveTables } from '#core/ledger/level-manifest.ts'
import { LedgerDamaged, LedgerStopped, type Ledger } from '#core/ledger/ledger.ts'
import { scrubTables, verifyTable } from '#core/ledger/table-files.ts'
import { checkLog } from '../check-log.ts'
import { ORIGIN, ledgerFolders, openIn, type LedgerFolders } from '../level-ledger.ts'

async function contents(folder: string): Promise<Buffer> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  )
  return Buffer.concat(await Promise.all(files.map((one) => readFile(join(one.parentPath, one.name)))))
}

async function rawKeys({ folder }: LedgerFolders): Promise<string[]> {
  const db = new Level<string, Buffer>(folder, { keyEncoding: 'utf8', valueEncoding: 'buffer' })
  await db.open()
  const keys = await db.keys().all()
  await db.close()
  return keys
}

const secret = (): string => randomBytes(32).toString('base64url')

describe('what lies on the disk of the embedded ledger', () => {
  test('shows no value, claim, subject, person or secret', async () => {
    await using folders = await ledgerFolders()
    const grantSecret = secret()
    const canaries = [
      'canary-value',
      'canary-customer',
      'canary-ops',
      'canary-subject',
      'canary-who',
      'canary-data',
    ]
    const [value = '', own = '', ops = '', subject = '', who = '', data = ''] = canaries
    {
      await using ledger = (await openIn(folders, { limits: { writeBufferSize: 64 * 1024 } })).ledger
      for (let i = 0; i < 200; i++)
        await ledger.commit({
          writes: [
            { key: `k${i}`, value: { [value]: value.repeat(10), secret: grantSecret } },
            { key: `c${i}`, value: own, customer: 'acc-1' },
          ],
          entries: [
            {
              claims: () => ({ ops: `{"x":"${ops}"}`, subject, who, data, secret: grantSecret }),
              threads: ['t'],
            },
          ],
        })
      const log = await Promise.all([0, 1].map((index) => ledger.log.bundle(index, 200)))
      const bytes = Buffer.concat([
        await contents(folders.folder),
        ...log.map((bundle) => bundle ?? Buffer.alloc(0)),
      ])
      for (const canary of [...canaries, grantSecret])
        for (const form of [
          canary,
          Buffer.from(canary).toString('base64').slice(0, 12),
          Buffer.from(canary).toString('hex'),
        ])
          expect(bytes.includes(form), form).toBe(false)
      expect(await ledger.get('k7')).toMatchObject({ value: { [value]: value.repeat(10) } })
    }
  })

  test('rows that expired are swept, a bounded step at a time, and nothing else is', async () => {
    await using folders = await ledgerFolders()
    const clock = { now: 1_795_000_000_000 }
    {
      await using ledger = (await openIn(folders, { now: () => clock.now })).ledger
      const commitAt = (from: number, count: number, expires: number | undefined): Promise<unknown> =>
        ledger.commit({
          writes: Array.from({ length: count }, (_, i) => ({
            key: `r${from + i}`,
            value: 1,
            ...(expires && { expires }),
          })),
        })
      await commitAt(0, 600, clock.now + 1000)
      await commitAt(600, 10, clock.now + 1_000_000)
      await commitAt(700, 10, undefined)
      await commitAt(0, 5, undefined)
      await commitAt(5, 5, clock.now + 1_000_000)
      clock.now += 60_000
      for (let i = 0; i < 4; i++) await ledger.commit({ writes: [{ key: 'tick', value: i }] })
      expect(await ledger.list('r')).toHaveLength(30)
    }
    const keys = await rawKeys(folders)
    expect(keys.filter((key) => key.startsWith('sr'))).toHaveLength(30)
    expect(keys.filter((key) => key.startsWith('x'))).toHaveLength(15)
  })

  test('sealing keys rotate while the ledger runs, and everything stays readable', async () => {
    await using folders = await ledgerFolders()
    const clock = { now: 1_795_000_000_000 }
    const open = async (): Promise<Ledger> =>
      openLevelLedger({
        ...folders,
        keys: await openKeyStore(folders.keysFolder, { period: 1000, maxSeals: 20 }),
        origin: ORIGIN,
        now: () => clock.now,
      })
    for (let run = 0; run < 2; run++) {
      await using ledger = await open()
      for (let i = 0; i < 30; i++) {
        clock.now += i % 10 === 9 ? 1000 : 0
        await ledger.commit({
          writes: [{ key: `r${run}!${i}`, value: i }],
          entries: [{ claims: () => ({ ops: `{"i":${i}}` }), threads: ['t'] }],
        })
      }
    }
    await using ledger = await open()
    expect((await ledger.list('r')).length).toBe(60)
    expect((await ledger.history('t')).map(({ ops }) => ops)).toHaveLength(60)
    await checkLog(ledger.log)
    for (const ring of ['data', 'ops'])
      expect((await readdir(join(folders.keysFolder, ring))).length).toBeGreaterThan(6)
  })

  test('a first start that died anywhere can be started again', async () => {
    await using folders = await ledgerFolders()
    const keys = await openKeyStore(folders.keysFolder)
    // Died before, and after, the anchor was made.
    const db = new Level<string, Buffer>(folders.folder, { valueEncoding: 'buffer' })
    await db.open()
    await db.close()
    await (await openIn(folders)).ledger[Symbol.asyncDispose]()
    await rm(folders.folder, { recursive: true })
    await writeFile(folders.anchorFile, Buffer.alloc(8192))
    await using ledger = (await openIn(folders)).ledger
    await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
    expect(keys.logKey.asymmetricKeyType).toBe('ed25519')
  })
})

describe('recovery', () => {
  test('reads a tail and not the whole log, and finds a group missing in it', async () => {
    await using folders = await ledgerFolders()
    {
      await using ledger = (await openIn(folders)).ledger
      for (let i = 0; i < 12; i++)
        await ledger.commitEach(
          Array.from({ length: 100 }, () => ({ entries: [{ claims: () => ({ ops: '{}' }) }] })),
        )
    }
    const keys = await openKeyStore(folders.keysFolder)
    const signer = createLogSigner(ORIGIN, keys.logKey)
    const anchored = await readAnchor(folders.anchorFile)
    if (anchored === undefined || anchored === 'new') throw new Error('nothing is anchored')
    const { db } = await openDatabase(folders.folder, { create: false })
    const from = async (tailBytes: number): Promise<number> => {
      const recovered = await recover(db, { signer, anchored, tailBytes })
      expect(recovered.head).toMatchObject({ group: 12, commits: 1200 })
      expect(recovered.tree.root().equals(anchored.root)).toBe(true)
      return recovered.tree.size
    }
    const lost = async (key: string, tailBytes: number): Promise<void> => {
      const value = await db.get(key)
      if (!value) throw new Error(`no ${key}`)
      await db.del(key)
      await expect(from(tailBytes), key).rejects.toBeInstanceOf(LedgerDamaged)
      await db.put(key, value)
    }
    for (const tailBytes of [0, 40_000, 1e9]) expect(await from(tailBytes)).toBe(1200)
    for (const group of [0, 3, 11, 12]) await lost(groupKey(group), 1e9)
    for (const group of [10, 11, 12]) await lost(groupKey(group), 40_000)
    for (const first of [0, 256, 1100]) await lost(entriesKey(first), 1e9)
    // Beyond the tail only a table can hold it, and those are verified.
    await db.del(groupKey(2))
    expect(await from(40_000)).toBe(1200)
    await db.close()
  })
})

describe("LevelDB's tables", () => {
  test('the checksum is CRC-32C', () => {
    // RFC 3720 B.4 and the check value of the catalogue of CRCs.
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(Buffer.alloc(0))).toBe(0)
  })

  test('verify as written, and not with any bit changed; orphans are not part of the database', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reach-tables-'))
    const db = new Level<string, Buffer>(folder, {
      valueEncoding: 'buffer',
      compression: false,
      writeBufferSize: 1 << 16,
    })
    await db.open()
    for (let i = 0; i < 1500; i++) await db.put(`key ${i % 700}`, randomBytes(200))
    await db.close()
    const live = await liveTables(folder)
    expect(live.length).toBeGreaterThan(1)
    for (const { path, bytes } of live) {
      const file = await readFile(path)
      expect(file).toHaveLength(bytes)
      expect(() => verifyTable(file)).not.toThrow()
      for (let k = 0; k < 300; k++) {
        const changed = Buffer.from(file)
        // The footer and what it points to are small: half of the places lie there.
        const at =
          k % 2 === 0
            ? Math.floor(Math.random() * file.length)
            : file.length - 1 - Math.floor(Math.random() * (k % 4 === 1 ? 48 : 400))
        changed[at] = (changed[at] ?? 0) ^ (1 << (k % 8))
        expect(() => verifyTable(changed), `byte ${at} of ${file.length}`).toThrow(RangeError)
        expect(() => verifyTable(file.subarray(0, at))).toThrow(RangeError)
      }
    }
    await writeFile(join(folder, '999999.ldb'), 'half written')
    expect(await liveTables(folder)).toEqual(live)
    await rm(folder, { recursive: true })
  })

  test('damage found later is reported, and a ledger that hears of it stops', async () => {
    await using folders = await ledgerFolders()
    const table = join(folders.root, '000001.ldb')
    await writeFile(table, randomBytes(300))
    const errors: unknown[] = []
    await scrubTables([table], (error) => errors.push(error))[Symbol.asyncDispose]()
    await setTimeout(80)
    expect(errors).toEqual([])

    await (await openIn(folders)).ledger[Symbol.asyncDispose]()
    const { db } = await openDatabase(folders.folder, { create: false })
    await using ledger = await startLevelLedger({
      db,
      anchor: await openAnchor(folders.anchorFile),
      keys: await openKeyStore(folders.keysFolder),
      origin: ORIGIN,
      now: Date.now,
      tables: [join(folders.root, 'compacted-away.ldb'), table],
    })
    await ledger.commit({ writes: [{ key: 'a', value: 1 }] })
    const busy = async (): Promise<void> => {
      for (const end = Date.now() + 5000; Date.now() < end;)
        await ledger.commit({ writes: [{ key: 'b', value: 1 }] })
    }
    await expect(busy()).rejects.toBeInstanceOf(LedgerStopped)
    expect(ledger.stopped?.cause).toBeInstanceOf(LedgerDamaged)
    await expect(ledger.commit({ writes: [{ key: 'a', value: 2 }] })).rejects.toBeInstanceOf(LedgerStopped)
    expect((await ledger.get('a'))?.value).toBe(1)
  })
})
