import { Router } from 'express'
import type { Request, Response } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { jsonBody } from '#core/http/json-body.ts'
import { parser } from '#core/http/validate.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import { closeAccess, historyOf, makeHistoryFolder, openAccess, receiptsOf } from '#core/pods/access.ts'
import { PodRefusal, createPodClient } from '#core/pods/client.ts'
import { isKept, listFiles, removeVersion, versionOf } from '#core/pods/copy.ts'
import type { CopyEnd } from '#core/pods/copy.ts'
import { createWriteCheck } from '#core/pods/conditions.ts'
import type { WriteCheck } from '#core/pods/conditions.ts'
import { moveRules } from '#core/pods/move-rules.ts'
import { probe } from '#core/pods/probe.ts'
import { commitUntilItHolds, gainAccess, gainCategory, recordLostCategory } from '#core/records/access.ts'
import {
  changeStanding,
  findAccount,
  moveAccount,
  readAccount,
  readCustomerStanding,
  staying,
} from '#core/records/accounts.ts'
import { accountEntry } from '#core/records/entries.ts'
import type { Names } from '#core/records/names.ts'
import { combine, unchanged } from '#core/records/parts.ts'
import type { Stored } from '#core/records/parts.ts'
import { beginPodMove, changePodMove, endPodMove, readPodMove } from '#core/records/pod-moves.ts'
import type { MovedFile, PodMove } from '#core/records/pod-moves.ts'
import type { Finding, PodMoveView } from '#schemas/types.gen.ts'
import { verifyIssuerOf } from './issuer.ts'
import type { PodConnectionParts } from './pod-connection.ts'
import { findStorages } from './pod-location.ts'
import { batchOf, createBatches, startBatch } from './pod-move-batch.ts'
import type { Batches } from './pod-move-batch.ts'
import { customerOf } from './session.ts'
import type { Sessions } from './session.ts'

/** What a probe finds of single documents, which may have rules of their own. */
const ofDocuments: readonly Finding['act'][] = ['read', 'change', 'open-to-all']

export interface PodMoveParts extends PodConnectionParts {
  readonly names: Names
  readonly sessions: Sessions
}

/**
 * Moving house: all data of `vrm/` go from one pod to another while every grant lives on. The page drives it, step by
 * step, since only the customer's own sessions at both pods may write there; each step stands in the ledger, so a move goes
 * on after any crash. `GET /pod/move` says how far it is, `POST /pod/move/step` goes on, `/cancel` gives it up, `/finish`
 * ends it and deletes the old copies if she says so. It begins with a sign-in at the new pod (`sign-in.ts`).
 */
export function podMoveRoutes(parts: PodMoveParts): Router {
  const { ledger, podLogins, now } = parts
  const checkWrites = createWriteCheck(now)
  const parseNothing = parser('api/nothing.json')
  const parseFinish = parser('api/finish-pod-move.json')
  const router = Router()
  const moveOf = (request: Request) => readPodMove(ledger, customerOf(request).accountId)
  const batches = createBatches()
  const shown = (move: Stored<PodMove> | undefined) =>
    view(move?.value, move && batches.get(batchOf(move))?.bytes)

  router.get('/pod/move', async (request, response) => {
    response.json(shown(await moveOf(request)))
  })

  router.post('/pod/move/step', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    // The last step opens another session: who it was is asked before.
    const { accountId } = customerOf(request)
    const move = await readPodMove(ledger, accountId)
    if (move === undefined) throw new DomainError('conflict', 'No move is under way')
    if (move.value.state === 'copying') await step(parts, move, { request, response, checkWrites, batches })
    response.json(shown(await readPodMove(ledger, accountId)))
  })

  router.post('/pod/move/cancel', jsonBody(), async (request, response) => {
    parseNothing(request.body)
    const move = await moveOf(request)
    assertAtPod(request)
    if (move !== undefined) {
      if (move.value.state === 'moved') throw new DomainError('conflict', 'The move is done')
      await ledger.commit(endPodMove(move))
      batches.get(batchOf(move))?.stop()
      // The agent has nothing to do there. She may have lost her sign-in there, though, or the pod is gone.
      await shut(parts, move.value.to, move.value.toLogin).catch(() => undefined)
      await podLogins.end(move.value.toLogin)
    }
    response.json(view(undefined))
  })

  router.post('/pod/move/finish', jsonBody(), async (request, response) => {
    const { deleteOld } = parseFinish(request.body)
    const move = await moveOf(request)
    if (move?.value.state !== 'moved') throw new DomainError('conflict', 'There is no move to finish')
    assertAtPod(request)
    if (deleteOld) await deleteCopies(parts, move.value)
    // She may have lost her sign-in at the old pod, or the pod is gone: the rules there are no condition.
    else await shut(parts, move.value.from, move.value.fromLogin).catch(() => undefined)
    await ledger.commit(endPodMove(move))
    await podLogins.end(move.value.fromLogin)
    response.json(view(undefined))
  })
  return router
}

