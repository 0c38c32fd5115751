/**
 * `npm start` and `reach` as an operator runs them: programs of their own, with what they print and their
 * exit codes.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, copyFile, cp, mkdtemp, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { freePorts } from '../free-ports.ts'
import { png } from '../pictures.ts'
import { programEnvironment } from '../program-environment.ts'

const root = join(import.meta.dirname, '../..')
let folder: string
let settings: NodeJS.ProcessEnv
let reach: Program | undefined

beforeAll(async () => {
  await buildConsentApp()
  folder = await mkdtemp(join(tmpdir(), 'reach-test-operator-'))
  const [vault, gateway, admin] = await freePorts(3)
  settings = {
    ...programEnvironment,
    REACH_DATA: join(folder, 'data'),
    REACH_KEYS: join(folder, 'keys'),
    REACH_STATE: join(folder, 'state'),
    REACH_VAULT_URL: `http://localhost:${vault}`,
    REACH_GATEWAY_URL: `http://localhost:${gateway}`,
    REACH_ADMIN_PORT: String(admin),
    REACH_PODS_URL: 'off',
  }
})
afterAll(async () => {
  reach?.child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

test('one business is admitted while Reach runs, another while it is stopped, and both are there ever after', async () => {
  reach = run('main.ts')
  await reach.says('Reach is running')
  const first = await vendor('add', '--name', 'Corner Shop', '--json')
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(Object.keys(JSON.parse(first.out))).toEqual([
    'vendorId',
    'admissionCode',
    'softwareStatement',
    'registrationEndpoint',
  ])

  const again = await run('main.ts').ended
  expect(again.code).toBe(1)
  expect(again.err.trim()).toMatch(/^Reach is already running on this data folder: [^\n]*$/)

  reach.child.kill('SIGTERM')
  expect(await reach.ended).toMatchObject({ code: 0, err: '' })
  expect((await vendor('add', '--name', 'Book Shop')).out).toContain('Admitted as')
  const rows = (await vendor('list')).out.trim().split('\n')
  expect(rows.map((row) => row.replace(/^[\w-]{22} {2}/, '')).toSorted()).toEqual([
    'admitted   Book Shop',
    'admitted   Corner Shop',
  ])
})

test('suspending, reinstating and showing say how the business stands; a new code is good for who has not registered', async () => {
  const [{ vendorId }] = JSON.parse((await vendor('list', '--json')).out)
  const state = async (act: string) => JSON.parse((await vendor(act, vendorId, '--json')).out).state
  expect(await state('suspend')).toBe('suspended')
  expect(await state('show')).toBe('suspended')
  expect(await vendor('readmit', vendorId)).toMatchObject({ code: 1, out: '' })
  expect(await state('reinstate')).toBe('admitted')
  expect((await vendor('readmit', vendorId)).out).toMatch(/^  admission code +\S+$/m)
})

test('the log gets a new key while Reach is stopped and while it runs, and each is one entry', async () => {
  const rotate = async () =>
    JSON.parse((await run('cli/main.ts', 'log', 'rotate-key', '--overlap', '1', '--json').ended).out)
  const stopped = await rotate()
  reach = run('main.ts')
  await reach.says('Reach is running')
  const running = await rotate()
  expect(running.before).toBe(stopped.vkey)
  const served = await fetch(`${settings['REACH_VAULT_URL']}/log/vkey`)
  expect((await served.text()).trim().split('\n')).toEqual([running.vkey, stopped.vkey, stopped.before])
  reach.child.kill('SIGTERM')
  await reach.ended
  expect(await run('cli/main.ts', 'log', 'rotate-key', '--overlap', '-1').ended).toMatchObject({
    code: 2,
    out: '',
  })
})

test('a business is admitted with its logo, cannot lose keys it has not, and is removed for good', async () => {
  const logo = join(folder, 'logo.png')
  await writeFile(logo, png(64, 64))
  const words = [
    '--name',
    'Picture Shop',
    '--legal-name',
    'Picture Shop GmbH',
    '--website',
    'https://127.0.0.1/',
  ]
  const { vendorId } = JSON.parse((await vendor('add', ...words, '--logo', logo, '--json')).out)
  expect(JSON.parse((await vendor('show', vendorId, '--json')).out)).toMatchObject({
    legalName: 'Picture Shop GmbH',
    logo: { type: 'image/png', width: 64, height: 64 },
  })
  const changed = await vendor(
    'change',
    vendorId,
    '--website',
    'https://shop.example',
    '--contact',
    'data@shop.example',
  )
  expect(changed.out).toMatch(/^website +https:\/\/shop\.example$/m)
  expect((await vendor('change', vendorId, '--website', 'https://127.0.0.1/')).code).toBe(0)
  expect(await vendor('rotate-keys', vendorId)).toMatchObject({ code: 1, out: '' })
  expect((await vendor('prove', vendorId)).err).toMatch(/^Only a website over https, under a domain name/)
  for (const said of ['', 'Corner Shop\n']) {
    const kept = await answering(said, 'vendor', 'remove', vendorId)
    expect(kept).toMatchObject({ code: 2, out: '' })
    expect(kept.err).toMatch(/^This parts with Picture Shop for good\..* Nothing was done/)
  }
  expect((await vendor('show', vendorId)).out).toMatch(/^state +admitted$/m)
  const removed = await answering('Picture Shop\n', 'vendor', 'remove', vendorId)
  expect(removed.out).toMatch(/^state +removed$/m)
  expect(await vendor('remove', vendorId, '--yes')).toMatchObject({ code: 0, err: '' })
  expect((await vendor('list')).out).toMatch(new RegExp(`^${vendorId}  removed    Picture Shop$`, 'm'))
  expect(await vendor('readmit', vendorId)).toMatchObject({ code: 1, out: '' })
})

test.each([
  [['vendor', 'show', 'nobody'], 1, /^There is no such business\.$/],
  [['vendor', 'prove', 'nobody'], 1, /^There is no such business\.$/],
  [['vendor', 'remove', 'nobody'], 1, /^There is no such business\.$/],
  [['vendor', 'change', 'nobody', '--jurisdiction', 'AT'], 1, /^There is no such business\.$/],
  [['vendor', 'change', 'nobody'], 2, /./],
  [['vendor', 'rotate-keys', 'nobody'], 1, /^There is no such business\.$/],
  [['vendor', 'add', '--name', 'Shop', '--sandbox'], 1, /^This Reach has no sandbox/],
  [['vendor', 'add', '--name', 'Shop', '--logo', 'nowhere.png'], 2, /^nowhere\.png cannot be read$/],
  [['vendor', 'add', '--name', 'Bank\u202Eknab'], 1, /^The business cannot be shown like this\.$/m],
  [['vendor', 'add'], 2, /required option '--name <name>'/],
  [['vendor', 'add', '--name', 'Shop', '--website', 'ftp://shop.example'], 2, /\/website does not have/],
  [['vendor', 'burn'], 2, /unknown command 'burn'/],
  [['audit', 'verify', 'no-such-folder'], 3, /has no vkey/],
])('reach %j fails with code %i and says why', async (words, code, why) => {
  const { err, out, ...ended } = await run('cli/main.ts', ...words).ended
  expect({ code: ended.code, out }).toEqual({ code, out: '' })
  expect(err.trim()).toMatch(why)
})

test('a reader that has had enough stops no command', async () => {
  const listing = run('cli/main.ts', 'vendor', 'list')
  listing.child.stdout?.destroy()
  expect(await listing.ended).toMatchObject({ code: 0, err: '' })
})

test('a program of somebody else on the operator port is told apart from Reach, in one line', async () => {
  const token = join(folder, 'keys/operator-token')
  await writeFile(token, 'of a Reach that was killed\n')
  const other = createServer((_request, response) => response.end('<html>'))
  other.listen(Number(settings['REACH_ADMIN_PORT']), '127.0.0.1')
  await once(other, 'listening')
  try {
    const said = `http://127.0.0.1:${settings['REACH_ADMIN_PORT']} answers, but not as a Reach does.\n`
    expect(await vendor('list')).toEqual({ code: 3, out: '', err: said })
  } finally {
    await new Promise((resolve) => other.close(resolve))
    await rm(token)
  }
})

test('what keeps a ledger from opening is one line, at the start and in reach', async () => {
  await copyFile(join(folder, 'keys/anchor'), join(folder, 'anchor'))
  const refusal = async (line: string) => {
    const start = await run('main.ts').ended
    expect(start).toMatchObject({ code: 1, err: `${line}\n` })
    expect(await vendor('list')).toEqual({ code: 1, out: '', err: `${line}\n` })
  }
  await rm(join(folder, 'keys/anchor'))
  await refusal(
    'The ledger refuses to open: the anchor is missing, and the database is not empty: look at REACH_KEYS, or restore the anchor with the data',
  )
  await copyFile(join(folder, 'anchor'), join(folder, 'keys/anchor'))
  const keys = join(folder, 'keys')
  await rename(keys, join(folder, 'keys.away'))
  await refusal(
    'The ledger refuses to open: there are no keys, and the ledger was begun: look at REACH_KEYS, or restore the backup of the keys',
  )
  // No others took their place.
  expect(existsSync(keys)).toBe(false)
  await rename(join(folder, 'keys.away'), keys)
  const restore = 'restore it from the backup of the keys'
  const names = join(folder, 'keys/secrets/names.json')
  await rename(names, join(folder, 'names'))
  await refusal(`The ledger refuses to open: the key file secrets/names.json is missing: ${restore}`)
  await rename(join(folder, 'names'), names)
  const current = join(folder, 'data/ledger/CURRENT')
  await rename(current, join(folder, 'CURRENT'))
  const recover = 'restore data and anchor, or recover the log'
  await refusal(`The ledger refuses to open: the database lacks its file CURRENT: ${recover}`)
  await rename(join(folder, 'CURRENT'), current)
  await rename(join(folder, 'data'), join(folder, 'data.away'))
  await refusal(
    `The ledger refuses to open: the database is missing, and the keys are of one that was begun: look at REACH_DATA; if it is lost, ${recover}`,
  )
  await rm(join(folder, 'data'), { recursive: true })
  await rename(join(folder, 'data.away'), join(folder, 'data'))
  await truncate(join(folder, 'keys/data/d1.json'), 10)
  await refusal(`The ledger refuses to open: the key file data/d1.json is damaged: ${restore}`)
})

test('pods that were lost are not begun anew under the names that customers had', async () => {
  const before = settings
  const [one = 0, other = 0] = await freePorts(2)
  const data = join(folder, 'podded')
  const at = (port: number) => ({
    ...before,
    REACH_DATA: data,
    REACH_KEYS: join(folder, 'podded-keys'),
    REACH_PODS_URL: `http://localhost:${port}`,
    REACH_TOUR: 'off',
    REACH_SANDBOX: 'off',
  })
  try {
    settings = at(one)
    reach = run('main.ts')
    await reach.says('Reach is running')
    reach.child.kill('SIGTERM')
    await reach.ended
    expect((await stat(join(data, 'pods'))).mode & 0o777).toBe(0o700)
    await rename(join(data, 'pods'), join(data, 'pods.away'))
    const { code, err } = await run('main.ts').ended
    expect(code).toBe(1)
    expect(err).toMatch(
      new RegExp(`^REACH_DATA lacks the pods of http://localhost:${one}: put [^\\n]+/pods back, [^\\n]+\\n$`),
    )
    expect(existsSync(join(data, 'pods'))).toBe(false)
    await cp(join(data, 'pods.away'), join(data, 'pods'), { recursive: true })
    await chmod(join(data, 'pods'), 0o755)
    reach = run('main.ts')
    await reach.says('Reach is running')
    reach.child.kill('SIGTERM')
    await reach.ended
    expect((await stat(join(data, 'pods'))).mode & 0o777).toBe(0o700)
    await rm(join(data, 'pods'), { recursive: true })
    settings = at(other)
    reach = run('main.ts')
    await reach.says('Reach is running')
    reach.child.kill('SIGTERM')
    await reach.ended
  } finally {
    settings = before
  }
})

test('a first start that meets a port of another program names the setting, and gives nothing an address', async () => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const before = settings
  const [data, keys] = [join(folder, 'first'), join(folder, 'first-keys')]
  settings = { ...settings, REACH_DATA: data, REACH_KEYS: keys, REACH_PODS_URL: `http://localhost:${port}` }
  try {
    expect(await run('main.ts').ended).toMatchObject({
      code: 1,
      err: `Port ${port} is taken by another program: stop it, or set another (REACH_PODS_URL).\n`,
    })
    expect([existsSync(data), existsSync(keys)]).toEqual([false, false])
  } finally {
    settings = before
    await new Promise((resolve) => other.close(resolve))
  }
})

/** A program around `serve`: what its start does. */
const starts: readonly (readonly [what: string, start: string, line: RegExp])[] = [
  [
    'a port that another program has',
    `const { createServer } = await import('node:net')
     const other = createServer().listen(0, '127.0.0.1')
     await (await import('node:events')).once(other, 'listening')
     other.unref()
     return listen({ app: () => {}, host: '127.0.0.1', port: other.address().port })`,
    /^Port \d+ is taken by another program: /,
  ],
  [
    'an address of another machine',
    `return listen({ app: () => {}, host: '192.0.2.1', port: 0 })`,
    /^REACH_LISTEN_HOST is no address of this machine\.$/,
  ],
  [
    'no 127.0.0.1',
    `const address = '127.0.0.1'
     throw Object.assign(new Error('listen'), { code: 'EADDRNOTAVAIL', syscall: 'listen', address, port: 80 })`,
    /^This machine has no address 127\.0\.0\.1, where the operator port listens\.$/,
  ],
  [
    // As the system says it to everybody but root.
    'a port of the administrator',
    `throw Object.assign(new Error('listen EACCES'), { code: 'EACCES', syscall: 'listen', port: 80 })`,
    /^Port 80 is not for this user: set another /,
  ],
  [
    'a limit of open files',
    `throw Object.assign(new Error('listen EMFILE'), { code: 'EMFILE', syscall: 'listen', port: 80 })`,
    /^Too few files may be open at once \(EMFILE\): raise the limit, /,
  ],
  [
    'a folder that is a file',
    `(await import('node:fs')).mkdirSync(process.argv[1] + '/data', { recursive: true })`,
    /^The disk refuses \(ENOTDIR at \/[^\n]+\/data\)/,
  ],
  [
    // A terminal signals all that a start has begun, the build of the app among it.
    'a signal in the middle',
    `const begun = (await import('node:child_process')).spawn('sleep', ['600'])
     process.once('SIGTERM', () => begun.kill())
     process.kill(process.pid, 'SIGTERM')
     await (await import('node:events')).once(begun, 'exit')
     throw new Error('what was begun was ended')`,
    /^Stopped while starting; the next start begins anew\.$/,
  ],
]

