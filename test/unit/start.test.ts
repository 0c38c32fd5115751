import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { newestBuild } from '../../vault-server/customer/app-build.ts'

const home = join(import.meta.dirname, '../..')
const npm = spawnSync('which', ['npm'], { encoding: 'utf8' }).stdout.trim()

// An entry that says what it got, starts a child of its own, and takes its time to end in good order.
const entry = `
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
const say = (line: string) => appendFileSync('trace', line + '\\n')
if (process.argv[2] === 'echo') {
  process.stdin.pipe(process.stdout)
  process.exitCode = 7
} else {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      say('stop ' + signal)
      setTimeout(() => process.exit(0), 200)
    })
  say('up ' + process.version + ' ' + process.pid + ' ' + child.pid)
}
`

// Stands for \`npm ci\` of a registry that answers slowly: what it does to the folder, not the download.
const slowNpm = `
const { mkdirSync, symlinkSync, appendFileSync } = require('node:fs')
appendFileSync('installs', process.pid + ' ' + process.argv.slice(2).join(' ') + '\\n')
setTimeout(() => {
  if (process.argv[2] === 'fail') process.exit(3)
  mkdirSync('node_modules/node/bin', { recursive: true })
  symlinkSync(process.env.PINNED_NODE, 'node_modules/node/bin/node')
}, Number(process.env.INSTALL_MS))
`

let root: string
const started: ChildProcess[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'reach-start-'))
  mkdirSync(join(root, 'scripts'))
  for (const name of ['start', 'child', 'install', 'leash', 'npm-watch'])
    cpSync(join(home, 'scripts', `${name}.mjs`), join(root, 'scripts', `${name}.mjs`))
  const settings = {
    type: 'module',
    scripts: { start: 'node scripts/start.mjs entry.ts' },
    optionalDependencies: { node: process.versions.node },
  }
  writeFileSync(join(root, 'package.json'), JSON.stringify(settings))
  writeFileSync(join(root, 'package-lock.json'), '{}')
  writeFileSync(join(root, 'entry.ts'), entry)
  writeFileSync(join(root, 'slow-npm.cjs'), slowNpm)
})
afterEach(() => {
  for (const child of started.splice(0))
    if (child.pid !== undefined && isAlive(child.pid)) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

function preinstall(): void {
  mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true })
  symlinkSync(process.execPath, join(root, 'node_modules/node/bin/node'))
  const stamp = createHash('sha256').update('{}').update(`${process.platform} ${process.arch}`).digest('hex')
  writeFileSync(join(root, 'node_modules/.reach-installed'), stamp)
}

/** Its own process group, and none of what the npm that runs these tests has put into the environment. */
function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const outside = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_OPTIONS)/i.test(name))
  const options = { cwd: root, detached: true, env: { ...Object.fromEntries(outside), ...env } }
  const child = spawn(command, args, options)
  started.push(child)
  return child
}

const direct = (args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
  start(process.execPath, ['scripts/start.mjs', 'entry.ts', ...args], env)
const installing = (installMs: number) => ({
  npm_execpath: join(root, 'slow-npm.cjs'),
  PINNED_NODE: process.execPath,
  INSTALL_MS: String(installMs),
})

function trace(name = 'trace'): string[] {
  const path = join(root, name)
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}

async function until(condition: () => boolean, ms = 10_000): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > ms) throw new Error(`waited ${ms} ms in vain; trace: ${trace().join(', ')}`)
    await sleep(20)
  }
}

async function untilUp(): Promise<number[]> {
  await until(() => trace()[0]?.startsWith('up') === true)
  return (trace()[0] ?? '').split(' ').slice(2).map(Number)
}

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const areGone = (pids: readonly number[]) => () => pids.every((pid) => !isAlive(pid))

async function outputOf(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const heard = { out: '', err: '' }
  child.stdout?.on('data', (part) => (heard.out += String(part)))
  child.stderr?.on('data', (part) => (heard.err += String(part)))
  const [code] = await once(child, 'close')
  return { code, ...heard }
}

