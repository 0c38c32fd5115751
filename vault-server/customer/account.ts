import { changeAccount, createAccount, findAccount, freeWebId, staying } from '#core/records/accounts.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { PodFetch } from '#core/pods/pod.ts'
import { newId } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { findStorages } from './pod-location.ts'

/** Somebody whose issuer vouched for her, and whose WebID names that issuer. */
export interface SignedInPerson {
  readonly webId: string
  readonly issuer: string
  /** Storages that her profile names. */
  readonly storages: readonly string[]
  /** As herself, at her pod. */
  readonly fetch: PodFetch
}

/**
 * The account of this person, made at her first sign-in: one per WebID. The parts belong into the commit that
 * opens her session; of two first sign-ins at once one is refused (`changed`) and finds the other's account
 * when it tries again.
 */
export async function accountOf(
  person: SignedInPerson,
  { reader, names, now }: { reader: LedgerReader; names: Names; now: () => number },
): Promise<{ accountId: string; parts: CommitParts }> {
  const { webId, issuer } = person
  const known = await findAccount(reader, names, webId)
  if (known !== undefined) {
    const { accountId } = known.value
    const news = known.value.issuer === issuer ? {} : changeAccount(known, { issuer })
    return { accountId, parts: combine(news, await staying(reader, accountId)) }
  }
  // She may choose another one, and another folder in it, before she connects it.
  const [podUrl = ''] = await findStorages(webId, person.storages, { fetch: person.fetch })
  const accountId = newId()
  const container = `${podUrl}vrm/`
  const account = { v: 1, accountId, webId, issuer, podUrl, container, createdAt: now() } as const
  return { accountId, parts: createAccount(names, account, await freeWebId({ reader, names }, webId)) }
}
