/** Cosignatures, written here a second time from the text of C2SP tlog-cosignature. */
import { generateKeyPairSync, hash, sign, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { cosignaturesIn, cosignedAt, createCosigner, parseWitnessKey } from '#core/ledger/cosignature.ts'
import { leafHash } from '#core/ledger/merkle.ts'
import { NoteInvalid, parseNote, parseSignatureLines } from '#core/ledger/note.ts'

const log = createLogSigner('reach.test/log', generateKeyPairSync('ed25519').privateKey)
const root = leafHash(Buffer.from('x'))
const { text } = parseNote(log.sign({ size: 3, root }))
const time = 1_795_000_000
const name = 'witness.test/w1'

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
const vector = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value)])

/** The two forms of the specification: how a key id is made, and what is signed. */
const forms = {
  ed25519: {
    type: 0x04,
    keyBytes: 32,
    message: () => Buffer.from(`cosignature/v1\ntime ${time}\n${text}`),
  },
  'ml-dsa-44': {
    type: 0x06,
    keyBytes: 1312,
    message: () =>
      Buffer.concat([
        Buffer.from('subtree/v1\n\0'),
        vector(name),
        u64(time),
        vector('reach.test/log'),
        u64(0),
        u64(3),
        root,
      ]),
  },
} as const

function lineByHand(
  { type, keyBytes, message }: (typeof forms)[keyof typeof forms],
  keys: { publicKey: KeyObject; privateKey: KeyObject },
): { line: string; vkey: string } {
  const raw = keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-keyBytes)
  const typed = Buffer.concat([Buffer.of(type), raw])
  const id = Buffer.from(hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'hex'), 'hex')
  const bytes = Buffer.concat([id.subarray(0, 4), u64(time), sign(null, message(), keys.privateKey)])
  return {
    line: `\u2014 ${name} ${bytes.toString('base64')}\n`,
    vkey: `${name}+${id.toString('hex', 0, 4)}+${typed.toString('base64')}`,
  }
}

describe.each(['ed25519', 'ml-dsa-44'] as const)('a cosignature of %s', (algorithm) => {
  const keys = algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-44')
  const byHand = lineByHand(forms[algorithm], keys)
  const cosigner = createCosigner(name, keys.privateKey)
  const witness = parseWitnessKey(cosigner.vkey)
  const told = (line: string, of = text) => cosignedAt(of, parseSignatureLines(line), witness)

  test('is that of the specification, both ways', () => {
    expect(cosigner.vkey).toBe(byHand.vkey)
    expect(told(byHand.line)).toBe(time)
    expect(told(cosigner.cosign(text, time))).toBe(time)
    if (algorithm === 'ed25519') expect(cosigner.cosign(text, time)).toBe(byHand.line)
  })

  test('does not hold for another text, time, key or byte', () => {
    expect(told(byHand.line, parseNote(log.sign({ size: 4, root })).text)).toBeUndefined()
    const bytes = Buffer.from(byHand.line.split(' ')[2] ?? '', 'base64')
    for (const at of [4, 11, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(told(`\u2014 ${name} ${changed.toString('base64')}\n`)).toBeUndefined()
    }
    expect(told(`\u2014 ${name} ${bytes.subarray(0, -1).toString('base64')}\n`)).toBeUndefined()
    const other = createCosigner(name, generateKeyPairSync('ed25519').privateKey)
    expect(told(other.cosign(text, time))).toBeUndefined()
  })

  test('is of a time that there is', () => {
    const last = 8_640_000_000_000
    expect(told(cosigner.cosign(text, last))).toBe(last)
    expect(told(cosigner.cosign(text, last + 1))).toBeUndefined()
  })

  test('is found among the lines of others, which are dropped', () => {
    const stranger = createCosigner('witness.test/w2', generateKeyPairSync('ed25519').privateKey)
    const own = cosigner.cosign(text, time)
    expect(cosignaturesIn(stranger.cosign(text, time) + own, text, witness)).toEqual([own])
    expect(cosignaturesIn(stranger.cosign(text, time), text, witness)).toEqual([])
    for (const answer of ['', 'OK\n', own.slice(0, -1), `${own}\n`])
      expect(() => cosignaturesIn(answer, text, witness), answer).toThrow(NoteInvalid)
  })
})

test('the key of a log is no key of a witness', () => {
  expect(() => parseWitnessKey(log.vkey)).toThrow(NoteInvalid)
})
