/** The first audit of docs/auditor.md, word for word, at a Reach that has something to audit. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inAYear } from '../auditor.ts'
import { Story } from '../story.ts'

const root = join(import.meta.dirname, '../..')
let story: Story
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-test-first-audit-'))
  story = await Story.open()
  const relation = await story.allow(await story.customer(), await story.shop())
  await story.read(relation)
}, 60_000)
afterAll(async () => {
  await story[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

test('every command of the first audit works as it stands there', { timeout: 180_000 }, async () => {
  const text = await readFile(join(root, 'docs/auditor.md'), 'utf8')
  const block = /## A first audit[^]*?```sh\n([^]*?)```/.exec(text)?.[1] ?? ''
  const commands = block.trim().split('\n')
  expect(commands.length).toBeGreaterThan(10)
  const { config } = story.world
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    REACH_STATE: join(folder, 'state'),
    REACH_KEYS: config.keysFolder,
    REACH_DATA: config.dataFolder,
    REACH_VAULT_URL: config.vaultUrl,
    REACH_GATEWAY_URL: config.gatewayUrl,
    REACH_PODS_URL: config.podsUrl,
    REACH_ADMIN_PORT: String(config.adminPort),
  }
  let invitation = ''
  const said: string[] = []
  for (const command of commands) {
    const here = command
      .replace('npm run reach --', `node ${join(root, 'cli/main.ts')}`)
      .replace('http://localhost:3100', config.vaultUrl)
      .replace('<invitation>', invitation)
      // Accounts end; the document does not say when it is read.
      .replace(/--expires \S+/, `--expires ${inAYear()}`)
    const { stdout } = await promisify(execFile)('sh', ['-c', here], { cwd: folder, env, timeout: 60_000 })
    said.push(stdout)
    invitation = /audit join <vault address> (\S+)/.exec(stdout)?.[1] ?? invitation
  }
  const all = said.join('')
  expect(all).toContain('entries are opened, each by what it commits to')
  expect(all).toMatch(/ok {2}\d+ entries replayed; consents: 1 active/)
  expect(all).toContain('it says {"v":1,"type":"vendor-admitted"')
  expect(await readFile(join(folder, 'art30/processing.html'), 'utf8')).toContain('Record of processing')
  expect(JSON.parse(await readFile(join(folder, 'mirror/businesses.json'), 'utf8'))).toMatchObject({
    businesses: [{ name: story.names[0] }],
  })
})
