/** Several vaults of one log, each of which asks the witnesses by itself. */
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import { createCosigner } from '#core/ledger/cosignature.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { parseNote } from '#core/ledger/note.ts'
import { parsePolicy } from '#core/ledger/policy.ts'
import { createLogger } from '#core/logger.ts'
import { shownCheckpoints } from '#core/records/shown-checkpoints.ts'
import { witnessedLog } from '../../vault-server/audit/witnesses.ts'
import { witnessHistory } from '../../witness/history.ts'
import { startWitness } from '../../witness/server.ts'
import { createWitness } from '../../witness/witness.ts'
import { letIn, openReplica, pgPlace } from '../pg-ledger.ts'

const silent = createLogger({ level: 'silent' })
const entry = (n: number) => ({ entries: [{ claims: () => ({ ops: `{"n":${n}}` }), threads: [] }] })
const until = (holds: () => Promise<boolean>) =>
  vi.waitFor(async () => expect(await holds()).toBe(true), { timeout: 20_000, interval: 25 })

test('a log with witnesses shows no fewer entries at one process than at another, and what another got cosigned', async () => {
  await using stack = new AsyncDisposableStack()
  const place = stack.use(await pgPlace())
  const first = stack.use((await openReplica(place)).ledger)
  await letIn(place, 'b')
  const second = stack.use((await openReplica(place, { name: 'b' })).ledger)
  const cosigner = createCosigner('w.test/1', generateKeyPairSync('ed25519').privateKey)
  const history = witnessHistory(join(place.root, 'witness'))
  const witness = createWitness({ logs: [first.log.vkey], cosigner, history, now: Date.now })
  const { url } = stack.use(
    await startWitness({
      witness,
      host: '127.0.0.1',
      port: 0,
      log: silent,
    }),
  )
  const policy = parsePolicy(`witness w.test/1 ${cosigner.vkey} ${url}\nquorum w.test/1\n`)
  const cosignatures = (note: string) => parseNote(note).signatures.length - 1
  const at = (ledger: Ledger, options: Partial<Parameters<typeof witnessedLog>[0]>) => {
    const together = shownCheckpoints(ledger)
    const usual = { source: ledger.log, policy, fetch, now: Date.now, log: silent, together }
    return stack.use(witnessedLog({ ...usual, ...options }))
  }
  let ahead = 0
  let isAway = false
  const a = at(first, {})
  const asking: typeof fetch = async (...request) => {
    if (isAway) throw new TypeError('the witness cannot be reached from here')
    return await fetch(...request)
  }
  const b = at(second, { now: () => Date.now() + ahead, fetch: asking })
  await first.commit(entry(1))
  for (const log of [a, b]) await until(async () => cosignatures(await log.newest()) === 1)
  isAway = true
  for (const size of [2, 3]) {
    await first.commit(entry(size))
    await until(async () => sizeOf(await a.newest()) === size)
    expect(await b.newest()).toBe(await a.newest())
    expect(cosignatures(await b.newest())).toBe(1)
    // Long enough for whoever gets nothing cosigned by itself.
    ahead += 61_000
  }
  expect(await at(second, { fetch: asking }).newest()).toBe(await a.newest())
})
