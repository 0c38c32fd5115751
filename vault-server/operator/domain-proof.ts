import { DomainError } from '#core/domain/errors.ts'
import { createOutbound } from '#core/http/outbound.ts'
import type { Outbound } from '#core/http/outbound.ts'
import { parseStrictJson } from '#core/http/strict-json.ts'
import type { Vendor } from '#schemas/types.gen.ts'

/**
 * A business proves a domain by a file that only who holds the domain can put there:
 * `https://<domain>/.well-known/reach-vendor.json` with `{ "vendorId": "..." }`. The domain is the host of its website, and
 * no other: it is what customers see, and nobody can borrow a better known one.
 */
export const proofPath = '/.well-known/reach-vendor.json'

/** `foreign`: the file names another business, which is an answer; `missing`: there was none. */
export type ProofFound =
  | { readonly found: 'proven' }
  | { readonly found: 'missing' | 'foreign'; readonly why: string }

const timeoutMs = 10_000
const maxProofBytes = 4096

/**
 * The origin to ask, and the domain it stands for. Refuses (`conflict`) what can never be proven. Origins in `allow` are for
 * development: they may be plain http, with a port, on this machine.
 */
export function provableDomain(
  { website }: Pick<Vendor, 'website'>,
  allow: readonly string[],
): { readonly domain: string; readonly origin: string } {
  const url = website === undefined ? null : URL.parse(website)
  if (url === null)
    throw new DomainError('conflict', 'The business has no website whose host it could prove.')
  const { host, hostname, protocol, port, origin } = url
  if (allow.includes(origin)) return { domain: host, origin }
  const isName = /^(?=.{1,253}$)(?:[a-z0-9-]{1,63}\.)+(?=[a-z0-9-]*[a-z])[a-z0-9-]{2,63}$/.test(hostname)
  if (protocol !== 'https:' || port !== '' || !isName)
    throw new DomainError(
      'conflict',
      'Only a website over https, under a domain name and without a port, proves a domain.',
    )
  return { domain: hostname, origin }
}

/** A fetch for proofs: public addresses only, small bodies, no redirects. */
export function proofFetch(allow: readonly string[]): Outbound {
  return createOutbound({ allow, timeoutMs, maxBytes: maxProofBytes, maxRedirects: 0 })
}

/** Looks at the file once. Never throws: whatever goes wrong over there is no proof. */
export async function lookForProof(
  fetch: Outbound['fetch'],
  { origin, vendorId }: { origin: string; vendorId: string },
): Promise<ProofFound> {
  const missing = (why: string): ProofFound => ({ found: 'missing', why })
  let reply: Response
  try {
    reply = await fetch(origin + proofPath, { headers: { accept: 'application/json' } })
  } catch (error) {
    return missing(whyNot(error))
  }
  if (reply.status >= 300 && reply.status < 400) return missing('it redirects, which is not followed')
  if (reply.status !== 200) return missing(`it answers ${reply.status}`)
  if (!/^application\/json\b/i.test(reply.headers.get('content-type') ?? ''))
    return missing('it is not application/json')
  const named = readVendorId(await reply.text())
  if (named === undefined) return missing('it is not the JSON object it should be')
  return named === vendorId ? { found: 'proven' } : { found: 'foreign', why: 'it names another business' }
}

function readVendorId(text: string): string | undefined {
  try {
    const proof = parseStrictJson(text)
    const vendorId =
      typeof proof === 'object' && proof !== null && 'vendorId' in proof ? proof.vendorId : undefined
    return typeof vendorId === 'string' ? vendorId : undefined
  } catch {
    return undefined
  }
}

/** The guard's own refusals are told, since the operator can do something about them. */
function whyNot(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'OutboundRefused') return 'its address is not a public one'
    if (cause.name === 'ReplyTooLarge') return 'it is too large'
    if (cause.name === 'TimeoutError') return 'it does not answer in time'
  }
  return 'it cannot be reached'
}
