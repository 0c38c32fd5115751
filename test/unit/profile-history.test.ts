/** The history of a category: what is noted, noticed and forgotten, and how large it can become. */
import { expect, test } from 'vitest'
import {
  changedElsewhere,
  noHistory,
  noteSave,
  readHistory,
  viewChanges,
  writeHistory,
} from '../../vault-server/customer/profile-history.ts'
import type { History } from '../../vault-server/customer/profile-history.ts'

const url = 'https://pod.example/vrm/history/sizes.ttl'
const again = (history: History) => readHistory(writeHistory(history, url), url)
const note = (history: History, before: object, after: object, at: number) =>
  again(noteSave(history, { before: { ...before }, after: { ...after }, how: 'here', at, beforeAt: at }))

test('what was written is read again, the newest first, whatever the values are', () => {
  const shoe = { size: '42', system: 'EU' }
  const text = 'quote " and \\ back\nslash, 漢字, <b>'
  const history = note(
    note(noHistory, {}, { shoe, note: text }, 1_000),
    { shoe, note: text },
    { list: [1, 'a'] },
    2_000,
  )
  expect(viewChanges(history.changes, 'sizes')).toEqual([
    { field: 'sizes.list', at: '1970-01-01T00:00:02.000Z', how: 'here' },
    { field: 'sizes.note', at: '1970-01-01T00:00:02.000Z', how: 'here', before: text },
    { field: 'sizes.shoe', at: '1970-01-01T00:00:02.000Z', how: 'here', before: shoe },
    { field: 'sizes.note', at: '1970-01-01T00:00:01.000Z', how: 'here' },
    { field: 'sizes.shoe', at: '1970-01-01T00:00:01.000Z', how: 'here' },
  ])
  expect(changedElsewhere(history, { list: [1, 'a'] }, 3_000)).toEqual([])
  expect(changedElsewhere(history, {}, 3_000)).toMatchObject([
    { field: 'list', how: 'elsewhere', before: [1, 'a'] },
  ])
})

test('a value too large to keep is noted as changed, and noticed when it changes', () => {
  const [one, other] = ['x', 'y'].map((letter) => `data:image/png;base64,${letter.repeat(300_000)}`)
  const history = note(noHistory, { picture: one }, { picture: other }, 1_000)
  expect(viewChanges(history.changes, 'profile')).toMatchObject([{ field: 'profile.picture', notKept: true }])
  expect(writeHistory(history, url).length).toBeLessThan(2_000)
  expect(changedElsewhere(history, { picture: other }, 2_000)).toEqual([])
  expect(changedElsewhere(history, { picture: one }, 2_000)).toMatchObject([{ notKept: true }])
})

test('what somebody else wrote there is no reason to fail', () => {
  const written = `@prefix vrm: <https://w3id.org/reach/vrm#>.
    <> a vrm:History; vrm:holdsAll true.
    <#a> a vrm:HeldValue; vrm:revisedField "constructor"; vrm:heldDigest "x".
    <#b> a vrm:HeldValue; vrm:revisedField "__proto__"; vrm:heldDigest "x".
    <#c> a vrm:FieldRevision; vrm:revisedField "shoe"; vrm:revisedAt "+275760-09-13T00:00:00.000Z"; vrm:revisedBy "here".
    <#d> a vrm:FieldRevision; vrm:revisedField "shoe"; vrm:revisedAt "-000001-01-01T00:00:00.000Z"; vrm:revisedBy "here".`
  const history = readHistory(written, url)
  expect(history.changes).toEqual([])
  expect(changedElsewhere(history, { shoe: 1 }, 1_000).map(({ field }) => field)).toContain('shoe')
  expect(again(noteSave(history, { before: {}, after: {}, how: 'here', at: 1, beforeAt: 1 })).held).toEqual(
    new Map(),
  )
})

test('it stays small: the oldest make room, and at worst all of it', () => {
  const large = (at: number) => ({ a: `${at} ${'x'.repeat(3_000)}`, b: at })
  let history: History = noHistory
  for (let at = 0; at < 150; at++) history = note(history, at === 0 ? {} : large(at - 1), large(at), at)
  const turtle = writeHistory(history, url)
  expect(Buffer.byteLength(turtle)).toBeLessThanOrEqual(48 * 1024)
  expect(history.changes.at(-1)?.before).toBeDefined()
  expect(history.changes.length).toBeGreaterThan(10)
  expect(history.changes.length).toBeLessThanOrEqual(100)
  const huge = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`f${n}`, 'x'.repeat(4_000)]))
  const none = note(noHistory, {}, huge, 1)
  expect(none).toEqual(noHistory)
  // Without what was last seen nothing is said to have changed elsewhere.
  expect(changedElsewhere(none, {}, 2)).toEqual([])
})
