import { createRequire } from 'node:module'
import { createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLogSigner, openCheckpoint } from '#core/ledger/checkpoint.ts'
import { leafHash } from '#core/ledger/merkle.ts'
import { NoteInvalid, parseNote, parseVkey } from '#core/ledger/note.ts'

const require = createRequire(import.meta.url)
const sigstore = require('../../node_modules/@sigstore/verify/dist/tlog/checkpoint.js') as {
  verifyCheckpoint(entry: unknown, tlogs: unknown[]): { origin: string; logSize: bigint; logHash: Buffer }
}

const { privateKey } = generateKeyPairSync('ed25519')

function keyWithLetterInId(): KeyObject {
  for (;;) {
    const { privateKey: key } = generateKeyPairSync('ed25519')
    if (/\+\w*[a-f]\w*\+/.test(createLogSigner('reach.test/log', key).vkey)) return key
  }
}
const signer = createLogSigner('reach.test/log', privateKey)
const root = leafHash(Buffer.from('x'))
const note = signer.sign({ size: 1_234_567, root })
const verifyNote = (text: string): unknown => openCheckpoint(text, signer.vkey)

describe('a checkpoint', () => {
  test('reads back what was signed', () => {
    expect(verifyNote(note)).toEqual({ origin: 'reach.test/log', size: 1_234_567, root })
    expect(note.split('\n')).toMatchObject(
      ['reach.test/log', '1234567', root.toString('base64'), '', /^\u2014 reach/, ''].map((line) =>
        typeof line === 'string' ? line : expect.stringMatching(line),
      ),
    )
  })

  test('verifies with an independent implementation', () => {
    const publicKey = createPublicKey(privateKey)
    const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
    // Key id of the note format: SHA-256 of name, line break, signature type 1 and key, first four bytes.
    const id = Buffer.from(
      hash('sha256', Buffer.concat([Buffer.from('reach.test/log\n\u0001'), raw]), 'hex'),
      'hex',
    )
    const entry = { inclusionProof: { checkpoint: { envelope: note } } }
    const tlog = { logID: id, baseURL: 'https://reach.test/log', publicKey }
    expect(sigstore.verifyCheckpoint(entry, [tlog])).toMatchObject({
      origin: 'reach.test/log',
      logSize: 1_234_567n,
      logHash: root,
    })
    const forged = { inclusionProof: { checkpoint: { envelope: note.replace('1234567', '1234568') } } }
    expect(() => sigstore.verifyCheckpoint(forged, [tlog])).toThrow()
    expect(signer.vkey).toBe(
      `reach.test/log+${id.toString('hex', 0, 4)}+${Buffer.concat([Buffer.of(1), raw]).toString('base64')}`,
    )
  })

  test('is refused with any character changed', () => {
    for (let at = 0; at < note.length; at++)
      for (const other of ['A', '\n', ' ', '\0', String.fromCharCode(note.charCodeAt(at) ^ 1)]) {
        if (other === note[at]) continue
        const changed = note.slice(0, at) + other + note.slice(at + 1)
        expect(() => verifyNote(changed), `character ${at} as ${JSON.stringify(other)}`).toThrow(NoteInvalid)
      }
    for (let at = 0; at < note.length; at++) expect(() => verifyNote(note.slice(0, at))).toThrow(NoteInvalid)
  })

  test('may carry signatures of others, which are ignored; another signature of its own key must verify', () => {
    const witness = '\u2014 witness.example/w AAAAAAECAwQFBgc=\n'
    expect(verifyNote(note + witness)).toMatchObject({ size: 1_234_567 })
    const rotated = createLogSigner('reach.test/log', generateKeyPairSync('ed25519').privateKey)
    const both = note + (rotated.sign({ size: 1_234_567, root }).split('\n\n')[1] ?? '')
    expect(openCheckpoint(both, signer.vkey)).toEqual(openCheckpoint(both, rotated.vkey))
    const wrong = note + (signer.sign({ size: 1, root }).split('\n\n')[1] ?? '')
    expect(() => verifyNote(wrong)).toThrow(NoteInvalid)
  })

  test('of another log, or signed by another key, is refused', () => {
    const stranger = createLogSigner('reach.test/log', generateKeyPairSync('ed25519').privateKey)
    expect(() => verifyNote(stranger.sign({ size: 1, root }))).toThrow(NoteInvalid)
    const sameKey = createLogSigner('other.test/log', privateKey)
    expect(() => verifyNote(sameKey.sign({ size: 1, root }))).toThrow(NoteInvalid)
    expect(() => openCheckpoint(note, sameKey.vkey)).toThrow(NoteInvalid)
  })

  test('of hostile form is refused, also when it is signed', () => {
    const signBody = (body: string): string => {
      // The signer prints size and root as they are: a body is smuggled in through them.
      const [size = '', base64 = ''] = body.split('|')
      return signer.sign({ size: size as unknown as number, root: Buffer.from(base64, 'base64') })
    }
    const ok = root.toString('base64')
    expect(openCheckpoint(signBody(`5|${ok}`), signer.vkey).size).toBe(5)
    for (const size of ['05', '-1', '1e3', ' 5', '5 ', '', '9007199254740992', '99999999999999999999', '0x5'])
      expect(() => openCheckpoint(signBody(`${size}|${ok}`), signer.vkey), size).toThrow(NoteInvalid)
    expect(() => openCheckpoint(signBody(`5|${ok.slice(0, 40)}`), signer.vkey)).toThrow(NoteInvalid)
    expect(() => parseNote(`${note}${'\u2014 a AAAAAAAA\n'.repeat(101)}`)).toThrow(NoteInvalid)
    expect(() => parseNote('x'.repeat(70_000))).toThrow(NoteInvalid)
    expect(() => parseNote('\ud800\n\n\u2014 a AAAAAAAA\n')).toThrow(NoteInvalid)
  })
})

describe('a verifier key', () => {
  test('is refused when malformed, of another type, or with an id that does not fit', () => {
    expect(parseVkey(signer.vkey).name).toBe('reach.test/log')
    const [name = '', id = '', key = ''] = signer.vkey.split('+', 3)
    const rest = signer.vkey.slice(name.length + id.length + 2)
    for (const vkey of [
      '',
      name,
      `${name}+${id}`,
      `other.test/log+${id}+${rest}`,
      `${name}+00000000+${rest}`,
      `${name}+${id}+${rest.slice(0, -4)}`,
      `${name}+${id}+${Buffer.concat([Buffer.of(4), Buffer.from(rest, 'base64').subarray(1)]).toString('base64')}`,
      `${name}+${id}a+${rest}`,
      `${name} +${id}+${rest}`,
      `${name}+${id}+${key}=`,
    ])
      expect(() => parseVkey(vkey), vkey).toThrow(NoteInvalid)
    // A key id in capitals is another spelling of the same key; an id of digits alone has no such spelling.
    const keyed = createLogSigner('reach.test/log', keyWithLetterInId())
    expect(() => parseVkey(keyed.vkey.replace(/\+\w{8}\+/, (part) => part.toUpperCase()))).toThrow(
      NoteInvalid,
    )
    for (const origin of ['', 'a b', 'a+b', 'a\nb'])
      expect(() => createLogSigner(origin, privateKey)).toThrow(TypeError)
  })
})
