import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { DataFactory, Store } from 'n3'
import type { Term } from 'n3'
import type { Category } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { iri } from '#core/domain/namespaces.ts'
import { formatTime, parseTime } from '#core/domain/times.ts'
import { historyOf } from '#core/pods/access.ts'
import type { CategoryValues } from '#core/pods/pod.ts'
import { parseTurtle, writeTurtle } from '#core/pods/rdf.ts'
import type { FieldChange } from '#schemas/types.gen.ts'

const { literal, namedNode, quad } = DataFactory

/** Changes of one category that are kept, and bytes of their document: far below what a pod's document may have. */
const mostChanges = 100
const mostBytes = 48 * 1024
/** Of one value, as JSON; larger ones, such as pictures, are noted as changed and not kept. */
const mostOfValue = 4 * 1024

export type How = FieldChange['how']

interface Change {
  /** Of the category, without it. */
  readonly field: string
  /** Unix ms. */
  readonly at: number
  readonly how: How
  /** `undefined`: there was none. */
  readonly before: unknown
  readonly notKept: boolean
}

/** What changed in a category, oldest first, and what was last seen in it: what differs from that was changed elsewhere. */
export interface History {
  readonly changes: readonly Change[]
  /** By field. `undefined` before the first note, and where there was no room for it: then nothing can be noticed. */
  readonly held: ReadonlyMap<string, Held> | undefined
}

type Held = { readonly value: unknown } | { readonly digest: string }

export const noHistory: History = { changes: [], held: undefined }

/** The document with a category's history. Its folder is shut to everybody but the customer. */
export function historyResource(container: string, { file }: Pick<Category, 'file'>): string {
  return new URL(file, historyOf(container)).href
}

/** What differs from what was last seen: changed elsewhere, at the latest at `seenAt` (Unix ms). */
export function changedElsewhere({ changes, held }: History, now: CategoryValues, seenAt: number): Change[] {
  if (held === undefined) return []
  // Pods round their times down; it came after what is noted already.
  const at = Math.max(seenAt, changes.at(-1)?.at ?? 0)
  const names = new Set([...held.keys(), ...Object.keys(now)])
  return [...names].flatMap((field) => {
    const last = held.get(field)
    if (isSame(last, Object.hasOwn(now, field) ? now[field] : undefined)) return []
    const isKept = last === undefined || 'value' in last
    const before = last !== undefined && 'value' in last ? last.value : undefined
    return [{ field, at, how: 'elsewhere' as const, before, notKept: !isKept }]
  })
}

/** The history after a save, with what had been changed elsewhere before it. The oldest make room. */
export function noteSave(
  history: History,
  save: { before: CategoryValues; after: CategoryValues; how: How; at: number; beforeAt: number },
): History {
  const { before, after, how, at, beforeAt } = save
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const own = [...names]
    .filter((field) => !isDeepStrictEqual(before[field], after[field]))
    .map((field): Change => {
      const notKept = isLarge(before[field])
      return { field, at, how, before: notKept ? undefined : before[field], notKept }
    })
  const elsewhere = changedElsewhere(history, before, beforeAt)
  return {
    ...begunWith(after),
    changes: [...history.changes, ...elsewhere, ...own].slice(-mostChanges),
  }
}

/** A history of nothing yet, that notices what will differ from these values. */
export function begunWith(values: CategoryValues): History {
  return {
    changes: [],
    held: new Map(Object.entries(values).map(([field, value]) => [field, heldOf(value)])),
  }
}

/** As the page shows it: newest first. */
export function viewChanges(changes: readonly Change[], category: string): FieldChange[] {
  return changes.toReversed().map(({ field, at, how, before, notKept }) => ({
    field: `${category}.${field}`,
    at: formatTime(at),
    how,
    ...(before === undefined ? {} : { before: before as NonNullable<FieldChange['before']> }),
    ...(notKept ? { notKept } : {}),
  }))
}

/** Turtle of a history, of as many of its changes as there is room for. */
export function writeHistory({ changes, held }: History, url: string): string {
  const fits = (turtle: string) => Buffer.byteLength(turtle) <= mostBytes
  for (let kept = changes; ; kept = kept.slice(Math.ceil(kept.length / 8))) {
    const turtle = turtleOf({ changes: kept, held }, url)
    if (fits(turtle)) return turtle
    if (kept.length === 0) break
  }
  return turtleOf(noHistory, url)
}

