/**
 * `node bench/ledger.ts [rounds]`: the ledger alone, as ratios of one run: an entry built and sealed against one ES256
 * verification; durable commits against what disk and hash function allow in the same round. Absolute figures of a
 * shared machine mean nothing.
 */
import { generateKeyPairSync, hash, randomBytes, sign, verify } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { buildLeaf, newSecret, sealOps } from '#core/ledger/leaf.ts'
import type { Claims, Commit, Place } from '#core/ledger/ledger.ts'
import { GrowingTree, leafHash, nodeHash } from '#core/ledger/merkle.ts'
import { wireEntry } from '#core/ledger/tiles.ts'
import { ledgerFolders, openIn } from '../test/level-ledger.ts'

const rounds = Number(process.argv[2] ?? 3)
const measured = new Map<string, number[]>()
const note = (name: string, value: number): void =>
  void measured.set(name, [...(measured.get(name) ?? []), value])

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN
}
const of = (name: string): number => median(measured.get(name) ?? [])

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
function entryCost(): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = Buffer.alloc(420, 'x')
  const signature = sign('sha256', text, privateKey)
  note(
    'verify',
    cpuOf(() => verify('sha256', text, publicKey, signature)),
  )
  const key = { name: 'o1', key: randomBytes(32), secret: newSecret() }
  for (const group of [1, 16, 256])
    note(
      `entry ${group}`,
      cpuOf(() => {
        const tree = new GrowingTree()
        const claims: string[] = []
        const wire: Buffer[] = []
        for (let index = 0; index < group; index++) {
          const built = claimsAt({ index, time: 1_795_000_000_000, counts: [index] })
          const { leaf } = buildLeaf(index, built, key.secret)
          claims.push(built.ops)
          wire.push(wireEntry(leaf))
          tree.push(leafHash(leaf), () => undefined)
        }
        Buffer.concat(wire)
        sealOps(key, 'bench.example/log', 0, claims)
      }, group),
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

async function durable(waiting: number, hashes: number): Promise<void> {
  await using folders = await ledgerFolders()
  await using ledger = (await openIn(folders)).ledger
  const raw = rawWrites(folders.root, waiting)
  const keys = ['customer', 'business', ...Array.from({ length: waiting }, (_, i) => `grant!${i}`)]
  await ledger.commit({ writes: keys.map((key) => ({ key, value: 1 })) })
  const checks = keys.map((key) => ({ key, version: 1, notAfter: 8e15 }))
  const disclosure = (i: number): Commit => ({
    checks: [...checks.slice(0, 2), ...checks.slice(i + 2, i + 3)],
    counters: [{ key: `use!${i}`, ceiling: 1e12 }],
    entries: [{ claims: claimsAt, threads: [`grant!${i}`, `account!${i}`] }],
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
  note(`cpu ${waiting}`, (used.user + used.system) / times.length)
  note(`p50 ${waiting}`, (1000 * median(times)) / raw.p50)
  note(`bound ${waiting}`, times.length / seconds / Math.min(raw.rate, hashes))
}

for (let round = 0; round < rounds; round++) {
  entryCost()
  const hashes = hashBound()
  for (const waiting of [1, 16, 256]) await durable(waiting, hashes)
}

let isBelow = false
function print(
  what: string,
  value: number,
  target?: { floor: number; goal: number; isCost?: boolean },
): void {
  const holds = target === undefined || (target.isCost ? value <= target.floor : value >= target.floor)
  if (!holds) isBelow = true
  const [floor = '', goal = ''] = target === undefined ? [] : [String(target.floor), String(target.goal)]
  const verdict = holds ? '' : '  MISSES ITS FLOOR'
  console.log(
    what.padEnd(62) + [value.toFixed(2), floor, goal].map((one) => one.padStart(8)).join('') + verdict,
  )
}

console.log('ratios of one run'.padEnd(62) + ['here', 'floor', 'goal'].map((one) => one.padStart(8)).join(''))
print('one entry, built and sealed in groups of 256 / ES256 verify', of('entry 256') / of('verify'), {
  floor: 0.15,
  goal: 0.08,
  isCost: true,
})
print('same in groups of 16 / ES256 verify', of('entry 16') / of('verify'))
print('same in groups of 1 / ES256 verify', of('entry 1') / of('verify'))
print('commit p50, 1 waiting / raw synced write', of('p50 1'), { floor: 5, goal: 3, isCost: true })
print('durable commits, 16 waiting / min(fsync, all hashes)', of('bound 16'), { floor: 0.16, goal: 0.35 })
print('durable commits, 256 waiting / min(fsync, all hashes)', of('bound 256'), { floor: 0.18, goal: 0.4 })
for (const waiting of [1, 16, 256])
  console.log(`CPU of all threads per entry, ${waiting} waiting: ${of(`cpu ${waiting}`).toFixed(1)} us`)
if (isBelow) process.exitCode = 1
