/** The first audit of docs/auditor.md, word for word, at a Reach that has something to audit; then its receipts. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import { json, reachAudit } from '../audit-command.ts'
import { inAYear, newAuditor } from '../auditor.ts'
import { decide } from '../consent.ts'
import { programEnvironment } from '../program-environment.ts'
import { expectOk, Story } from '../story.ts'
import type { Customer, Relation } from '../story.ts'

const root = join(import.meta.dirname, '../..')
let story: Story
let folder: string
let customer: Customer
let relation: Relation
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-test-first-audit-'))
  story = await Story.open()
  customer = await story.customer()
  relation = await story.allow(customer, await story.shop())
  await story.read(relation)
})
afterAll(async () => {
  await story[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

test('every command of the first audit works as it stands there', async () => {
  const text = await readFile(join(root, 'docs/auditor.md'), 'utf8')
  const block = /## A first audit[^]*?```sh\n([^]*?)```/.exec(text)?.[1] ?? ''
  const commands = block.trim().split('\n')
  expect(commands.length).toBeGreaterThan(10)
  const { config } = story.world
  const env = {
    ...programEnvironment,
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    REACH_STATE: join(folder, 'state'),
    REACH_KEYS: config.keysFolder,
    REACH_DATA: config.dataFolder,
    REACH_VAULT_URL: config.vaultUrl,
    REACH_GATEWAY_URL: config.gatewayUrl,
    REACH_PODS_URL: config.podsUrl,
    REACH_ADMIN_PORT: String(config.adminPort),
  }
  // Else npm's own words stand in the file.
  for (const command of commands.filter((one) => one.includes(' > '))) expect(command).toMatch(/^npm run -s /)
  let invitation = ''
  const said: string[] = []
  for (const command of commands) {
    const here = command
      .replace(/npm run (?:-s )?reach --/, `node ${join(root, 'cli/main.ts')}`)
      .replace('http://localhost:3100', config.vaultUrl)
      .replace('<invitation>', invitation)
      // Accounts end; the document does not say when it is read.
      .replace(/--expires \S+/, `--expires ${inAYear()}`)
    const { stdout } = await promisify(execFile)('sh', ['-c', here], { cwd: folder, env, timeout: 60_000 })
    said.push(stdout)
    invitation = /audit join \S+ (\S+)/.exec(stdout)?.[1] ?? invitation
  }
  const all = said.join('')
  // The file that `join` names holds what the pages ask for.
  const [, keyFile = ''] = /"keyFile": "(.*)"/.exec(all) ?? []
  expect(await readFile(keyFile, 'utf8')).toMatch(/^[\w-]{43}\n$/)
  expect(all).toContain('entries are opened, each by what it commits to')
  expect(all).toMatch(/ok {2}\d+ entries replayed; consents: 1 active/)
  expect(all).toContain('it says {"v":1,"type":"vendor-admitted"')
  expect(await readFile(join(folder, 'art30/processing.html'), 'utf8')).toContain('Record of processing')
  expect(JSON.parse(await readFile(join(folder, 'mirror/businesses.json'), 'utf8'))).toMatchObject({
    businesses: [{ name: story.names[0] }],
  })
})

test('the receipts of a pod are held against the log offline: signature, entry, and in every dialect', async () => {
  await using opened = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'reach-test-pod-receipts-'))
  opened.defer(() => rm(home, { recursive: true, force: true }))
  // A refusal beside the consent that was given.
  expectOk(
    await decide(customer.browser, await story.ask(customer, await story.shop()), {
      decision: 'deny',
      items: [],
    }),
  )
  await story.world.settle()
  const files = ['mirror', 'pod', 'key', 'keys.json'].map((name) => join(home, name))
  const [mirror = '', pod = '', key = '', keys = ''] = files
  const app = await story.appOf(customer)
  const listing = await (await app(`${customer.container}receipts/`)).text()
  const names = new Set(listing.match(/[\w-]+\.(?:jws|tlog-proof)/g))
  expect(names.size).toBe(4)
  await mkdir(pod)
  for (const name of names)
    await writeFile(join(pod, name), await (await app(`${customer.container}receipts/${name}`)).text())
  const { vaultUrl } = story.world.config
  await writeFile(keys, await (await fetch(`${vaultUrl}/api/receipts/keys`)).text())
  const { token } = await newAuditor(story.world, story.browser())
  await writeFile(key, token)
  const withKey = ['--reason', 'Receipts', '--key-file', key]
  const copied = await reachAudit(home, 'mirror', `${vaultUrl}/log`, mirror, '--openings', ...withKey)
  expect(copied).toMatchObject({ code: 0 })
  // What opens entries is for nobody else on the machine; the rest is public.
  const below = await readdir(join(mirror, 'openings'), { recursive: true, withFileTypes: true })
  const openings = below.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  expect(openings).not.toEqual([])
  for (const file of [...openings, join(mirror, 'businesses.json')])
    expect((await stat(file)).mode & 0o077, file).toBe(0)
  // Up to the look at it: else no copy could stand in for a log that was lost. Again where something else came meanwhile.
  const { log } = story.world.reach.ledger
  const isWhole = async () =>
    sizeOf(await readFile(join(mirror, 'checkpoint'), 'utf8')) === sizeOf(await log.newest())
  while (!(await isWhole()))
    await reachAudit(home, 'mirror', `${vaultUrl}/log`, mirror, '--openings', ...withKey)
  expect(await reachAudit(home, 'verify', mirror, '--openings')).toMatchObject({ code: 0 })
  const receipts = (folder: string, ...more: string[]) =>
    reachAudit(home, 'receipts', mirror, folder, '--json', ...more)
  const held = await receipts(pod, '--keys', keys)
  expect([held.code, json(held)]).toMatchObject([0, { receipts: 2, signed: 2, proven: 2, differences: [] }])

  for (const dialect of ['27560', 'kantara', 'lws', 'inrupt']) {
    const into = join(home, dialect)
    const unsaid = dialect === 'kantara' || dialect === 'lws' ? 1 : 0
    const written = await receipts(pod, '--dialect', dialect, '--into', into)
    expect([written.code, json(written)]).toMatchObject([0, { written: 2 - unsaid, unsaid }])
    // A copy says what the log says as well as the receipt itself does, and nobody signed it.
    const again = await receipts(into, '--keys', keys)
    expect([again.code, json(again)]).toMatchObject([0, { receipts: 2 - unsaid, signed: 0 }])
    const copies = await Promise.all(
      (await readdir(into)).map(async (name) => ({ name, text: await readFile(join(into, name), 'utf8') })),
    )
    const { name = '', text = '' } = copies.find((copy) => copy.text.includes(relation.grantId)) ?? {}
    await writeFile(join(into, name), text.replace(/"dpv:(?=[A-Z])|https:\/\/w3id.org\/dpv#/, '$&X'))
    expect((await receipts(into)).code).toBe(4)
  }

  const [name = ''] = [...names].filter((one) => one.endsWith('.jws')).toSorted()
  const jws = await readFile(join(pod, name), 'utf8')
  const [head = '', body = '', signature = ''] = jws.trim().split('.')
  const forgeries: [string, string][] = [
    [
      'no key of the vault signed it',
      [head, body, signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))].join('.'),
    ],
    ['no key of the vault signed it', [head.replace(/^./, 'f'), body, signature].join('.')],
  ]
  for (const [what, forged] of forgeries) {
    await writeFile(join(pod, name), forged)
    const ended = await receipts(pod, '--keys', keys)
    expect([ended.code, json(ended)]).toMatchObject([4, { differences: [{ file: name, what }] }])
    // Without the keys it is the entry that tells.
    const unsigned = json(await receipts(pod)) as { differences: { what: string }[] }
    expect(unsigned.differences[0]?.what).toMatch(/commits to another receipt/)
  }
  await writeFile(join(pod, name), jws)
  const [proof = '', other = ''] = [...names].filter((one) => one.endsWith('.tlog-proof')).toSorted()
  await writeFile(join(pod, proof), await readFile(join(pod, other), 'utf8'))
  const swapped = json(await receipts(pod)) as { differences: { what: string }[] }
  expect(swapped.differences[0]?.what).toMatch(/^its proof is of entry \d+, the decision is entry \d+$/)
  await writeFile(join(pod, proof), 'c2sp.org/tlog-proof@v1\n')
  expect(json(await receipts(pod))).toMatchObject({ differences: [{ what: 'its proof is none' }] })
})