/** Her logins at both pods are kept here: they are not for a session that a passkey opened. */
export function assertAtPod(request: Request): void {
  if (customerOf(request).podLogin === undefined)
    throw new DomainError('not-signed-in', 'Sign in at your pod to move what is in it')
}

/**
 * The customer has signed in at the pod where her data shall go. Refuses with `account-exists` when somebody is a customer
 * under that WebID already, and with `conflict` when there is no other place there, or a move is not finished.
 */
export async function beginMove(
  request: Request,
  way: { podLogin: string; issuer: string; query: string; movingAccount: string },
  { ledger, names, podLogins, pods, now }: Omit<PodMoveParts, 'sessions'>,
): Promise<void> {
  const { podLogin, issuer, query, movingAccount } = way
  try {
    const { accountId, podLogin: fromLogin } = customerOf(request)
    if (accountId !== movingAccount || fromLogin === undefined)
      throw new DomainError('sign-in-failed', 'Somebody else is signed in by now')
    const webId = await podLogins.complete(podLogin, query)
    const { storages } = await verifyIssuerOf(webId, issuer, { fetch: pods.anyone })
    const account = await readAccount(ledger, accountId)
    if (account === undefined) throw new Error('a session without an account')
    const { webId: oldWebId, issuer: oldIssuer, podUrl: oldPodUrl, container: oldContainer } = account.value
    const found = await findStorages(webId, storages, { fetch: await podLogins.fetchOf(podLogin) })
    const podUrl = found.find((url) => !oldContainer.startsWith(url))
    if (podUrl === undefined)
      throw new DomainError('conflict', 'Your data lie in this pod already. Sign in at another one.')
    const other = await findAccount(ledger, names, webId)
    if (other !== undefined && other.value.accountId !== accountId)
      throw new DomainError('account-exists', 'There is already a vault for this WebID')
    const before = await readPodMove(ledger, accountId)
    if (before?.value.state === 'moved') throw new DomainError('conflict', 'Finish the last move first')
    const move: PodMove = {
      v: 1,
      state: 'copying',
      from: { webId: oldWebId, issuer: oldIssuer, podUrl: oldPodUrl, container: oldContainer },
      to: { webId, issuer, podUrl, container: `${podUrl}vrm/` },
      fromLogin,
      toLogin: podLogin,
      startedAt: now(),
    }
    const stays = combine({ checks: [unchanged(account)] }, await staying(ledger, accountId))
    await ledger.commit(combine(stays, beginPodMove(before, accountId, move)))
    if (before !== undefined) await podLogins.end(before.value.toLogin)
  } catch (error) {
    await podLogins.end(podLogin)
    throw error
  }
}

