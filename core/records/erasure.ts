import type { ErasureCause } from '#core/domain/facts.ts'
import type { KeyStore } from '#core/ledger/key-store.ts'
import type { Json, Ledger, LedgerReader } from '#core/ledger/ledger.ts'
import type { Account } from '#schemas/types.gen.ts'
import { forgetAccount, leave, readAccount, readCustomerStanding } from './accounts.ts'
import { forgetBoundaries } from './boundaries.ts'
import { forgetReadings } from './data-changes.ts'
import { accountEntry, erasedEntry } from './entries.ts'
import { awaitSignatures } from './forgotten-grants.ts'
import { forgetGrants } from './grants.ts'
import { newId } from './ids.ts'
import { enqueueJob } from './jobs.ts'
import { forgetLostPod } from './lost-pods.ts'
import type { Names } from './names.ts'
import { combine } from './parts.ts'
import type { CommitParts } from './parts.ts'
import { forgetNotifications } from './notifications.ts'
import { listPasskeys, removePasskey } from './passkeys.ts'
import { dropCredentials } from './pod-credentials.ts'
import { forgetPodMove, readPodMove } from './pod-moves.ts'
import { forgetReceipts } from './receipts.ts'
import { forgetRequests } from './requests.ts'
import { endSession, listSessions } from './sessions.ts'
import { withdrawAll } from './withdrawals.ts'

/** Kind of the job that forgets a customer. */
export const eraseJob = 'erase-customer'

/** What the job is told. Sealed under no key of hers, since it goes on when that is destroyed. */
interface Order {
  readonly accountId: string
  /** Under which the log tells of begin and end. */
  readonly erasure: string
  readonly askDeletion: boolean
  readonly deletePod: boolean
}

/**
 * A customer is to be forgotten: with this one commit nothing of hers is released any more, nobody is signed in as her, and the
 * job that begins with it does the rest. `erasure`: the reference, where it was told before. Refuses `not-found`, also when it has
 * begun already.
 */
export async function beginErasure(
  { reader, names }: { reader: LedgerReader; names: Names },
  wish: Omit<Order, 'erasure'> & { readonly cause: ErasureCause; readonly erasure?: string },
  now: number,
): Promise<{ parts: CommitParts; erasure: string }> {
  const { cause, erasure = newId(), ...order } = wish
  const { accountId } = order
  const parts = combine(
    await leave({ reader, names }, accountId),
    enqueueJob({ id: `${eraseJob}-${erasure}`, kind: eraseJob, payload: { ...order, erasure } }, now),
    { entries: [accountEntry(accountId, { type: 'erasure-begun', erasure, cause })] },
  )
  return { parts, erasure }
}

interface Ports {
  readonly ledger: Ledger
  readonly names: Names
  readonly keys: Pick<KeyStore, 'destroyCustomerKey'>
  /** Unix ms. */
  readonly now: () => number
  /** Sweeps a Solid-OIDC login of hers. */
  readonly endLogin: (podLogin: string) => Promise<void>
  /** Ends her pod, where it is one of ours; again is no error. */
  readonly removePod: (account: Account) => Promise<void>
}

/** Rows looked at together. */
const page = 100

/**
 * The job. Each step finds by itself what is left of it, so whatever is killed and whenever, doing it all again ends what is
 * not ended and nothing twice. The key goes last but one: until then the steps need what it seals, and after it nothing of
 * hers can be written (`CustomerErased`). The entry `erased` stands in the log only when it is true.
 */
export function eraseCustomer(ports: Ports) {
  const { ledger, keys } = ports

  async function run({ payload }: { readonly payload: Json }): Promise<void> {
    const { accountId, erasure, askDeletion, deletePod } = payload as unknown as Order
    if ((await readCustomerStanding(ledger, accountId)) === undefined) return
    const account = await readAccount(ledger, accountId)
    await endSessions(ports, accountId)
    // Without the row the key is destroyed, and everything before that done.
    if (account !== undefined) {
      await endMove(ports, accountId)
      await withdrawAll(ports, { accountId, webId: account.value.webId, askDeletion })
      await forgetRows(ports, accountId)
      await forgetThread(ledger, accountId)
      if (deletePod) await ports.removePod(account.value)
    }
    await keys.destroyCustomerKey(accountId)
    // Somebody was signing in while it began.
    await endSessions(ports, accountId)
    const standing = await readCustomerStanding(ledger, accountId)
    if (standing === undefined) return
    await ledger.commit(combine(forgetAccount(standing, accountId), { entries: [erasedEntry(erasure)] }))
  }
  return { run }
}

async function endSessions({ ledger, endLogin }: Ports, accountId: string): Promise<void> {
  for (const session of await listSessions(ledger, accountId)) {
    if (session.value.podLogin !== undefined) await endLogin(session.value.podLogin)
    await ledger.commit(endSession(session))
  }
}

/** Her own logins at both ends: no session has them any more. */
async function endMove({ ledger, endLogin }: Ports, accountId: string): Promise<void> {
  const move = await readPodMove(ledger, accountId)
  if (move !== undefined)
    for (const login of [move.value.fromLogin, move.value.toLogin]) await endLogin(login)
}

async function forgetRows({ ledger, names }: Ports, accountId: string): Promise<void> {
  for (;;) {
    const found = await forgetGrants({ reader: ledger, names }, accountId, page)
    if (found === undefined) break
    const grantIds = found.grants.map(({ grantId }) => grantId)
    const receipts = forgetReceipts(found.grants.map(({ receiptId }) => receiptId))
    const readings = await forgetReadings(ledger, accountId, grantIds)
    await ledger.commit(combine(found.parts, receipts, readings, awaitSignatures(found.grants)))
  }
  for (;;) {
    const found = await forgetRequests(ledger, accountId, page)
    if (found === undefined) break
    const receipts = found.requests.flatMap(({ receiptId }) => (receiptId === undefined ? [] : [receiptId]))
    await ledger.commit(combine(found.parts, forgetReceipts(receipts)))
  }
  await ledger.commit(
    combine(
      await forgetBoundaries(ledger, accountId),
      await forgetReadings(ledger, accountId, []),
      forgetPodMove(accountId),
      await forgetLostPod(ledger, accountId),
      dropCredentials(accountId),
      await forgetNotifications({ reader: ledger, names }, accountId),
      ...(await listPasskeys(ledger, accountId)).map((passkey) => removePasskey(names, passkey)),
    ),
  )
}

/** What tied her grants together for us. Each grant's own thread and counter stay: they name nobody. */
async function forgetThread(ledger: Ledger, accountId: string): Promise<void> {
  for (;;) {
    const items = await ledger.history(accountId, { limit: 1_000 })
    if (items.length === 0) return
    await ledger.commit({ forget: items.map(({ index }) => ({ thread: accountId, index })) })
  }
}
