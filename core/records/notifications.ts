import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { absent, asFound, combine, part, put, read, remove, unchanged } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/** How a customer wants to be written to. Sealed under her key: forgetting her forgets the address. */
export interface Notifications {
  readonly v: 1
  readonly email?: EmailChannel
  /** Browsers that are pushed to. */
  readonly push?: readonly PushChannel[]
  /** Unix ms: reminders are bundled, one message a day at most. */
  readonly lastToldAt?: number
}

/** A browser (Push API): where it is pushed to, and its keys. */
export interface PushChannel {
  readonly endpoint: string
  readonly p256dh: string
  readonly auth: string
}

export interface EmailChannel {
  readonly address: string
  /** She opened the link that was sent there. */
  readonly isConfirmed: boolean
  /** What the link to confirm carries: 256 random bits. */
  readonly confirm: string
  /** What the link to stop carries: works without signing in, and does nothing else. */
  readonly stop: string
}

const prefix = 'notifications/'
const key = (accountId: string) => prefix + part(accountId)
const stopKey = (names: Names, stop: string) => `notifications-stop/${names.hidden('stop', stop)}`

export function readNotifications(
  reader: LedgerReader,
  accountId: string,
): Promise<Stored<Notifications> | undefined> {
  return read<Notifications>(reader, key(accountId))
}

/** Customers who are written to, or may once have been, in the order of their ids. */
export async function listNotified(
  reader: LedgerReader,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<readonly string[]> {
  const from = after === undefined ? {} : { after: key(after) }
  const rows = await reader.list(prefix, { limit, ...from })
  return rows.map((row) => row.key.slice(prefix.length))
}

/** Another address, or none, in place of the one before. */
export function setEmail(
  names: Names,
  found: Stored<Notifications> | undefined,
  accountId: string,
  email: EmailChannel | undefined,
): CommitParts {
  const before = found?.value.email
  const { email: _, ...kept } = found?.value ?? { v: 1 as const }
  const value: Notifications = email === undefined ? kept : { ...kept, email }
  const own: CommitParts = {
    checks: [asFound(key(accountId), found)],
    writes: [put(key(accountId), value, { customer: accountId })],
  }
  if (before?.stop === email?.stop) return own
  return combine(
    own,
    before === undefined ? {} : { writes: [remove(stopKey(names, before.stop))] },
    email === undefined
      ? {}
      : {
          checks: [absent(stopKey(names, email.stop))],
          writes: [put(stopKey(names, email.stop), { id: accountId })],
        },
  )
}

/** These browsers, in place of those before. */
export function setPush(
  found: Stored<Notifications> | undefined,
  accountId: string,
  push: readonly PushChannel[],
): CommitParts {
  const value: Notifications = { ...(found?.value ?? { v: 1 as const }), push }
  return {
    checks: [asFound(key(accountId), found)],
    writes: [put(key(accountId), value, { customer: accountId })],
  }
}

/** Part of the commit that sends her a message. */
export function noteTold(stored: Stored<Notifications>, accountId: string, at: number): CommitParts {
  return {
    checks: [unchanged(stored)],
    writes: [put(stored.key, { ...stored.value, lastToldAt: at }, { customer: accountId })],
  }
}

/** Whose messages end; what was in the link may come from anybody. */
export async function findByStop(
  reader: LedgerReader,
  names: Names,
  stop: string,
): Promise<{ accountId: string; stored: Stored<Notifications> } | undefined> {
  const pointer = await reader.get<{ id: string }>(stopKey(names, stop))
  if (pointer === undefined) return undefined
  const accountId = pointer.value.id
  const stored = await readNotifications(reader, accountId)
  return stored?.value.email?.stop === stop ? { accountId, stored } : undefined
}

export async function forgetNotifications(
  { reader, names }: { reader: LedgerReader; names: Names },
  accountId: string,
): Promise<CommitParts> {
  const stop = (await readNotifications(reader, accountId))?.value.email?.stop
  const keys = [key(accountId), ...(stop === undefined ? [] : [stopKey(names, stop)])]
  return { writes: keys.map(remove) }
}
