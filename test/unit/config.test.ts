import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig, stateFolder } from '#core/config.ts'
import { isPublicHost, sharesRegistrableDomain } from '#core/http/origin.ts'

const root = '/srv/reach'
const production = {
  REACH_MODE: 'production',
  REACH_VAULT_URL: 'https://vault.example.com',
  REACH_GATEWAY_URL: 'https://gateway.example.com',
  REACH_PODS_URL: 'https://pods.example.org',
}

function refusal(env: Record<string, string>): ConfigError {
  try {
    readConfig(env, root)
  } catch (error) {
    if (error instanceof ConfigError) return error
  }
  throw new Error('the settings were accepted')
}

describe('development', () => {
  test('needs no setting at all', () => {
    expect(readConfig({}, root)).toEqual({
      mode: 'development',
      vaultUrl: 'http://localhost:3100',
      gatewayUrl: 'http://localhost:3200',
      podsUrl: 'http://localhost:3000',
      embeddedPods: true,
      podShards: [],
      podBytes: 268_435_456,
      podOrigins: ['http://localhost:3000'],
      podsHere: true,
      listen: { host: 'localhost', vaultPort: 3100, gatewayPort: 3200, podsPort: 3000 },
      adminPort: 3300,
      dataFolder: join(root, 'data'),
      keysFolder: join(root, 'data-keys'),
      tour: true,
      sandbox: true,
      logName: 'log',
      logMlDsa: false,
      mail: { kind: 'folder', folder: join(root, 'data/mail'), from: 'reach@localhost' },
      outboundAllow: ['http://localhost:3100', 'http://localhost:3000'],
      moveBytes: 1_073_741_824,
      logLevel: 'warn',
      warnings: [],
    })
  })

  test('ports follow the addresses, unless they are set', () => {
    const env = { REACH_VAULT_URL: 'http://127.0.0.1:4100/', REACH_PODS_URL: 'http://localhost' }
    const config = readConfig(
      { ...env, REACH_GATEWAY_URL: 'https://g.example', REACH_GATEWAY_PORT: '4200' },
      root,
    )
    expect(config.vaultUrl).toBe('http://127.0.0.1:4100')
    expect(config.listen).toEqual({ host: 'localhost', vaultPort: 4100, gatewayPort: 4200, podsPort: 80 })
  })

  test('the sandbox needs embedded pods', () => {
    expect(readConfig({ REACH_PODS_URL: 'off' }, root).sandbox).toBe(false)
    expect(readConfig({ REACH_SANDBOX: 'off' }, root).sandbox).toBe(false)
    expect(refusal({ REACH_PODS_URL: 'off', REACH_SANDBOX: 'on' }).setting).toBe('REACH_SANDBOX')
    expect(readConfig({ REACH_PODS_HERE: 'off' }, root)).toMatchObject({ tour: false, sandbox: false })
    expect(refusal({ REACH_PODS_HERE: 'off', REACH_SANDBOX: 'on' }).setting).toBe('REACH_SANDBOX')
    expect(readConfig({ ...production, REACH_SANDBOX: 'on' }, root).sandbox).toBe(true)
  })

  test('further pod servers have origins of their own, and listen there or after the first', () => {
    const shards = 'http://localhost:3001, http://localhost:3002/'
    const config = readConfig({ REACH_PODS_SHARDS: shards }, root)
    expect(config).toMatchObject({
      podShards: [
        { url: 'http://localhost:3001', port: 3001 },
        { url: 'http://localhost:3002', port: 3002 },
      ],
    })
    expect(config.outboundAllow).toContain('http://localhost:3002')
    const live = readConfig({ ...production, REACH_PODS_SHARDS: 'https://pods2.example.org' }, root)
    expect(live).toMatchObject({ podShards: [{ url: 'https://pods2.example.org', port: 3001 }] })
    const wrong: Record<string, string>[] = [
      { REACH_PODS_SHARDS: 'http://localhost:3000' },
      { REACH_PODS_SHARDS: 'http://localhost:3100' },
      { REACH_PODS_SHARDS: 'http://localhost:3001, http://localhost:3001' },
      { REACH_PODS_SHARDS: 'http://127.0.0.1:3300' },
      { REACH_PODS_SHARDS: 'http://localhost:3001/path' },
      { REACH_PODS_SHARDS: 'http://localhost:3001', REACH_PODS_URL: 'off' },
      { ...production, REACH_PODS_SHARDS: 'http://pods2.example.org' },
    ]
    for (const env of wrong)
      expect(() => readConfig(env, root), JSON.stringify(env)).toThrow(/REACH_PODS_SHARDS/)
  })

  test('a pod holds a whole number of megabytes', () => {
    expect(readConfig({ REACH_POD_MEGABYTES: '2' }, root)).toMatchObject({ podBytes: 2_097_152 })
    for (const wrong of ['0', '1.5', '-3', '1000000', 'much'])
      expect(refusal({ REACH_POD_MEGABYTES: wrong }).setting).toBe('REACH_POD_MEGABYTES')
  })

  test('runs without embedded pods', () => {
    const config = readConfig({ REACH_PODS_URL: 'off' }, root)
    expect(config).toMatchObject({ embeddedPods: false, outboundAllow: ['http://localhost:3100'] })
    expect(config.podsUrl).toBeUndefined()
  })

  test('allows exact private origins for outbound requests, each once', () => {
    const config = readConfig({ REACH_OUTBOUND_ALLOW: 'http://10.0.0.1:8080, http://localhost:3000 ' }, root)
    expect(config.outboundAllow).toEqual([
      'http://localhost:3100',
      'http://localhost:3000',
      'http://10.0.0.1:8080',
    ])
  })

  test('points at a misspelt setting and counts an empty one as not set', () => {
    const config = readConfig({ REACH_MDOE: 'production', REACH_DATA: '' }, root)
    expect(config.warnings).toEqual(['REACH_MDOE is not a setting of Reach and is ignored'])
    expect(config.dataFolder).toBe(join(root, 'data'))
  })
})