/** Does a part of what is left to do, and commits how far it came; of two at once one counts. */
async function step(
  parts: PodMoveParts,
  stored: Stored<PodMove>,
  {
    request,
    response,
    checkWrites,
    batches,
  }: { request: Request; response: Response; checkWrites: WriteCheck; batches: Batches },
): Promise<void> {
  const { ledger, pods } = parts
  const agent = pods.agent.webId
  const { accountId } = customerOf(request)
  const move = stored.value
  const { from, to } = await endsOf(parts, move, customerOf(request).podLogin)
  const keep = (files: readonly MovedFile[], rulesLeft = move.rulesLeft) =>
    ledger
      .commit(changePodMove(stored, accountId, { ...move, files, ...(rulesLeft && { rulesLeft }) }))
      .catch(ignoreRefusal)

  if (move.files === undefined) {
    await openAccess(to.fetch, { container: to.container, owner: to.webId, agent })
    await checkWrites(to.fetch, to.container)
    // Before anything is copied into it.
    await makeHistoryFolder(to.fetch, { container: to.container, owner: to.webId })
    await keep(await listFiles(from))
    return
  }
  const { files } = move
  const waiting = files.filter(({ etag }) => etag === undefined)
  if (waiting.length > 0) {
    const name = batchOf(stored)
    const batch = batches.get(name) ?? startBatch({ from, to }, waiting)
    batches.set(name, batch)
    const copied = await batch.wait().catch((error: unknown) => {
      batches.delete(name)
      throw error
    })
    // The next step waits on.
    if (copied === undefined) return
    const there = [...copied.values()].flatMap((file) =>
      file === undefined || file.tooLarge === true ? [] : file,
    )
    const left = new Set(move.rulesLeft)
    const asBefore = await agentAt(parts, accountId)
    for (const name of [...foldersOf(there), ...there.map((file) => file.name)])
      if ((await moveRules(from, to, { name, agent, ...asBefore })) === 'partly') left.add(name)
    // What was deleted meanwhile is not missed.
    const next = files.flatMap((file) => (copied.has(file.name) ? (copied.get(file.name) ?? []) : file))
    await keep(next, left.size === 0 ? undefined : [...left])
    return
  }
  const changed = await changedSince(from, files)
  if (changed !== undefined) await keep(changed)
  else await moveIn(parts, stored, { request, response })
}

/** Who Reach is in the old pod, and what it can read there. */
async function agentAt({ ledger, pods }: PodMoveParts, accountId: string) {
  const account = await readAccount(ledger, accountId)
  if (account === undefined) throw new DomainError('not-signed-in', 'You are no customer here any more')
  const { value } = account
  const pod = createPodClient({ fetch: (url, init) => pods.agent.fetch(url, init, value) })
  const reads = (url: string) =>
    pod.head(url).then(
      () => true,
      (error: unknown) => {
        if (error instanceof PodRefusal) return false
        throw error
      },
    )
  return { oldAgent: value.actingAs ?? pods.agent.webId, reads }
}

/** The folders in between, without the two whose rules Reach writes by itself. */
function foldersOf(files: readonly MovedFile[]): string[] {
  const folders = files.flatMap(({ name }) => {
    const parts = name.split('/')
    return parts.slice(1).map((_, depth) => `${parts.slice(0, depth + 1).join('/')}/`)
  })
  return [...new Set(folders)].filter((folder) => !['receipts/', 'history/'].includes(folder))
}

/** The files with those that another app has changed, added or deleted since waiting again; `undefined` when there are none. */
async function changedSince(
  from: CopyEnd,
  files: readonly MovedFile[],
): Promise<readonly MovedFile[] | undefined> {
  const known = new Map<string, MovedFile>(
    [...(await listFiles(from)), ...files].map((file) => [file.name, file]),
  )
  let isChanged = false
  const now: MovedFile[] = []
  for (const [name, { etag, ...file }] of known) {
    const isSame = etag !== undefined && (await versionOf(from.fetch, from.container + name)) === etag
    if (!isSame) isChanged = true
    now.push(isSame ? { ...file, etag } : file)
  }
  return isChanged ? now : undefined
}

/**
 * Everything is there and proven: from this commit on the account is of the new pod. Grants hang on the account, so they
 * live on; nobody's subject changes.
 */
