/** Witnesses: the server (C2SP tlog-witness), the log that asks it, and what an auditor makes of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { cosignedAt, createCosigner, parseWitnessKey } from '#core/ledger/cosignature.ts'
import { consistencyProof, GrowingTree, hashesAt, leafHash } from '#core/ledger/merkle.ts'
import { parseNote, parseSignatureLines } from '#core/ledger/note.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { parsePolicy, type Policy } from '#core/ledger/policy.ts'
import { createLogger } from '#core/logger.ts'
import { witnessedLog } from '../../vault-server/audit/witnesses.ts'
import { witnessHistory } from '../../witness/history.ts'
import { startWitness } from '../../witness/server.ts'
import { createWitness } from '../../witness/witness.ts'
import { reachAudit } from '../audit-command.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'
import { mirrorInto } from '../mirrored-ledger.ts'

const silent = createLogger({ level: 'silent' })
const newKey = () => generateKeyPairSync('ed25519').privateKey
const time = 1_795_000_000
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reach-witness-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A log of entries that tell which history they are of; of two histories the first entries are the same. */
function history(name: string, key = newKey()) {
  const signer = createLogSigner('vault.test/log', key)
  const leaves = Array.from({ length: 300 }, (_, n) => leafHash(Buffer.from(n < 3 ? `${n}` : `${name} ${n}`)))
  const head = (size: number) => {
    const tree = new GrowingTree()
    const tiles = new Map<string, Buffer>()
    for (const leaf of leaves.slice(0, size))
      tree.push(leaf, (level, index, tile) => tiles.set(`${level}/${index}`, tile))
    for (const [level, hashes] of tree.open.entries())
      tiles.set(`${level}/${hashesAt(level + 1, size)}`, Buffer.concat(hashes))
    return { note: signer.sign({ size, root: tree.root() }), tiles }
  }
  return {
    vkey: signer.vkey,
    note: (size: number) => head(size).note,
    async request(old: number, size: number) {
      const { note, tiles } = head(size)
      const proof = await consistencyProof(old, size, async (level, index) => tiles.get(`${level}/${index}`))
      return `old ${old}\n${proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${note}`
    },
  }
}

function witnessOf(vkeys: readonly string[], place = folder, name = 'w.test/1', key = newKey()) {
  const cosigner = createCosigner(name, key)
  const witness = createWitness({
    logs: vkeys,
    cosigner,
    history: witnessHistory(place),
    now: () => time * 1000,
  })
  return { ...witness, vkey: cosigner.vkey }
}

describe('the history of a witness', () => {
  test('takes no step from a place that others have left long ago', async () => {
    const [steps, slow] = [witnessHistory(folder), witnessHistory(folder)]
    const seen = await slow.latest('vault.test/log')
    for (const note of ['one', 'two', 'three'])
      expect(await steps.advance('vault.test/log', await steps.latest('vault.test/log'), note)).toBe(true)
    expect(await slow.advance('vault.test/log', seen, 'another history')).toBe(false)
    expect(await steps.latest('vault.test/log')).toEqual({ number: 3, note: 'three' })
  })
})

