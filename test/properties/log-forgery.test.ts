/**
 * Every byte of what an auditor or a business is handed, changed: an error with a reason, never a crash, and never "ok" for anything but
 * what the unchanged file says. Then files that are hostile as a whole.
 */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { NoteInvalid } from '#core/ledger/note.ts'
import { parsePolicy, PolicyInvalid } from '#core/ledger/policy.ts'
import { checkProof, parseProof, ProofInvalid } from '#core/ledger/proof.ts'
import { NotProven, readLogKey } from '#core/verifier/checkpoint.ts'
import { checkProof as checkElsewhere, readProof } from '#core/verifier/evidence.ts'
import { facts, reachAudit, reachRemembering } from '../audit-command.ts'
import { openedMirror, type OpenedMirror } from '../opened-mirror.ts'

let home: string
let mirror: OpenedMirror
let proof: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'reach-test-forgery-'))
  mirror = await openedMirror(facts)
  proof = (await reachAudit(home, 'prove', mirror.folder, '17')).out
})
afterAll(async () => {
  await mirror[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

function flipped(bytes: Uint8Array, at: number, bit: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ bit
  return changed
}

const BITS = [1, 0x20, 0x80]

describe('a proof with one byte changed', () => {
  test("proves nothing else, by the ledger's own verifier", () => {
    const good = parseProof(proof)
    let refused = 0
    for (let at = 0; at < proof.length; at++)
      for (const bit of BITS) {
        const text = flipped(Buffer.from(proof), at, bit).toString()
        try {
          const read = parseProof(text)
          checkProof(read, openCheckpoint(read.checkpoint, mirror.vkey))
          // Only what nobody relies on was changed: the name of a member that is then not there.
          const { entry, index } = read
          expect({ entry, index }, `byte ${at}`).toEqual({ entry: good.entry, index: good.index })
          expect([undefined, good.facts], `byte ${at}`).toContain(read.facts)
        } catch (error) {
          if (!(error instanceof ProofInvalid || error instanceof NoteInvalid)) throw error
          refused++
        }
      }
    expect(refused / (proof.length * BITS.length)).toBeGreaterThan(0.98)
  })

  test('proves nothing else, by the verifier of browsers and businesses', async () => {
    const key = await readLogKey(mirror.vkey)
    const ops = { ops: mirror.facts[17] ?? '' }
    await checkElsewhere(readProof(proof), key, ops)
    for (let at = 0; at < proof.length; at++) {
      const text = flipped(Buffer.from(proof), at, 1).toString()
      const checked = await (async () => checkElsewhere(readProof(text), key, ops))().catch(
        (error: unknown) => error,
      )
      // Here the facts come from elsewhere, so a change of those that the file carries is none.
      if (!(checked instanceof NotProven))
        expect(readProof(text).entry, `byte ${at}`).toEqual(readProof(proof).entry)
    }
  })

  test('ends the command with one line and 1', async () => {
    const file = join(home, 'flipped.tlog-proof')
    const { out } = await reachAudit(
      home,
      'check',
      await written(file, proof),
      '--vkey',
      mirror.vkey,
      '--json',
    )
    for (let at = 0; at < proof.length; at += 29) {
      await writeFile(file, flipped(Buffer.from(proof), at, 1))
      const ended = await reachAudit(home, 'check', file, '--vkey', mirror.vkey, '--json')
      if (ended.code === 0)
        expect({ facts: undefined, ...JSON.parse(out) }).toMatchObject(JSON.parse(ended.out))
      else
        expect({ at, ...ended }).toMatchObject({
          code: 1,
          out: '',
          err: expect.stringMatching(/^FAILED {2}[^\n]+\n$/),
        })
    }
  })
})

const written = async (file: string, content: string | Uint8Array): Promise<string> => {
  await writeFile(file, content)
  return file
}

test('a mirror with one byte changed in any of its files fails, with the reason', async () => {
  const files = (await readdir(mirror.folder, { recursive: true, withFileTypes: true }))
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(mirror.folder.length + 1))
  expect(files.length).toBeGreaterThan(6)
  const copy = join(home, 'copy')
  await cp(mirror.folder, copy, { recursive: true })
  for (const file of files) {
    const bytes = await readFile(join(mirror.folder, file))
    const places = [0, 1, 2, bytes.length >> 2, bytes.length >> 1, bytes.length - 2, bytes.length - 1]
    for (const at of new Set(places.filter((place) => place >= 0 && place < bytes.length))) {
      await writeFile(join(copy, file), flipped(bytes, at, 1))
      const ended = await reachAudit(home, 'verify', copy, '--openings')
      expect({ file, at, ...ended }).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringMatching(/^FAILED {2}[^\n]+\n$/),
      })
    }
    await writeFile(join(copy, file), bytes)
  }
  expect(await reachAudit(home, 'verify', copy, '--openings')).toMatchObject({ code: 0 })
})

