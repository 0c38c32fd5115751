/** The keys of a log as one follows the other: what the ledger writes, what both verifiers make of it, and what is forged. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLogSigner, openCheckpoint } from '#core/ledger/checkpoint.ts'
import { keysAround, openKeyChange, vkeysUnder, writeKeyChange } from '#core/ledger/log-keys.ts'
import { GrowingTree, leafHash } from '#core/ledger/merkle.ts'
import { NoteInvalid, parseNote } from '#core/ledger/note.ts'
import { parseTilePath } from '#core/ledger/tiles.ts'
import { NotProven } from '#core/verifier/checkpoint.ts'
import { KeptHead, type KeptNote } from '#core/verifier/kept-head.ts'
import { keysAround as keysAroundElsewhere, servedKeys } from '#core/verifier/key-changes.ts'

const origin = 'reach.test/log'
const newKey = () => generateKeyPairSync('ed25519').privateKey
const keys = [newKey(), newKey(), newKey()] as const
const [first, second, third] = keys
const signers = keys.map((key) => createLogSigner(origin, key))
const vkeys = signers.map(({ vkey }) => vkey)
const [k1 = '', k2 = '', k3 = ''] = vkeys
const until = 1_795_000_000_000
const toSecond = writeKeyChange({ origin, from: first, to: second, until })
const toThird = writeKeyChange({ origin, from: second, to: third, until: until + 1 })
const both = toSecond + toThird

describe('a signer whose key was changed', () => {
  const ring = {
    logKeys: [
      { key: first, until },
      { key: second, until: undefined },
    ],
    keyChanges: [toSecond],
  }
  const signer = createLogSigner(origin, ring)
  const tree = { size: 1, root: leafHash(Buffer.from('x')) }

  test('signs with both until the end of the overlap, and from then on with the new one alone', () => {
    const during = signer.sign({ ...tree, time: until - 1 })
    expect(openCheckpoint(during, k1)).toEqual(openCheckpoint(during, k2))
    expect(vkeysUnder(during, signer)).toEqual([k2, k1])
    const after = signer.sign({ ...tree, time: until })
    expect(() => openCheckpoint(after, k1)).toThrow(NoteInvalid)
    expect(openCheckpoint(after, k2).size).toBe(1)
    expect(vkeysUnder(after, signer)).toEqual([k2])
    expect(signer.vkey).toBe(k2)
  })

  test('takes up a key that is made while it signs', () => {
    const growing = {
      logKeys: [{ key: first, until: undefined as number | undefined }],
      keyChanges: [] as string[],
    }
    const live = createLogSigner(origin, growing)
    expect(parseNote(live.sign({ ...tree, time: 1 })).signatures).toHaveLength(1)
    growing.logKeys[0] = { key: first, until: 10 }
    growing.logKeys.push({ key: second, until: undefined })
    expect(parseNote(live.sign({ ...tree, time: 9 })).signatures).toHaveLength(2)
    expect(parseNote(live.sign({ ...tree, time: 10 })).signatures).toHaveLength(1)
    expect(live.vkeys).toEqual([k2, k1])
  })
})

describe('a change of the key', () => {
  test('says which key follows which, to whoever trusts one of them', async () => {
    expect(openKeyChange(toSecond)).toEqual({ origin, from: k1, to: k2, until })
    for (const [trusted, earlier, later] of [
      [k1, [], [k2, k3]],
      [k2, [k1], [k3]],
      [k3, [k1, k2], []],
    ] as const) {
      expect(keysAround(trusted, both)).toEqual(vkeys)
      expect(await keysAroundElsewhere(trusted, both)).toEqual({ earlier, later })
    }
    const stranger = createLogSigner(origin, newKey()).vkey
    expect(keysAround(stranger, both)).toEqual([stranger])
    expect(await keysAroundElsewhere(stranger, both)).toEqual({ earlier: [], later: [] })
    expect(await keysAroundElsewhere(k1, '')).toEqual({ earlier: [], later: [] })
  })

  test('is refused with any character changed, cut off, or signed by one of the keys only', async () => {
    const forged = [...toSecond].map((character, at) => {
      const other = character === 'A' ? 'B' : 'A'
      return toSecond.slice(0, at) + other + toSecond.slice(at + 1)
    })
    const lines = toSecond.split('\n')
    const without = (line: number): string => lines.filter((_, at) => at !== line).join('\n')
    forged.push(without(6), without(7), toSecond.slice(0, -1), `${toSecond}more\n`, `x\n${toSecond}`)
    const thief = newKey()
    forged.push(
      // The thief's own key as the next one, with the line of the old key taken from the real change.
      `${parseNote(writeKeyChange({ origin, from: first, to: thief, until })).text}\n${lines[6]}\n`,
      // A fork: two successors of one key.
      both + writeKeyChange({ origin, from: first, to: thief, until }),
      // Two predecessors of one key.
      both + writeKeyChange({ origin, from: thief, to: second, until }),
      toSecond + toSecond,
      writeKeyChange({ origin: 'other.test/log', from: first, to: second, until }).replace(
        'other.test/log\nfrom',
        `${origin}\nfrom`,
      ),
    )
    for (const file of forged) {
      if (file === toSecond) continue
      expect(() => keysAround(k1, file), file).toThrow(NoteInvalid)
      await expect(keysAroundElsewhere(k1, file), file).rejects.toBeInstanceOf(NotProven)
    }
    await expect(keysAroundElsewhere(k1, 'x'.repeat(300_000))).rejects.toBeInstanceOf(NotProven)
    expect(() => keysAround(k1, 'x'.repeat(300_000))).toThrow(NoteInvalid)
  })

  test('is no checkpoint, and a checkpoint is no change', () => {
    expect(() => openCheckpoint(toSecond, k1)).toThrow(NoteInvalid)
    expect(() => openKeyChange(signers[0]?.sign({ size: 0, root: leafHash(Buffer.alloc(0)) }) ?? '')).toThrow(
      NoteInvalid,
    )
  })

  test('what is served as keys may have lines of kinds that are not known', async () => {
    expect(await servedKeys(`${k2}\n${k1}\nreach.test/log+00000000+Bm9v\n`)).toEqual([k2, k1])
    await expect(servedKeys('')).rejects.toBeInstanceOf(NotProven)
  })
})

/** A log that several keys sign. */
function logOf(name: string) {
  const leaves = Array.from({ length: 40 }, (_, n) => leafHash(Buffer.from(`${name} ${n}`)))
  const at = (size: number) => {
    const tree = new GrowingTree()
    for (const leaf of leaves.slice(0, size)) tree.push(leaf, () => undefined)
    return tree
  }
  const note = (size: number, ...by: number[]): string => {
    const lines = by.map((key) => signers[key]?.sign({ size, root: at(size).root() }).split('\n\n')[1])
    const text = (signers[0]?.sign({ size, root: at(size).root() }) ?? '').split('\n\n')[0]
    return `${text}\n\n${lines.join('')}`
  }
  const files = new Map<string, Buffer>()
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    const tile = parseTilePath(path)
    if (!tile) return files.get(path)
    return tile.level === 0 ? Buffer.concat(leaves).subarray(0, 32 * tile.width) : undefined
  }
  return { note, files, read }
}