describe('a witness', () => {
  test('cosigns each checkpoint that continues what it saw, and remembers over a restart', async () => {
    const log = history('a')
    const key = newKey()
    const first = witnessOf([log.vkey], folder, 'w.test/1', key)
    for (const [old, size] of [
      [0, 1],
      [1, 1],
      [1, 257],
    ] as const) {
      const { status, body } = await first.add(await log.request(old, size))
      expect(status).toBe(200)
      const { text } = parseNote(log.note(size))
      expect(cosignedAt(text, parseSignatureLines(body), parseWitnessKey(first.vkey))).toBe(time)
    }
    const again = witnessOf([log.vkey], folder, 'w.test/1', key)
    expect(await again.latest('vault.test/log')).toBe(log.note(257))
    expect(await again.add(await log.request(0, 300))).toEqual({
      status: 409,
      type: 'text/x.tlog.size',
      body: '257\n',
    })
    expect((await again.add(await log.request(257, 300))).status).toBe(200)
  })

  test('cosigns no second history, whatever the proof', async () => {
    const key = newKey()
    const log = history('a', key)
    const fork = history('b', key)
    const witness = witnessOf([log.vkey])
    expect((await witness.add(await log.request(0, 10))).status).toBe(200)
    expect(await witness.add(await fork.request(10, 10))).toMatchObject({ status: 409, body: '10\n' })
    expect((await witness.add(await fork.request(10, 20))).status).toBe(422)
    expect((await witness.add(await fork.request(0, 20))).status).toBe(409)
    const [proofless] = (await log.request(10, 20)).split('\n')
    expect((await witness.add(`${proofless}\n\n${log.note(20)}`)).status).toBe(422)
    expect(await witness.latest('vault.test/log')).toBe(log.note(10))
  })

  test('of many steps at once, through two processes on one folder, never goes back nor apart', async () => {
    const key = newKey()
    const log = history('a', key)
    const fork = history('b', key)
    const witnesses = [witnessOf([log.vkey]), witnessOf([log.vkey])]
    await witnesses[0]?.add(await log.request(0, 3))
    const requests = await Promise.all([4, 5, 6, 7].flatMap((n) => [log.request(3, n), fork.request(3, n)]))
    const answers = await Promise.all(requests.map((request, i) => witnesses[i % 2]?.add(request)))
    expect(answers.filter((answer) => answer?.status === 200)).toHaveLength(1)
    expect(answers.filter((answer) => answer?.status === 409)).toHaveLength(7)
    const winner = answers.findIndex((answer) => answer?.status === 200)
    expect(requests[winner]).toContain(await witnesses[0]?.latest('vault.test/log'))
  })

  test('refuses what it cannot vouch for with the status of the protocol', async () => {
    const log = history('a')
    const stranger = history('a')
    const witness = witnessOf([log.vkey])
    expect((await witness.add(await stranger.request(0, 5))).status).toBe(403)
    expect((await witnessOf([]).add(await log.request(0, 5))).status).toBe(404)
    expect((await witness.add(`old 6\n\n${log.note(5)}`)).status).toBe(400)
    const hash = `${'A'.repeat(43)}=\n`
    for (const request of [
      '',
      'old 0\n',
      `old 00\n\n${log.note(5)}`,
      `old -1\n\n${log.note(5)}`,
      `old 0\nAAAA\n\n${log.note(5)}`,
      `old 0\n${hash.repeat(64)}\n${log.note(5)}`,
      `old 0\n\n${log.note(5).slice(0, -10)}`,
    ])
      expect((await witness.add(request)).status, request.slice(0, 20)).toBe(400)
    expect(await witness.latest('vault.test/log')).toBeUndefined()
  })
})

async function served(
  vkeys: readonly string[],
  name: string,
  stack: AsyncDisposableStack,
): Promise<{ url: string; line: string; stop: () => Promise<void> }> {
  const witness = witnessOf(vkeys, join(folder, name.replace('/', '-')), name)
  const server = await startWitness({ witness, host: '127.0.0.1', port: 0, log: silent })
  let running: AsyncDisposable | undefined = server
  const stop = async (): Promise<void> => {
    await running?.[Symbol.asyncDispose]()
    running = undefined
  }
  stack.defer(stop)
  return { url: server.url, line: `witness ${name} ${witness.vkey} ${server.url}\n`, stop }
}

const entry = (n: number) => ({ entries: [{ claims: () => ({ ops: `{"n":${n}}` }), threads: [] }] })

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 25))
  expect(condition()).toBe(true)
}

/** Asks when `held` resolves; `told` when what was answered has been taken in. */
function answeringLate() {
  const [held, told] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const late: typeof fetch = async (...request) => {
    await held.promise
    const response = await fetch(...request)
    const body = await response.text()
    return Object.assign(new Response(body, response), {
      text: async () => {
        setImmediate(told.resolve)
        return body
      },
    })
  }
  return { held, told, fetch: late }
}

type Watching = Parameters<typeof witnessedLog>[0]

/** The log as it is served. */
function watched(ledger: Ledger, policy: Policy, options: Partial<Watching> = {}) {
  return witnessedLog({ source: ledger.log, policy, fetch, now: Date.now, log: silent, ...options })
}