test.each(starts)('a start that meets %s ends in one line', async (_what, start, line) => {
  const file = join(folder, 'starting.ts')
  await writeFile(
    file,
    `import { serve } from ${JSON.stringify(join(root, 'serve.ts'))}
     import { listen } from ${JSON.stringify(join(root, 'core/http/server.ts'))}
     const start = async () => { ${start} }
     await serve({ env: process.env, now: Date.now, start, announce: () => process.exit(9) })`,
  )
  const { code, err } = await run(relative(root, file)).ended
  expect(code).toBe(1)
  expect(err.trimEnd()).not.toContain('\n')
  expect(err.trimEnd()).toMatch(line)
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

interface Program {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when it has printed this; rejects when it ends before. */
  says(text: string): Promise<void>
}

function run(program: string, ...words: string[]): Program {
  const child = spawn(process.execPath, [join(root, program), ...words], {
    env: settings,
    cwd: folder,
    stdio: 'pipe',
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (out += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (err += part))
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, out, err }))
  return {
    child,
    ended,
    async says(text) {
      while (!out.includes(text)) {
        const next = await Promise.race([once(child.stdout, 'data'), ended])
        if (!Array.isArray(next)) throw new Error(`it ended: ${next.err}`)
      }
    },
  }
}

const vendor = (...words: string[]) => answering('', 'vendor', ...words)

/** `reach`, told one thing on standard input. */
function answering(said: string, ...words: string[]): Program['ended'] {
  const { child, ended } = run('cli/main.ts', ...words)
  child.stdin?.end(said)
  return ended
}
