import type { Json, LedgerReader } from '#core/ledger/ledger.ts'
import type { Names } from './names.ts'
import { oauthModelKey } from './oauth-models.ts'
import { asFound, part, put, read } from './parts.ts'
import type { CommitParts, Stored } from './parts.ts'

/**
 * What of the authorization server waits for the answer to a request. Until the request ends it can be answered
 * wherever its customer is signed in, without the cookie of the browser it came with.
 */
export type RequestWay =
  /** The interaction as it began: a later answer makes a new one of it, for the browser that answers. */
  | { readonly channel: 'browser'; readonly interaction: Json }
  /** `id`: of the library's record that the business polls with. */
  | { readonly channel: 'ciba' | 'link'; readonly id: string }

const wayKey = (requestId: string) => `request-way/${part(requestId)}`
const codeKey = (names: Names, code: string) => `request-of-code/${names.hidden('link code', code)}`
const askedKey = (vendorId: string, accountId: string) =>
  `asked-without-browser/${part(vendorId)}/${part(accountId)}`

/** `expires`: Unix ms, the end of the request. */
export function keepWay(requestId: string, way: RequestWay, expires: number): CommitParts {
  return { writes: [put(wayKey(requestId), { v: 1, ...way }, { expires })] }
}

export async function readWay(reader: LedgerReader, requestId: string): Promise<RequestWay | undefined> {
  return (await reader.get<RequestWay>(wayKey(requestId)))?.value
}

/** The request that a link or QR code leads to, by the code it holds. */
export function nameByCode(names: Names, code: string, requestId: string, expires: number): CommitParts {
  const key = codeKey(names, code)
  return { checks: [{ key, version: 'absent' }], writes: [put(key, { id: requestId }, { expires })] }
}

export async function findByCode(
  { reader, names }: { reader: LedgerReader; names: Names },
  code: string,
): Promise<string | undefined> {
  return (await reader.get<{ id: string }>(codeKey(names, code)))?.value.id
}

/** Requests by which a business has asked one customer directly, in the last day. */
export interface AskedDirectly {
  readonly asked: readonly { readonly requestId: string; readonly at: number }[]
}

export async function readAsked(
  reader: LedgerReader,
  vendorId: string,
  accountId: string,
): Promise<{ stored: Stored<AskedDirectly> | undefined; key: string }> {
  const key = askedKey(vendorId, accountId)
  return { stored: await read<AskedDirectly>(reader, key), key }
}

/** Fails when another question got in between, so that many at once are counted like many in a row. */
export function noteAsked(
  { stored, key }: { stored: Stored<AskedDirectly> | undefined; key: string },
  asked: AskedDirectly['asked'],
  expires: number,
): CommitParts {
  return { checks: [asFound(key, stored)], writes: [put(key, { asked }, { expires })] }
}

/** Nobody answers this request any more; what the business polls with is gone, as if it had run out. */
export async function forgetWay(
  reader: LedgerReader,
  { requestId, vendorId, accountId }: { requestId: string; vendorId: string; accountId: string },
): Promise<readonly string[]> {
  const way = await readWay(reader, requestId)
  const keys = [wayKey(requestId), askedKey(vendorId, accountId)]
  if (way?.channel === 'ciba') keys.push(oauthModelKey('BackchannelAuthenticationRequest', way.id))
  if (way?.channel === 'link') keys.push(oauthModelKey('DeviceCode', way.id))
  return keys
}