describe('a log with witnesses', () => {
  test('shows the newest checkpoint that a quorum cosigned, and without a quorum its own after a minute', async () => {
    await using stack = new AsyncDisposableStack()
    const folders = stack.use(await ledgerFolders())
    const { ledger } = await openIn(folders)
    stack.use(ledger)
    const witnesses = [
      await served([ledger.log.vkey], 'w.test/1', stack),
      await served([ledger.log.vkey], 'w.test/2', stack),
    ]
    const policy = parsePolicy(
      `${witnesses.map(({ line }) => line).join('')}group both all w.test/1 w.test/2\nquorum both\n`,
    )
    let ahead = 0
    const log = stack.use(watched(ledger, policy, { now: () => Date.now() + ahead }))
    const cosignatures = (note: string) => parseNote(note).signatures.length - 1
    await ledger.commit(entry(1))
    await until(() => sizeIn(log.checkpoint()) === 1 && cosignatures(log.checkpoint()) === 2)
    await ledger.commit(entry(2))
    await until(() => sizeIn(log.checkpoint()) === 2)
    await witnesses[1]?.stop()
    await ledger.commit(entry(3))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(sizeIn(log.checkpoint())).toBe(2)
    ahead = 61_000
    expect(log.checkpoint()).toBe(ledger.log.checkpoint())
  })

  test('that was opened anew is cosigned as it stands, and raises no alarm about its own history', async () => {
    await using stack = new AsyncDisposableStack()
    const { ledger } = await openIn(stack.use(await ledgerFolders()))
    stack.use(ledger)
    const witness = await served([ledger.log.vkey], 'w.test/1', stack)
    const policy = parsePolicy(`${witness.line}quorum w.test/1\n`)
    await ledger.commit(entry(1))
    for (const _start of ['first', 'second']) {
      const answers: number[] = []
      const asking: typeof fetch = async (...asked) => {
        const response = await fetch(...asked)
        answers.push(response.status)
        return response
      }
      await using log = watched(ledger, policy, { fetch: asking })
      await until(() => answers.at(-1) === 200)
      await until(() => parseNote(log.checkpoint()).signatures.length === 2)
    }
  })

  test('never shows fewer entries than it has shown, whenever its witnesses answer', async () => {
    await using stack = new AsyncDisposableStack()
    const { ledger } = await openIn(stack.use(await ledgerFolders()))
    stack.use(ledger)
    const witness = await served([ledger.log.vkey], 'w.test/1', stack)
    const asked = Promise.withResolvers<void>()
    const { held, told, fetch: slow } = answeringLate()
    const late: typeof fetch = (...request) => {
      asked.resolve()
      return slow(...request)
    }
    await ledger.commit(entry(1))
    const log = stack.use(watched(ledger, parsePolicy(`${witness.line}quorum w.test/1\n`), { fetch: late }))
    await asked.promise
    await ledger.commit(entry(2))
    // Nothing is cosigned yet, so it shows its own.
    expect(sizeIn(log.checkpoint())).toBe(2)
    held.resolve()
    await told.promise
    expect(sizeIn(log.checkpoint())).toBe(2)
    await until(() => parseNote(log.checkpoint()).signatures.length === 2)
  })

  test('waits for no witness that does not answer, where the others are a quorum', async () => {
    await using stack = new AsyncDisposableStack()
    const { ledger } = await openIn(stack.use(await ledgerFolders()))
    stack.use(ledger)
    const witnesses = [
      await served([ledger.log.vkey], 'w.test/1', stack),
      await served([ledger.log.vkey], 'w.test/2', stack),
    ]
    const silentUrl = witnesses[1]?.url ?? ''
    const { held, told, fetch: late } = answeringLate()
    let asked = 0
    const oneSilent: typeof fetch = async (...request) => {
      if (!String(request[0]).startsWith(silentUrl)) return await fetch(...request)
      asked++
      return await late(...request)
    }
    const lines = witnesses.map(({ line }) => line).join('')
    const log = stack.use(
      watched(ledger, parsePolicy(`${lines}group one any w.test/1 w.test/2\nquorum one\n`), {
        fetch: oneSilent,
      }),
    )
    stack.defer(held.resolve)
    for (const size of [1, 2]) {
      await ledger.commit(entry(size))
      const note = () => log.checkpoint()
      await until(() => sizeIn(note()) === size && parseNote(note()).signatures.length === 2)
    }
    expect(asked).toBe(1)
    // What it says late is of a checkpoint that the others have gone beyond.
    held.resolve()
    await told.promise
    expect(sizeIn(log.checkpoint())).toBe(2)
    await ledger.commit(entry(3))
    await until(() => sizeIn(log.checkpoint()) === 3 && asked === 2)
  })

  test('asks a witness that fails ever more rarely, and one that answers each time', async () => {
    await using stack = new AsyncDisposableStack()
    const { ledger } = await openIn(stack.use(await ledgerFolders()))
    stack.use(ledger)
    const [good, failing] = [
      await served([ledger.log.vkey], 'w.test/1', stack),
      await served([ledger.log.vkey], 'w.test/2', stack),
    ]
    let fails = true
    const asked = { good: 0, failing: 0 }
    const seventh = Promise.withResolvers<number>()
    const counting: typeof fetch = async (...request) => {
      const isGood = String(request[0]).startsWith(good.url)
      if (++asked[isGood ? 'good' : 'failing'] === 7) seventh.resolve(asked.failing)
      return !isGood && fails ? new Response('', { status: 500 }) : await fetch(...request)
    }
    const policy = parsePolicy(`${good.line}${failing.line}group both all w.test/1 w.test/2\nquorum both\n`)
    await ledger.commit(entry(1))
    const log = stack.use(watched(ledger, policy, { fetch: counting }))
    expect(await seventh.promise).toBe(3)
    fails = false
    await until(() => parseNote(log.checkpoint()).signatures.length === 3)
  })

  test('is verified under the policy by the command line, and not without the witnesses it names', async () => {
    await using stack = new AsyncDisposableStack()
    const folders = stack.use(await ledgerFolders())
    const { ledger } = await openIn(folders)
    stack.use(ledger)
    for (let n = 0; n < 5; n++) await ledger.commit(entry(n))
    await using witness = await startedByCommand(ledger.log.vkey)
    const policy = join(folder, 'policy')
    await writeFile(policy, `log ${ledger.log.vkey}\n${witness.line}\nquorum w.test/cli\n`)
    const log = stack.use(
      watched(ledger, parsePolicy(`log ${ledger.log.vkey}\n${witness.line}\nquorum w.test/cli\n`)),
    )
    await until(() => parseNote(log.checkpoint()).signatures.length === 2)
    const place = await mirrorInto(join(folder, 'mirror'), ledger)
    await writeFile(join(place, 'checkpoint'), log.checkpoint())
    await rm(join(place, 'openings'), { recursive: true })
    const good = await reach('verify', place, '--policy', policy)
    expect(good).toMatchObject({ code: 0, err: '' })
    expect(good.out).toMatch(/cosigned by w\.test\/cli at 20/)
    const proof = join(folder, 'x.tlog-proof')
    await writeFile(proof, (await reach('prove', place, '3')).out)
    expect(await reach('check', proof, '--policy', policy)).toMatchObject({ code: 0 })
    const text = (await reach('prove', place, '2')).out.replace('index 2', 'index 1')
    await writeFile(proof, text)
    expect(await reach('check', proof, '--policy', policy)).toMatchObject({ code: 1, out: '' })

    await writeFile(join(place, 'checkpoint'), ledger.log.checkpoint())
    const bare = await reach('verify', place, '--policy', policy)
    expect(bare.code).toBe(1)
    expect(bare.err).toMatch(/^FAILED {2}checkpoint: the checkpoint is cosigned by no witness/)
    expect((await reach('verify', place, '--policy', join(folder, 'none'))).code).toBe(2)
  })
})

const sizeIn = (note: string): number => Number(note.split('\n')[1])

const program = join(import.meta.dirname, '../../cli/main.ts')

const reach = (...words: string[]) => reachAudit(folder, ...words)

/** `reach witness`, until disposed; `line` is what it prints for policies. */
async function startedByCommand(vkey: string): Promise<{ line: string } & AsyncDisposable> {
  const words = [
    'witness',
    '--folder',
    join(folder, 'cli'),
    '--name',
    'w.test/cli',
    '--log',
    vkey,
    '--ml-dsa',
  ]
  const child = spawn(process.execPath, [program, ...words, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (out += part))
  await until(() => /^ {2}witness .*\n/m.test(out))
  return {
    line: /^ {2}(witness .*)\n/m.exec(out)?.[1] ?? '',
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      expect((await ended)[0]).toBe(0)
    },
  }
}