describe('production', () => {
  test('takes https addresses on apart domains, and usual ports behind the proxy', () => {
    const config = readConfig({ ...production, REACH_LISTEN_HOST: '0.0.0.0' }, root)
    expect(config).toMatchObject({
      mode: 'production',
      logLevel: 'info',
      tour: false,
      sandbox: false,
      listen: { host: '0.0.0.0', vaultPort: 3100, gatewayPort: 3200, podsPort: 3000 },
    })
  })

  test.each([
    ['REACH_VAULT_URL', { REACH_VAULT_URL: '' }],
    ['REACH_GATEWAY_URL', { REACH_GATEWAY_URL: '' }],
    ['REACH_PODS_URL', { REACH_PODS_URL: '' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'http://vault.example.com' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'https://localhost' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'https://vault.localhost' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'https://127.1' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'https://93.184.215.14' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'https://[2606:2800::1]' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'https://vault' }],
    ['REACH_PODS_URL', { REACH_PODS_URL: 'https://pods.example.com' }],
    ['REACH_PODS_URL', { REACH_PODS_URL: 'https://pods.example.com.' }],
    ['REACH_PODS_URL', { REACH_PODS_URL: 'https://example.com:8443' }],
    ['REACH_TOUR', { REACH_TOUR: 'on' }],
    ['REACH_OUTBOUND_ALLOW', { REACH_OUTBOUND_ALLOW: 'http://10.0.0.1' }],
  ])('refuses a bad %s', (setting, change) => {
    expect(refusal({ ...production, ...change }).setting).toBe(setting)
  })
})