describe('an installed folder', () => {
  test('starts without installing anything again, with clean streams, and passes the exit code on', async () => {
    preinstall()
    const child = direct(['echo'])
    child.stdin?.end('{"json":true}')
    expect(await outputOf(child)).toEqual({ code: 7, out: '{"json":true}', err: '' })
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('passes %s on and waits for an orderly end', async (signal) => {
    preinstall()
    const child = direct()
    const pids = await untilUp()
    child.kill(signal)
    expect((await outputOf(child)).code).toBe(0)
    expect(trace()).toContain(`stop ${signal}`)
    await until(areGone(pids))
  })

  test('leaves nothing behind when it is killed outright', async () => {
    preinstall()
    const child = direct()
    const pids = await untilUp()
    child.kill('SIGKILL')
    await until(() => trace().includes('stop SIGTERM'))
    await until(areGone(pids))
  })

  test.each([
    ['SIGTERM', 'npm'],
    ['SIGKILL', 'npm'],
    ['SIGKILL', 'the group of npm'],
  ] as const)('ends in good order when %s ends %s', async (signal, target) => {
    preinstall()
    const child = start(npm, ['start'])
    const pids = await untilUp()
    const pid = Number(child.pid)
    process.kill(target === 'npm' ? pid : -pid, signal)
    await until(() => trace().includes('stop SIGTERM'))
    await until(areGone(pids))
  })

  test('says in one line that an entry is missing', async () => {
    preinstall()
    const { code, err } = await outputOf(start(process.execPath, ['scripts/start.mjs', 'nowhere.ts']))
    expect(code).toBe(1)
    expect(err).toBe('Usage: node scripts/start.mjs <entry.ts>\n')
  })
})

describe('a bare folder', () => {
  test('is installed once, beside standard output, and again when the lock file changes', async () => {
    for (const expected of [1, 1]) {
      const child = direct(['echo'], installing(50))
      child.stdin?.end('json')
      expect(await outputOf(child)).toMatchObject({ code: 7, out: 'json' })
      expect(trace('installs')).toHaveLength(expected)
    }
    rmSync(join(root, 'node_modules/node'), { recursive: true })
    writeFileSync(join(root, 'package-lock.json'), '{ }')
    const child = direct(['echo'], installing(50))
    child.stdin?.end()
    await outputOf(child)
    expect(trace('installs')).toHaveLength(2)
    expect(trace('installs')[0]).toContain(' ci --include=dev')
  })

  test('is installed once when two start at once', async () => {
    const children = [direct(['echo'], installing(800)), direct(['echo'], installing(800))]
    for (const child of children) child.stdin?.end()
    const outputs = await Promise.all(children.map(outputOf))
    expect(outputs.map(({ code }) => code)).toEqual([7, 7])
    expect(trace('installs')).toHaveLength(1)
    expect(outputs.map(({ err }) => err).join('')).toContain('Another start is installing')
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'killed by %s while installing, the next start begins anew',
    async (signal) => {
      const killed = direct(['echo'], installing(60_000))
      await until(() => trace('installs').length === 1)
      const installer = Number(trace('installs')[0]?.split(' ')[0])
      killed.kill(signal)
      await until(areGone([Number(killed.pid), installer]), 5_000)
      expect(existsSync(join(root, 'node_modules/.reach-installed'))).toBe(false)
      const next = direct(['echo'], installing(10))
      next.stdin?.end()
      expect((await outputOf(next)).code).toBe(7)
      expect(trace('installs')).toHaveLength(2)
    },
  )
})

describe('the consent app', () => {
  test('built by several at once is whole for each of them, and for who reads it meanwhile', async () => {
    const folder = join(root, 'app')
    const build = async (outDir: string): Promise<void> => {
      writeFileSync(join(outDir, 'index.html'), 'a page')
      await sleep(20)
      writeFileSync(join(outDir, 'app.js'), 'a script')
    }
    let isOver = false
    const reading = (async () => {
      for (; !isOver; await sleep(1)) {
        const newest = newestBuild(folder)
        if (newest !== undefined) expect(readdirSync(newest).toSorted()).toEqual(['app.js', 'index.html'])
      }
    })()
    const built = await Promise.all(Array.from({ length: 8 }, () => buildConsentApp({ folder, build })))
    isOver = true
    await reading
    expect(new Set(built)).toEqual(new Set([newestBuild(folder)]))
    expect(readdirSync(folder)).toHaveLength(2)
  })

  test('of earlier sources stays for who is starting on it, and goes when it is old', async () => {
    const folder = join(root, 'app')
    const [young, old] = [join(folder, 'young'), join(folder, 'old')]
    for (const build of [young, old]) mkdirSync(build, { recursive: true })
    utimesSync(old, 0, 0)
    await buildConsentApp({ folder, build: async (outDir) => writeFileSync(join(outDir, 'index.html'), '') })
    expect([existsSync(young), existsSync(old)]).toEqual([true, false])
  })
})
