/**
 * The ledger alone, as ratios of one run: an entry built and sealed against one ES256 verification; durable commits against
 * what disk and hash function allow in the same round.
 */
import { createSecretKey, generateKeyPairSync, hash, randomBytes, sign, verify } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { buildLeaf, newSecret, sealOps } from '#core/ledger/leaf.ts'
import type { Claims, Commit, Place } from '#core/ledger/ledger.ts'
import { GrowingTree, leafHash, nodeHash } from '#core/ledger/merkle.ts'
import { writeBundle } from '#core/ledger/tiles.ts'
import { ledgerFolders, openIn } from '../test/level-ledger.ts'

/** Ratios by key, one per round. */
const measured = new Map<string, number[]>()
const note = (name: string, value: number): void =>
  void measured.set(name, [...(measured.get(name) ?? []), value])

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN
}

/** CPU time in us of one step, by repeating it. */
function cpuOf(step: () => void, perStep = 1): number {
  for (let i = 0; i < 200; i++) step()
  const before = process.cpuUsage()
  let steps = 0
  for (const end = performance.now() + 250; performance.now() < end; steps++) step()
  const used = process.cpuUsage(before)
  return (used.user + used.system) / (steps * perStep)
}

const secret = newSecret()
const ops = ({ time, counts }: Place): string =>
  `{"type":"disclosed","time":${time},"business":"biz-7","purpose":"dpv:ServiceProvision","fields":["profile.name",` +
  `"contact.email"],"grant":"AAAAAAAAAAAAAAAAAAAAAA","seq":${counts[0]},"until":1800000000000,"notice":"sha-256:abc"}`
const claimsAt = (place: Place): Claims => ({
  ops: ops(place),
  subject: 'c-1',
  who: '{"webid":"https://pod.example/c-1/profile/card#me"}',
  data: 'd'.repeat(180),
  secret,
})

/** Building, hashing and sealing as the group does it, without tree and disk above it. */
export function measureEntries(): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = Buffer.alloc(420, 'x')
  const signature = sign('sha256', text, privateKey)
  const verifying = cpuOf(() => verify('sha256', text, publicKey, signature))
  const key = { name: 'o1', key: createSecretKey(randomBytes(32)), secret: newSecret() }
  for (const group of [1, 16, 256])
    note(
      `entry-in-${group}`,
      cpuOf(() => {
        const tree = new GrowingTree()
        const claims: string[] = []
        const bundle: Buffer[] = []
        for (let index = 0; index < group; index++) {
          const built = claimsAt({ index, time: 1_795_000_000_000, counts: [index] })
          const { leaf } = buildLeaf(index, built, key.secret)
          claims.push(built.ops)
          bundle.push(leaf)
          tree.push(leafHash(leaf), () => undefined)
        }
        writeBundle(bundle)
        sealOps(key, 'bench.example/log', 0, claims)
      }, group) / verifying,
    )
}

/** All hashes of an entry: four salts, four digests, leaf and node. */
function hashBound(): number {
  const leaf = Buffer.alloc(129)
  const text = 'x'.repeat(300)
  let node = leafHash(leaf)
  return (
    1e6 /
    cpuOf(() => {
      node = nodeHash(node, leafHash(leaf))
      for (let i = 0; i < 4; i++) {
        hash('sha256', text.slice(0, 55), 'base64url')
        hash('sha256', text, 'binary')
      }
    })
  )
}

/** Appends what a group of this size writes, synced: p50 in us and entries per second. */
function rawWrites(folder: string, group: number): { p50: number; rate: number } {
  const file = openSync(join(folder, `raw-${group}`), 'w')
  const bytes = Buffer.alloc(group * 500 + 500)
  const times: number[] = []
  for (let i = 0; i < 100; i++) {
    const begin = performance.now()
    writeSync(file, bytes)
    fdatasyncSync(file)
    times.push(performance.now() - begin)
  }
  closeSync(file)
  return { p50: 1000 * median(times), rate: (group * 1000 * times.length) / times.reduce((a, b) => a + b) }
}

/** Tests let counters wait for a few raises only. */
const AS_SHIPPED = { unwritten: {} }

/** Commits as those of a disclosure: three checks, a counter with a ceiling, an entry in no thread. */
async function durable(waiting: number, hashes: number): Promise<void> {
  await using folders = await ledgerFolders()
  await using ledger = (await openIn(folders, { limits: AS_SHIPPED })).ledger
  const raw = rawWrites(folders.root, waiting)
  const keys = ['customer', 'business', ...Array.from({ length: waiting }, (_, i) => `grant!${i}`)]
  await ledger.commit({ writes: keys.map((key) => ({ key, value: 1 })) })
  const checks = keys.map((key) => ({ key, version: 1, notAfter: 8e15 }))
  const disclosure = (i: number): Commit => ({
    checks: [...checks.slice(0, 2), ...checks.slice(i + 2, i + 3)],
    counters: [{ key: `use!${i}`, ceiling: 1e12 }],
    entries: [{ claims: claimsAt }],
  })
  const times: number[] = []
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: waiting }, async (_, i) => {
      while (performance.now() - begin < 600) {
        const start = performance.now()
        await ledger.commit(disclosure(i))
        times.push(performance.now() - start)
      }
    }),
  )
  const seconds = (performance.now() - begin) / 1000
  const used = process.cpuUsage(cpu)
  note(`cpu-us-${waiting}`, (used.user + used.system) / times.length)
  note(`latency-${waiting}`, (1000 * median(times)) / raw.p50)
  note(`rate-${waiting}`, times.length / seconds / Math.min(raw.rate, hashes))
}

/** One round of all of it, about three seconds. */
export async function measureLedger(): Promise<void> {
  measureEntries()
  const hashes = hashBound()
  for (const waiting of [1, 16, 256]) await durable(waiting, hashes)
}

/** Medians of the rounds so far, by key. */
export function ledgerRatios(): ReadonlyMap<string, number> {
  return new Map([...measured].map(([key, values]) => [key, median(values)]))
}
