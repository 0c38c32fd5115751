/**
 * Data that earlier versions left, made by their own code (test/fixtures), under the code of today. To make those of the next: in a
 * checkout of it, start its `main.ts` on level or PostgreSQL and play people and businesses as `test/story.ts` does: one customer, three
 * shops allowed and read three times each, then one grant withdrawn, one paused, the third with a webhook endpoint and read on. Put
 * `manifest.json`, the folder `keys`, and `data/ledger` or `data/replica` with `ledger.sql` (both tables as inserts) into an archive.
 * 0.5.0 was killed (SIGKILL) after 20 reads and after 40, then with reads under way, anew from a copy until its database had a group
 * that the anchor had not; on PostgreSQL killed after 20, stopped after 43. The manifest says what opening a copy of it found.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import { Level } from 'level'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { withdraw } from '#core/domain/grant.ts'
import { replay, type LoggedFact } from '#core/domain/replay.ts'
import { openKeyStore, type KeyStore } from '#core/ledger/key-store.ts'
import { LedgerForeign, type Ledger } from '#core/ledger/ledger.ts'
import { openLevelLedger } from '#core/ledger/level-ledger.ts'
import { openPgLedger } from '#core/ledger/pg-ledger.ts'
import { createLogger } from '#core/logger.ts'
import { createPodCache } from '#core/pods/cache.ts'
import { grantEntry } from '#core/records/entries.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import { accountHistory, grantHistory } from '#core/records/histories.ts'
import { createNames } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import { listEndpoints } from '#core/records/webhook-endpoints.ts'
import { newBusiness, newKey, proofFor } from '../../bench/business.ts'
import { keySetOf } from '../../bench/house.ts'
import { startVendorGateway } from '../../vendor-gateway/server.ts'
import { checkLog } from '../check-log.ts'
import { openForeignPods } from '../foreign-pods.ts'
import { freePort } from '../free-ports.ts'
import { loggedFacts } from '../logged-facts.ts'
import { postgres } from '../postgres.ts'

interface Left {
  readonly grantId: string
  readonly subject: string
  readonly vendorId: string
  readonly clientId: string
}

/** What the version that made it wrote down beside it. */
interface Manifest {
  /** Unix ms. */
  readonly madeAt: number
  readonly vaultUrl: string
  readonly vkey: string
  readonly checkpoint: string
  readonly customer: { readonly accountId: string; readonly webId: string; readonly container: string }
  readonly values: { readonly name: string }
  readonly webhook: boolean
  /** Disclosures in the log, acknowledged or not; versions before 0.5.0 made three under each grant and do not say it. */
  readonly disclosed?: { readonly [name in 'kept' | 'ended' | 'paused']: number }
  readonly relations: { readonly [name in 'kept' | 'ended' | 'paused']: Left }
}

const fixtures = ['0.1.0', '0.2.0', '0.2.0-postgres', '0.5.0', '0.5.0-postgres'] as const
interface Unpacked {
  readonly folder: string
  readonly manifest: Manifest
  /** Address of the database, where it is in one. */
  readonly store: string | undefined
}