function turtleOf({ changes, held }: History, url: string): string {
  const store = new Store()
  const say = (node: Term, name: string, value: Term) =>
    store.addQuad(quad(node as never, namedNode(iri(name)), value as never))
  for (const [number, change] of changes.entries()) {
    const node = namedNode(`${url}#change-${number + 1}`)
    say(node, 'rdf:type', namedNode(iri('vrm:FieldRevision')))
    say(node, 'vrm:revisedField', literal(change.field))
    say(node, 'vrm:revisedAt', literal(formatTime(change.at), namedNode(iri('xsd:dateTime'))))
    say(node, 'vrm:revisedBy', literal(change.how))
    if (change.notKept) say(node, 'vrm:valueNotKept', literal('true', namedNode(iri('xsd:boolean'))))
    if (change.before !== undefined) say(node, 'vrm:valueBefore', json(change.before))
  }
  for (const [field, value] of held ?? []) {
    const node = namedNode(`${url}#held-${field}`)
    say(node, 'rdf:type', namedNode(iri('vrm:HeldValue')))
    say(node, 'vrm:revisedField', literal(field))
    if ('value' in value) say(node, 'vrm:heldValue', json(value.value))
    else say(node, 'vrm:heldDigest', literal(value.digest))
  }
  say(namedNode(url), 'rdf:type', namedNode(iri('vrm:History')))
  say(namedNode(url), 'vrm:holdsAll', literal(String(held !== undefined), namedNode(iri('xsd:boolean'))))
  return writeTurtle(store.getQuads(null, null, null, null))
}

const json = (value: unknown) => literal(JSON.stringify(value), namedNode(iri('rdf:JSON')))

/** Whatever in the document does not fit, as another app may have written it, is passed over. */
export function readHistory(turtle: string, url: string): History {
  const store = new Store(parseTurtle(turtle, url))
  const told = (node: Term, name: string): string | undefined =>
    store.getObjects(node as never, namedNode(iri(name)), null)[0]?.value
  const nodes = (type: string) => store.getSubjects(namedNode(iri('rdf:type')), namedNode(iri(type)), null)
  const number = ({ value }: Term) => Number(/#change-(\d{1,6})$/.exec(value)?.[1] ?? 0)
  const inOrder = nodes('vrm:FieldRevision').toSorted((one, other) => number(one) - number(other))
  const changes = inOrder.flatMap((node) => {
    const [field, at, how] = ['Field', 'At', 'By'].map((what) => told(node, `vrm:revised${what}`))
    const time = parseTime(at ?? '')
    if (field === undefined || time === undefined || !isHow(how)) return []
    const before = parsed(told(node, 'vrm:valueBefore'))
    return [{ field, at: time, how, before, notKept: told(node, 'vrm:valueNotKept') === 'true' }]
  })
  const held = nodes('vrm:HeldValue').flatMap((node): (readonly [string, Held])[] => {
    const field = told(node, 'vrm:revisedField')
    const digest = told(node, 'vrm:heldDigest')
    const value = parsed(told(node, 'vrm:heldValue'))
    if (field === undefined) return []
    if (value !== undefined) return [[field, { value }]]
    return digest === undefined ? [] : [[field, { digest }]]
  })
  return {
    changes,
    held: told(namedNode(url), 'vrm:holdsAll') === 'true' ? new Map(held) : undefined,
  }
}

function isHow(how: string | undefined): how is How {
  return how !== undefined && ['here', 'undo', 'put-back', 'import', 'elsewhere'].includes(how)
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new DomainError('pod-unreadable', 'The history is not in the form that Reach gives it', { cause })
  }
}

function isLarge(value: unknown): boolean {
  return value !== undefined && Buffer.byteLength(JSON.stringify(value)) > mostOfValue
}

function heldOf(value: unknown): Held {
  return isLarge(value) ? { digest: digestOf(value) } : { value }
}

function isSame(held: Held | undefined, now: unknown): boolean {
  if (held === undefined || now === undefined) return held === undefined && now === undefined
  return 'value' in held ? isDeepStrictEqual(held.value, now) : digestOf(now) === held.digest
}

/** SHA-256 of the value as JSON, base64url: enough to see that it changed. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url')
}