describe('a verifier that knows an old key', () => {
  const keeping = (log: ReturnType<typeof logOf>, vkey: string, before?: KeptNote) => {
    let kept = before
    const store = {
      load: async () => kept,
      save: async (newer: KeptNote) => {
        kept = newer
      },
    }
    return { head: new KeptHead({ vkey, read: log.read, store }), kept: () => kept }
  }

  test('goes on to the new one as soon as both sign, and stays with it', async () => {
    const log = logOf('a')
    log.files.set('key-changes', Buffer.from(toSecond))
    const { head, kept } = keeping(log, k1)
    await head.accept(log.note(5, 0))
    expect(kept()?.vkey).toBe(k1)
    await head.accept(log.note(9, 1, 0))
    expect(kept()).toEqual({ note: log.note(9, 1, 0), vkey: k2 })
    expect(await head.accept(log.note(12, 1))).toMatchObject({ since: 9 })
    // The old key alone, beyond all that its successor signed: somebody stole it.
    log.files.set('checkpoint', Buffer.from(log.note(12, 1)))
    await expect(head.accept(log.note(13, 0))).rejects.toBeInstanceOf(NotProven)
    // What it signed in its time still counts.
    expect(await head.accept(log.note(7, 0))).toMatchObject({ head: { size: 7 }, since: 12 })
    await expect(head.accept(logOf('fork').note(7, 0))).rejects.toBeInstanceOf(NotProven)
    expect(kept()?.vkey).toBe(k2)
  })

  test('goes on over several changes after the overlap, from what both keys signed', async () => {
    const log = logOf('a')
    log.files.set('key-changes', Buffer.from(both))
    const { head, kept } = keeping(log, k1)
    await head.accept(log.note(5, 0))
    await head.accept(log.note(9, 2))
    expect(kept()?.vkey).toBe(k3)
  })

  test('believes no key that only stands beside its own, and none whose log is another history', async () => {
    const log = logOf('a')
    const { head, kept } = keeping(log, k1)
    await head.accept(log.note(5, 0))
    for (const changes of [undefined, '', 'nonsense', toThird]) {
      log.files.delete('key-changes')
      if (changes !== undefined) log.files.set('key-changes', Buffer.from(changes))
      await head.accept(log.note(9, 1, 0))
      expect(kept()?.vkey).toBe(k1)
      await expect(head.accept(log.note(12, 1))).rejects.toBeInstanceOf(NotProven)
    }
    log.files.set('key-changes', Buffer.from(toSecond))
    const fork = logOf('fork')
    await expect(head.accept(fork.note(12, 1))).rejects.toBeInstanceOf(NotProven)
    expect(kept()?.vkey).toBe(k1)
  })

  test('that is told the new key believes the old one no more, though it kept what that one signed', async () => {
    const log = logOf('a')
    log.files.set('key-changes', Buffer.from(toSecond))
    const { head, kept } = keeping(log, k2, { note: log.note(5, 0), vkey: k1 })
    await expect(head.accept(log.note(9, 0))).rejects.toBeInstanceOf(NotProven)
    await expect(head.accept(logOf('fork').note(9, 1))).rejects.toBeInstanceOf(NotProven)
    expect(await head.accept(log.note(9, 1))).toMatchObject({ since: 5 })
    expect(kept()?.vkey).toBe(k2)
  })

  test('at the first look under the new key takes what the old one signed only where the log continues it', async () => {
    const log = logOf('a')
    log.files.set('key-changes', Buffer.from(toSecond))
    const { head, kept } = keeping(log, k2)
    await expect(head.accept(log.note(7, 0))).rejects.toBeInstanceOf(NotProven)
    log.files.set('checkpoint', Buffer.from(log.note(20, 1)))
    expect(await head.accept(log.note(7, 0))).toMatchObject({ head: { size: 7 } })
    expect(kept()?.note).toBe(log.note(20, 1))
    await expect(head.accept(logOf('fork').note(8, 0))).rejects.toBeInstanceOf(NotProven)
  })
})