async function moveIn(
  parts: PodMoveParts,
  stored: Stored<PodMove>,
  { request, response }: { request: Request; response: Response },
): Promise<void> {
  const { ledger, names, pods, sessions, now } = parts
  const { accountId, podLogin } = customerOf(request)
  const { to } = stored.value
  const account = await readAccount(ledger, accountId)
  const standing = await readCustomerStanding(ledger, accountId)
  if (account === undefined || standing === undefined || podLogin === undefined) return
  const moved = { ...account.value, ...to }
  const agent = (url: string, init?: RequestInit) => pods.agent.fetch(url, init, { accountId, ...to })
  const seen = await probe({ agent, anyone: pods.anyone }, { ...moved, actingAs: undefined }, 'open', now)
  // A document has the rules that it had: those are no reason to stay.
  const wrong = seen.findings.find(({ ok, act }) => !ok && !ofDocuments.includes(act))
  if (wrong !== undefined)
    throw new DomainError('pod-access-lost', `Reach does not see the new pod as it should: ${wrong.what}`)
  const opened = await gainAccess(ledger, accountId)
  const session = sessions.begin(request, { accountId, podLogin: stored.value.toLogin })
  await ledger.commit(
    combine(
      await moveAccount({ reader: ledger, names }, account, to),
      // Releases under way were decided on the old place: with another version of this row they are decided anew.
      opened ?? changeStanding(standing, {}),
      changePodMove(stored, accountId, { ...stored.value, state: 'moved', fromLogin: podLogin }),
      { entries: [accountEntry(accountId, { type: 'pod-moved' })] },
      session.parts,
      await sessions.holding(request),
    ),
  )
  for (const { act, category, seen: isSeen } of seen.findings) {
    if (act !== 'read' || category === undefined) continue
    if (isSeen) await commitUntilItHolds(ledger, () => gainCategory(ledger, accountId, category))
    else await recordLostCategory(ledger, accountId, category)
  }
  pods.forget(accountId)
  await sessions.end(request, response)
  session.setCookie(response)
}

/** Only what is proven to be in the new pod, and only the version that was copied. */
async function deleteCopies(parts: PodMoveParts, move: PodMove): Promise<void> {
  const { from, to } = await endsOf(parts, move, move.fromLogin)
  const files = (move.files ?? []).filter(({ tooLarge }) => tooLarge !== true)
  for (const { name, etag, digest = '' } of files) {
    const there = await versionOf(from.fetch, from.container + name)
    // Deleted already, as by a finish that was broken off.
    if (there === undefined) continue
    if (there !== etag) throw new DomainError('pod-changed', `The old pod was changed since: ${name}`)
    const isTouched = !(await isKept(to.streams, to.container + name, digest))
    // What was changed in the new pod since was there before it was changed: the commit of the move says so.
    if (isTouched && (await versionOf(to.fetch, to.container + name)) === undefined)
      throw new DomainError('pod-changed', `The new pod does not hold it any more: ${name}`)
  }
  for (const { name, etag } of files) await removeVersion(from.fetch, from.container + name, etag)
  await shut(parts, from, move.fromLogin)
  for (const folder of [receiptsOf(from.container), historyOf(from.container), from.container])
    await removeVersion(from.fetch, folder, undefined).catch(() => undefined)
}

/** Reach has no business there any more, or never had. */
async function shut(
  { podLogins, pods }: PodMoveParts,
  { container, webId: owner }: { readonly container: string; readonly webId: string },
  podLogin: string,
): Promise<void> {
  await closeAccess(await podLogins.fetchOf(podLogin), { container, owner, agent: pods.agent.webId })
}

async function endsOf(
  { podLogins }: PodMoveParts,
  { from, to, toLogin }: PodMove,
  fromLogin: string | undefined,
): Promise<{ from: CopyEnd; to: CopyEnd }> {
  if (fromLogin === undefined)
    throw new DomainError('not-signed-in', 'Sign in at the old pod to go on with the move')
  return {
    from: {
      ...from,
      fetch: await podLogins.fetchOf(fromLogin),
      streams: await podLogins.streamsOf(fromLogin),
    },
    to: { ...to, fetch: await podLogins.fetchOf(toLogin), streams: await podLogins.streamsOf(toLogin) },
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof CommitRefused)) throw error
}

function view(move: PodMove | undefined, underWay = 0): PodMoveView {
  if (move === undefined) return { state: 'none' }
  const { state, from, to, files, rulesLeft } = move
  const along = (files ?? []).filter(({ tooLarge }) => tooLarge !== true)
  const proven = along.filter(({ etag }) => etag !== undefined)
  const left = (files ?? []).filter(({ tooLarge }) => tooLarge === true).map(({ name }) => name)
  return {
    state,
    from: from.container,
    to: to.container,
    webId: to.webId,
    proven: proven.length,
    bytes: bytesOf(proven) + underWay,
    ofBytes: Math.max(bytesOf(along), bytesOf(proven) + underWay),
    ...(files === undefined ? {} : { files: files.length }),
    ...(left.length === 0 ? {} : { filesLeft: left }),
    ...(rulesLeft === undefined ? {} : { rulesLeft: [...rulesLeft] }),
  }
}

function bytesOf(files: readonly MovedFile[]): number {
  return files.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
}
