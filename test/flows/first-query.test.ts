/** docs/business.md, "First query in ten minutes": the commands and the program of the page, run as they are written. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SAMPLE_DATA } from '../../sandbox/sample-customer.ts'
import { createWorld } from '../world.ts'
import type { World } from '../world.ts'

const root = join(import.meta.dirname, '../..')

let world: World

beforeAll(async () => {
  world = await createWorld({ sandbox: true })
})
afterAll(() => world[Symbol.asyncDispose]())

test('an engineer with an empty folder gets to the first proven answer by the page alone', async () => {
  await using opened = new AsyncDisposableStack()
  const { vaultUrl, gatewayUrl } = world.config
  const folder = await mkdtemp(join(tmpdir(), 'reach-first-query-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  // What the package registry would give: the two packages that the library depends on.
  for (const name of ['jose', 'oauth4webapi'])
    await cp(join(root, 'node_modules', name), join(folder, 'first-query/node_modules', name), {
      recursive: true,
    })

  const page = await readFile(join(root, 'docs/business.md'), 'utf8')
  const [, section = ''] = /^## First query in ten minutes$([^]+?)^## /m.exec(page) ?? []
  const filled = (text: string) =>
    text.replaceAll('{reach}', root).replaceAll('{vault}', vaultUrl).replaceAll('{gateway}', gatewayUrl)
  const [packing = '', setting = '', running = ''] = blocks(section, 'sh').map(filled)
  const [program = ''] = blocks(section, 'js').map(filled)
  expect([blocks(section, 'sh').length, blocks(section, 'js').length]).toEqual([3, 1])

  await shell(packing, root)
  // The folder is there already, with what the registry would have given.
  await shell(setting.replace('mkdir first-query', 'mkdir -p first-query'), folder)
  await writeFile(join(folder, 'first-query/first-query.mjs'), program)
  const told = await shell(running, join(folder, 'first-query'))
  expect(told).toContain(SAMPLE_DATA['profile']?.['name'])
  expect(told).toContain('Lindenweg 7')
  expect(told).toMatch(/^Proven: entry \d+ of localhost:\d+\/sandbox\/log$/m)
  expect(told).not.toMatch(/\{\w+\}/)
})

test('the example plays a whole business in the sandbox', async () => {
  const { vaultUrl, gatewayUrl } = world.config
  const example = `node --disable-warning=ExperimentalWarning examples/business.ts --sandbox`
  const told = await shell(`${example} --vault ${vaultUrl} --gateway ${gatewayUrl}`, root)
  const steps = told.split('\n').filter((line) => /^\[\d\/8\] ✓/.test(line))
  expect(steps).toHaveLength(8)
  expect(told).toMatch(/entry \d+: \{"profile.ageOver18":true\}/)
  expect(steps.at(-2)).toContain('Of 100 subjects 1 answered')
  expect(steps.at(-1)).toContain('subject-unavailable')
})

test('gateway and sandbox are discovered as the standards say, and no vault is an issuer by mistake', async () => {
  const overHttp = { [oauth.allowInsecureRequests]: true }
  const { vaultUrl, gatewayUrl } = world.config
  for (const url of [gatewayUrl, `${gatewayUrl}/sandbox`]) {
    const resource = new URL(url)
    const reply = await oauth.resourceDiscoveryRequest(resource, overHttp)
    const metadata = await oauth.processResourceDiscoveryResponse(resource, reply)
    const [issuer = ''] = metadata.authorization_servers ?? []
    const found = await openid.discovery(new URL(issuer), 'none', {}, undefined, {
      execute: [openid.allowInsecureRequests],
      algorithm: 'oauth2',
    })
    expect(found.serverMetadata().issuer).toBe(issuer)
  }
  for (const url of [`${vaultUrl}/`, `${vaultUrl}/sandbox/`])
    expect((await fetch(`${url}.well-known/openid-configuration`)).status).toBe(404)
})

/** The texts of the fenced blocks of one kind. */
function blocks(section: string, kind: string): string[] {
  return [...section.matchAll(new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
    ([, text = '']) => text,
  )
}

/** Runs commands in a shell, line by line, up to the first that fails. */
async function shell(commands: string, cwd: string): Promise<string> {
  const env = { ...process.env, npm_config_offline: 'true', npm_config_audit: 'false', NO_COLOR: '1' }
  const { stdout } = await promisify(execFile)('sh', ['-euc', commands], { cwd, env, timeout: 90_000 })
  return stdout
}
