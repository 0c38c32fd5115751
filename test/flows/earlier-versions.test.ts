/** Data that earlier versions left, made by their own code (test/fixtures), under the code of today. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import { Level } from 'level'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { readFact } from '#core/domain/facts.ts'
import { withdraw } from '#core/domain/grant.ts'
import { replay } from '#core/domain/replay.ts'
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
  readonly relations: { readonly [name in 'kept' | 'ended' | 'paused']: Left }
}

const fixtures = ['0.1.0', '0.2.0', '0.2.0-postgres'] as const
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

describe.each(fixtures)('what %s left', (name) => {
  test('opens, verifies and replays; its grants are read, refused and withdrawn; the log goes on', async () => {
    await using stack = new AsyncDisposableStack()
    const left = await unpack(name, stack)
    const { manifest } = left
    const { kept, ended, paused } = manifest.relations
    const now = () => manifest.madeAt + 3_600_000
    const { ledger, keys } = await openLeft(left, { now, stack })
    const { checkpoint } = await checkLog(ledger.log, [manifest.checkpoint])
    expect(ledger.log.vkey).toBe(manifest.vkey)
    const facts = await loggedFacts(ledger)
    expect(replay(facts)).toEqual([])
    const disclosed = facts.filter(({ fact }) => fact.type === 'disclosed').length
    expect(disclosed).toBe(9)
    expect((await listEndpoints(ledger, kept.vendorId)).length).toBe(manifest.webhook ? 1 : 0)

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
    async function read({ clientId, subject }: Left): Promise<{ status: number; text: string }> {
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
    const reply = await read(kept)
    expect(reply).toMatchObject({ status: 200, text: expect.stringContaining(manifest.values.name) })
    const { log } = JSON.parse(reply.text) as { log: { index: number } }
    expect(log.index).toBe(checkpoint.size)
    expect([(await read(ended)).status, (await read(paused)).status]).toEqual([404, 404])

    // What was disclosed before stands in threads, what is now beside the counter: both are told, each once.
    const ofKept = (await loggedFacts(ledger)).flatMap(({ fact, index }) =>
      fact.type === 'disclosed' && fact.grant === kept.grantId ? [index] : [],
    )
    expect(ofKept.length).toBeGreaterThan(1)
    for (const told of [
      await grantHistory(ledger, kept.grantId),
      await accountHistory(ledger, manifest.customer.accountId),
    ]) {
      const disclosures = told.filter(({ ops }) => {
        const fact = readFact(ops)
        return fact.type === 'disclosed' && fact.grant === kept.grantId
      })
      expect(disclosures.map(({ index }) => index)).toEqual(ofKept.toReversed())
    }

    const names = createNames(await keys.secret('names'))
    const stored = await readGrant(ledger, kept.grantId)
    if (!stored) throw new Error('the grant is gone')
    const change = await changeGrant({ reader: ledger, names }, stored, withdraw(stored.value, now()))
    await ledger.commit(combine(change, { entries: [grantEntry(stored.value, { type: 'withdrawn' })] }))
    expect((await read(kept)).status).toBe(404)
    expect(replay(await loggedFacts(ledger))).toEqual([])
    await checkLog(ledger.log, [manifest.checkpoint])
  })
})

test.each(['0.2.0', '0.2.0-postgres'] as const)(
  'a later version’s data is refused in one line: %s',
  async (name) => {
    await using stack = new AsyncDisposableStack()
    const left = await unpack(name, stack)
    if (left.store === undefined) {
      const db = new Level<string, string>(join(left.folder, 'data', 'ledger'), { compression: false })
      await db.put('f', '3')
      await db.close()
    } else await (await postgres()).query('update reach_head set format = 2', left.store)
    const refused = openLeft(left, { now: Date.now, stack })
    await expect(refused).rejects.toBeInstanceOf(LedgerForeign)
    await expect(refused).rejects.toThrow('a later version of Reach: start that one')
  },
)
