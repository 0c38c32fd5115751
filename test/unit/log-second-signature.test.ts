/** The log's own ML-DSA-44 line: who knows it verifies it, who does not leaves it alone. */
import { expect, test } from 'vitest'
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { openSignedBy } from '#core/ledger/cosignature.ts'
import { NoteInvalid, parseNote } from '#core/ledger/note.ts'
import { checkPolicy, parsePolicy } from '#core/ledger/policy.ts'
import { verifyLog } from '#core/ledger/verify.ts'
import { openCheckpoint as openElsewhere, readLogKey } from '#core/verifier/checkpoint.ts'
import { servedKeys } from '#core/verifier/key-changes.ts'
import { mlDsaSigner, withSecondSignature } from '../../vault-server/audit/second-signature.ts'
import { logFiles } from '../check-log.ts'
import { ledgerFolders, openIn } from '../level-ledger.ts'

test('stands under every checkpoint that is served, verifies by its key, and by no other tree or key', async () => {
  await using folders = await ledgerFolders()
  const { ledger, keys } = await openIn(folders)
  await using _ = ledger
  const signer = await mlDsaSigner(ledger.log.origin, keys)
  expect((await mlDsaSigner(ledger.log.origin, keys)).vkey).toBe(signer.vkey)
  const log = withSecondSignature(ledger.log, signer, Date.now)
  const empty = log.checkpoint()
  await ledger.commit({ entries: [{ claims: () => ({ ops: '{"a":1}' }) }] })
  const note = await log.newest()
  expect(parseNote(note).signatures).toHaveLength(2)
  expect(log.checkpoint()).toBe(note)
  expect(ledger.log.checkpoint()).toBe(`${note.split('\n').slice(0, 5).join('\n')}\n`)

  const tree = openCheckpoint(note, ledger.log.vkey)
  expect(openSignedBy(note, signer.vkey)).toEqual(tree)
  expect(openSignedBy(note, ledger.log.vkey)).toEqual(tree)
  expect((await openElsewhere(note, await readLogKey(ledger.log.vkey))).size).toBe(1)
  expect(await servedKeys(`${ledger.log.vkey}\n${signer.vkey}\n`)).toEqual([ledger.log.vkey])
  expect((await verifyLog({ read: logFiles(log), vkey: signer.vkey, earlier: [empty] })).earlier).toBe(1)
  const policy = parsePolicy(`log ${signer.vkey}\nquorum none\n`)
  expect(checkPolicy(policy, note).checkpoint).toEqual(tree)

  const lines = note.split('\n')
  const other = await mlDsaSigner('other.test/log', keys)
  for (const forged of [
    ledger.log.checkpoint(),
    note.replace('\n1\n', '\n2\n'),
    // The line of another tree, of another name, and one byte of it changed.
    [...lines.slice(0, 5), empty.split('\n')[5], ''].join('\n'),
    note.replace(lines[5] ?? '', other.cosign(parseNote(note).text, 1).trimEnd()),
    note.replace(
      lines[5] ?? '',
      `${lines[5]?.slice(0, -6)}${lines[5]?.at(-6) === 'A' ? 'B' : 'A'}${lines[5]?.slice(-5)}`,
    ),
  ]) {
    expect(forged).not.toBe(note)
    expect(() => openSignedBy(forged, signer.vkey)).toThrow(NoteInvalid)
    expect(() => checkPolicy(policy, forged)).toThrow(NoteInvalid)
  }
})