describe('refused everywhere', () => {
  test('keys that lie within the data behind a link', () => {
    const folder = mkdtempSync(join(tmpdir(), 'reach-config-'))
    try {
      mkdirSync(join(folder, 'data'))
      symlinkSync(join(folder, 'data'), join(folder, 'link'))
      const places = { REACH_DATA: join(folder, 'data'), REACH_KEYS: join(folder, 'link/not/yet/there') }
      expect(refusal(places).setting).toBe('REACH_KEYS')
      expect(() => readConfig({ ...places, REACH_KEYS: join(folder, 'keys') }, root)).not.toThrow()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.each([
    ['REACH_MODE', { REACH_MODE: 'Production' }],
    ['REACH_TOUR', { REACH_TOUR: 'yes' }],
    ['REACH_LOG_LEVEL', { REACH_LOG_LEVEL: 'loud' }],
    ['REACH_STORE', { REACH_STORE: 'mysql://reach:secret@db/reach' }],
    ['REACH_STORE', { REACH_STORE: 'postgres://reach:secret@db' }],
    ['REACH_STORE', { REACH_STORE: 'postgres' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'localhost:3100' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'http://localhost:3100/vault' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'http://user:secret@localhost:3100' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'http://localhost:3100/?a' }],
    ['REACH_VAULT_URL', { REACH_VAULT_URL: 'ftp://localhost' }],
    ['REACH_GATEWAY_URL', { REACH_GATEWAY_URL: 'http://localhost:3100/' }],
    ['REACH_PODS_URL', { REACH_PODS_URL: 'http://LOCALHOST:3200' }],
    ['REACH_GATEWAY_PORT', { REACH_GATEWAY_PORT: '3100' }],
    ['REACH_ADMIN_PORT', { REACH_ADMIN_PORT: '3000' }],
    ['REACH_ADMIN_PORT', { REACH_ADMIN_PORT: '65536' }],
    ['REACH_ADMIN_PORT', { REACH_ADMIN_PORT: '0' }],
    ['REACH_ADMIN_PORT', { REACH_ADMIN_PORT: '33x' }],
    ['REACH_LISTEN_HOST', { REACH_LISTEN_HOST: 'reach.example' }],
    ['REACH_KEYS', { REACH_KEYS: 'data/keys' }],
    ['REACH_KEYS', { REACH_DATA: '/srv', REACH_KEYS: '/srv' }],
    ['REACH_KEYS', { REACH_DATA: '/srv/keys/data', REACH_KEYS: '/srv/keys' }],
    ['REACH_OUTBOUND_ALLOW', { REACH_OUTBOUND_ALLOW: '10.0.0.0/8' }],
    ['REACH_OUTBOUND_ALLOW', { REACH_OUTBOUND_ALLOW: 'http://10.0.0.1/hook' }],
  ])('a bad %s, in one line that does not repeat the value', (setting, env) => {
    const { message, ...rest } = refusal(env)
    expect(rest.setting).toBe(setting)
    expect(message).toMatch(new RegExp(`^${setting} [^\\n]+$`))
    expect(message).not.toMatch(/secret|loud|yes/)
  })
})

test('only host names that certainly are apart count as apart', () => {
  expect(sharesRegistrableDomain('https://a.example.com', 'https://b.example.org')).toBe(false)
  expect(sharesRegistrableDomain('https://vault-a.com', 'https://vault-b.com')).toBe(false)
  expect(sharesRegistrableDomain('https://a.example.com', 'https://b.EXAMPLE.com')).toBe(true)
  expect(sharesRegistrableDomain('https://example.com', 'https://pods.example.com')).toBe(true)
  expect(sharesRegistrableDomain('https://a.co.uk', 'https://b.co.uk')).toBe(true)
  expect(isPublicHost('https://xn--bcher-kva.example')).toBe(true)
  expect(isPublicHost('https://vault..example')).toBe(false)
})

test('customers are written to by a mail server, or in development into a folder', () => {
  const smtp = 'smtps://reach:secret@mail.example.org'
  expect(readConfig(production, root).mail).toBeUndefined()
  expect(readConfig({ ...production, REACH_SMTP: smtp }, root).mail).toEqual({
    kind: 'smtp',
    url: smtp,
    from: 'reach@vault.example.com',
  })
  expect(readConfig({ REACH_MAIL_FOLDER: 'out', REACH_MAIL_FROM: 'vault@example.org' }, root).mail).toEqual({
    kind: 'folder',
    folder: join(root, 'out'),
    from: 'vault@example.org',
  })
  for (const [setting, env] of [
    ['REACH_SMTP', { REACH_SMTP: 'https://secret@mail.example.org' }],
    ['REACH_MAIL_FOLDER', { REACH_SMTP: smtp, REACH_MAIL_FOLDER: 'out' }],
    ['REACH_MAIL_FOLDER', { ...production, REACH_MAIL_FOLDER: 'out' }],
    ['REACH_MAIL_FROM', { REACH_MAIL_FROM: 'a@b.example, c@d.example' }],
  ] as const) {
    const told = refusal(env)
    expect(told.setting).toBe(setting)
    expect(told.message).not.toContain('secret')
  }
})

describe('docs/operator.md', () => {
  const file = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')
  const rows = [...file('docs/operator.md').matchAll(/^\| `(REACH_\w+)` \| (\S+) \|/gm)]
  const defaults = new Map(rows.map(([, name = '', text = '']) => [name, text.replaceAll('`', '')]))

  test('lists every setting and no other', () => {
    const [, list = ''] = /const settings = \[([^\]]*)\]/.exec(file('core/config.ts')) ?? []
    const names = [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(10)
    expect([...defaults.keys()].toSorted()).toEqual(names.toSorted())
  })

  test('names the defaults: to set them changes nothing', () => {
    const home = [...defaults].map(([name, text]) => [name, text === 'none' ? '' : text])
    expect(readConfig(Object.fromEntries(home), root)).toEqual(readConfig({}, root))
    expect(stateFolder({})).toBe(defaults.get('REACH_STATE')?.replace('~', homedir()))
  })
})