async function unpack(name: string, stack: AsyncDisposableStack): Promise<Unpacked> {
  const folder = await mkdtemp(join(tmpdir(), 'reach-earlier-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const zip = await readFile(join(import.meta.dirname, '..', 'fixtures', `${name}.zip`))
  for (const [path, bytes] of Object.entries(unzipSync(zip))) {
    if (path.endsWith('/')) continue
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest
  if (!name.endsWith('postgres')) return { folder, manifest, store: undefined }
  const server = await postgres()
  const store = await server.database()
  await server.query(await readFile(join(folder, 'ledger.sql'), 'utf8'), store)
  return { folder, manifest, store }
}

async function openLeft(
  { folder, manifest, store }: Unpacked,
  { now, stack }: { now: () => number; stack: AsyncDisposableStack },
): Promise<{ ledger: Ledger; keys: KeyStore }> {
  const keys = await openKeyStore(join(folder, 'keys'))
  const [origin = ''] = manifest.vkey.split('+')
  const own = { keys, origin, now }
  const ledger = await (store === undefined
    ? openLevelLedger({
        ...own,
        folder: join(folder, 'data', 'ledger'),
        anchorFile: join(folder, 'keys', 'anchor'),
      })
    : openPgLedger({ ...own, url: store, part: '', anchorFile: join(folder, 'data', 'replica', 'anchor') }))
  stack.use(ledger)
  return { ledger, keys }
}

/** Its gateway, and what it answers to a business that reads. */
async function startGateway(
  { manifest, ledger, keys }: { manifest: Manifest; ledger: Ledger; keys: KeyStore },
  { now, stack }: { now: () => number; stack: AsyncDisposableStack },
): Promise<(left: Left) => Promise<{ status: number; text: string }>> {
  const pods = stack.use(await openForeignPods())
  pods.fill(manifest.customer, 'profile', { name: manifest.values.name })
  const { origin } = new URL(manifest.customer.container)
  const cache = stack.use(
    createPodCache({
      // What her pod held, at an address that this test can ask.
      fetch: (url, init) => fetch(url.replace(origin, pods.url), init),
      now,
      onAccessLost: () => {
        throw new Error('access was lost')
      },
    }),
  )
  const port = await freePort()
  const gatewayUrl = `http://127.0.0.1:${port}`
  const issuer = { url: `${manifest.vaultUrl}/oauth`, audience: gatewayUrl, key: newKey() }
  const seconds = Math.floor(now() / 1000)
  stack.use(
    await startVendorGateway({
      config: {
        vaultUrl: manifest.vaultUrl,
        gatewayUrl,
        mode: 'development',
        outboundAllow: [],
        listen: { host: '127.0.0.1', gatewayPort: port, vaultPort: 0, podsPort: 0 },
      },
      ledger,
      keys,
      pods: cache,
      now,
      log: createLogger({ level: 'silent' }),
      tuning: { issuerKeys: keySetOf(issuer) },
    }),
  )
  let nonce: string | undefined
  return async ({ clientId, subject }) => {
    const business = newBusiness(issuer, clientId, { claims: { iat: seconds, exp: seconds + 300 } })
    const url = `${gatewayUrl}/v1/subjects/${subject}`
    for (;;) {
      const proof = proofFor(business, { method: 'GET', url, nonce }, { iat: seconds })
      const reply = await request(`${url}?fields=profile.name&purpose=dpv:CustomerOrderManagement`, {
        headers: { authorization: `DPoP ${business.token}`, dpop: proof },
      })
      const text = await reply.body.text()
      const given = reply.headers['dpop-nonce']?.toString()
      if (reply.statusCode !== 401 || given === undefined || given === nonce)
        return { status: reply.statusCode, text }
      nonce = given
    }
  }
}

/**
 * The histories of the grant that was kept and of its customer tell all that the log has of them, newest first and each once, whether it
 * stands in threads or beside counters; disclosures are counted through. Gives how many there are of each grant.
 */
async function checkHistories(ledger: Ledger, { customer, relations }: Manifest): Promise<object> {
  const facts = await loggedFacts(ledger)
  expect(replay(facts)).toEqual([])
  const grantOf = ({ fact }: LoggedFact) => ('grant' in fact ? fact.grant : undefined)
  const told = (history: readonly { index: number }[]) => history.map(({ index }) => index)
  const ofKept = facts.filter((one) => grantOf(one) === relations.kept.grantId)
  const hers = facts.filter((one) => grantOf(one) !== undefined || 'request' in one.fact)
  expect(told(await grantHistory(ledger, relations.kept.grantId))).toEqual(told(ofKept).toReversed())
  expect(told(await accountHistory(ledger, customer.accountId))).toEqual(told(hers).toReversed())
  return Object.fromEntries(
    Object.entries(relations).map(([name, { grantId }]) => {
      const seqs = facts.flatMap((one) =>
        one.fact.type === 'disclosed' && grantOf(one) === grantId ? [one.fact.seq] : [],
      )
      expect(seqs).toEqual(seqs.map((_, i) => i + 1))
      return [name, seqs.length]
    }),
  )
}

describe.each(fixtures)('what %s left', (name) => {
  test('opens, verifies and replays; its grants are read, refused and withdrawn; the log goes on', async () => {
    await using stack = new AsyncDisposableStack()
    const left = await unpack(name, stack)
    const { manifest } = left
    const { kept, ended, paused } = manifest.relations
    const { disclosed = { kept: 3, ended: 3, paused: 3 } } = manifest
    const now = () => manifest.madeAt + 3_600_000
    // The second start finds what the first one wrote on, beside what it found.
    for (const start of [1, 2]) {
      await using running = new AsyncDisposableStack()
      const { ledger, keys } = await openLeft(left, { now, stack: running })
      const { checkpoint } = await checkLog(ledger.log, [manifest.checkpoint])
      expect(ledger.log.vkey).toBe(manifest.vkey)
      expect(await checkHistories(ledger, manifest)).toEqual({
        ...disclosed,
        kept: disclosed.kept + start - 1,
      })
      expect((await listEndpoints(ledger, kept.vendorId)).length).toBe(manifest.webhook ? 1 : 0)

      const read = await startGateway({ manifest, ledger, keys }, { now, stack: running })
      const reply = await read(kept)
      expect(reply).toMatchObject({ status: 200, text: expect.stringContaining(manifest.values.name) })
      const { log } = JSON.parse(reply.text) as { log: { index: number } }
      expect(log.index).toBe(checkpoint.size)
      expect([(await read(ended)).status, (await read(paused)).status]).toEqual([404, 404])
      expect(await checkHistories(ledger, manifest)).toEqual({ ...disclosed, kept: disclosed.kept + start })
      if (start === 1) continue

      const names = createNames(await keys.secret('names'))
      const stored = await readGrant(ledger, kept.grantId)
      if (!stored) throw new Error('the grant is gone')
      const change = await changeGrant({ reader: ledger, names }, stored, withdraw(stored.value, now()))
      await ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: 'withdrawn' })] }))
      expect((await read(kept)).status).toBe(404)
      await checkHistories(ledger, manifest)
      await checkLog(ledger.log, [manifest.checkpoint])
    }
  })
})

test.each(['0.2.0', '0.2.0-postgres'] as const)(
  'a later version’s data is refused in one line: %s',
  async (name) => {
    await using stack = new AsyncDisposableStack()
    const left = await unpack(name, stack)
    if (left.store === undefined) {
      const db = new Level<string, string>(join(left.folder, 'data', 'ledger'), { compression: false })
      await db.put('f', '99')
      await db.close()
    } else await (await postgres()).query('update reach_head set format = 99', left.store)
    const refused = openLeft(left, { now: Date.now, stack })
    await expect(refused).rejects.toBeInstanceOf(LedgerForeign)
    await expect(refused).rejects.toThrow('a later version of Reach: start that one')
  },
)