test('a policy with one byte changed is a policy or is refused with its line, and nothing else', () => {
  const text = `# logs\nlog ${mirror.vkey}\nquorum none\n`
  for (let at = 0; at < text.length; at++)
    for (const bit of BITS)
      try {
        parsePolicy(flipped(Buffer.from(text), at, bit).toString())
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(PolicyInvalid)
      }
})

describe('a hostile file is refused with 1 or 2, in one line, at once', () => {
  const head = 'c2sp.org/tlog-proof@v1\n'
  const extra = (json: string) => `${head}extra ${Buffer.from(json).toString('base64')}\nindex 0\n\n`
  const hash = `${'A'.repeat(43)}=\n`
  const proofs: Readonly<Record<string, string | Uint8Array>> = {
    empty: '',
    'no proof': 'nonsense',
    'zip archive': Buffer.from('504b0304140000000800', 'hex'),
    'gzip of zeros': Buffer.concat([Buffer.from('1f8b0800', 'hex'), Buffer.alloc(4096)]),
    'bytes that are no text': Buffer.alloc(2048, 0xff),
    'only NUL': Buffer.alloc(1024),
    huge: Buffer.alloc(80 * 1024 * 1024, 'A'),
    'many hashes': `${head}index 0\n${hash.repeat(100_000)}\n`,
    '64 hashes': `${head}index 0\n${hash.repeat(64)}\nx\n1\n${hash}\n\u2014 x AAAAAAAA\n`,
    'a deep extra': extra('['.repeat(100_000)),
    'an extra that is null': extra('null'),
    'an extra of the wrong kinds': extra('{"entry":{},"openings":[],"facts":{}}'),
    'a prototype in it': extra('{"__proto__":{"entry":"AA=="},"openings":{"constructor":"x"}}'),
    'an index beyond numbers': `${head}index 99999999999999999999\n\nx`,
    'an index below zero': `${head}index -1\n\nx`,
    'two extras': `${head}extra AA==\nextra AA==\nindex 0\n\nx`,
  }
  test.each(Object.entries(proofs))('proof: %s', async (_, content) => {
    const file = await written(join(home, 'hostile'), content)
    const ended = await reachAudit(home, 'check', file, '--vkey', mirror.vkey)
    expect([1, 2]).toContain(ended.code)
    expect(ended).toMatchObject({ out: '', err: expect.stringMatching(/^[^\n]+\n$/) })
  })

  const policies: Readonly<Record<string, string | Uint8Array>> = {
    empty: '',
    huge: Buffer.alloc(80 * 1024 * 1024, '#'),
    'many groups of groups': `${Array.from({ length: 20_000 }, (_, i) => `group g${i} any g${i - 1}`).join('\n')}\n`,
    'a group of itself': 'group a any a\nquorum a\n',
    'no line break at its end': 'quorum none',
    'control characters': 'quorum \u0007none\n',
    'no text': Buffer.alloc(512, 0xfe),
    'a threshold beyond its members': `log ${'x'.repeat(10)}\ngroup a 99999 b\n`,
  }
  test.each(Object.entries(policies))('policy: %s', async (_, content) => {
    const policy = await written(join(home, 'policy'), content)
    for (const words of [
      ['check', await written(join(home, 'good'), proof)],
      ['verify', mirror.folder],
    ])
      expect(await reachAudit(home, ...words, '--policy', policy)).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringMatching(/^[^\n]+\n$/),
      })
  })

  test('checkpoints: of one log given twice, of another, malformed, a device without end', async () => {
    const early = join(mirror.folder, 'checkpoint')
    const bad = await written(join(home, 'bad'), 'x\n1\n')
    for (const [words, codes] of [
      [['compare', mirror.folder, early, bad, '--vkey', mirror.vkey], [1]],
      [['verify', mirror.folder, '--old', bad], [1]],
      [['verify', mirror.folder, '--old', '/dev/zero'], [2]],
      [['check', '/dev/zero', '--vkey', mirror.vkey], [2]],
      [['verify', mirror.folder, '--vkey', 'x+y'], [2]],
      [['verify', mirror.folder, '--vkey', `x+${'0'.repeat(200_000)}`], [2]],
      [['prove', mirror.folder, '9'.repeat(400)], [2]],
      [['prove', mirror.folder, '305'], [1]],
    ] as const) {
      const ended = await (words[0] === 'compare' ? reachRemembering : reachAudit)(home, ...words)
      expect(codes, `${words.join(' ').slice(0, 80)}: ${ended.err}`).toContain(ended.code)
      expect(ended).toMatchObject({ out: '', err: expect.stringMatching(/^[^\n]+\n$/) })
    }
  })
})
