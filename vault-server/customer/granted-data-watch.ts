import { liveness } from '#core/domain/grant.ts'
import { every } from '#core/jobs/every.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Logger } from '#core/logger.ts'
import type { PodReader } from '#core/pods/pod.ts'
import { readAccount } from '#core/records/accounts.ts'
import { listVendorGrants } from '#core/records/grants.ts'
import { listVendors } from '#core/records/vendors.ts'
import { listEndpoints, wants } from '#core/records/webhook-endpoints.ts'
import type { Grant } from '#schemas/types.gen.ts'

/** The first look comes a minute after the start; then a change is noticed at the latest after so long. */
const lookEveryMs = 6 * 3_600_000
const askEveryMs = 60_000
const page = 200
const atOnce = 4

interface WatchParts {
  readonly reader: LedgerReader
  readonly pods: PodReader
  /** Unix ms. */
  readonly now: () => number
}

/**
 * Changes of a pod that is at hand are noticed when they happen. What was not read since the start, or had to make room,
 * is read here from time to time: as far as it is granted to a business that wants to be told.
 */
export function watchGrantedData({ log, ...parts }: WatchParts & { readonly log: Logger }): AsyncDisposable {
  let stopping = false
  let looked: number | undefined
  const watch = every(askEveryMs, async () => {
    const at = parts.now()
    if (looked !== undefined && at - looked < lookEveryMs) return
    looked = at
    await lookAtGrantedData(parts, () => stopping).catch((error: unknown) =>
      log.error('jobs-failed', { job: 'granted-data' }, error),
    )
  })
  return {
    async [Symbol.asyncDispose]() {
      stopping = true
      await watch[Symbol.asyncDispose]()
    },
  }
}

/** Reads every granted field of every business that wants to hear of changes, through the cache that notices them. */
export async function lookAtGrantedData(parts: WatchParts, isStopping = () => false): Promise<void> {
  for (let after: string | undefined; ;) {
    const vendors = await listVendors(parts.reader, {
      limit: page,
      ...(after === undefined ? {} : { after }),
    })
    for (const { value } of vendors) {
      const endpoints = await listEndpoints(parts.reader, value.vendorId)
      if (endpoints.some((endpoint) => wants(endpoint.value, 'data.changed')))
        await lookFor(parts, value.vendorId, isStopping)
    }
    after = vendors.at(-1)?.value.vendorId
    if (vendors.length < page || isStopping()) return
  }
}

async function lookFor(parts: WatchParts, vendorId: string, isStopping: () => boolean): Promise<void> {
  for (let after: string | undefined; ;) {
    const { rows, next } = await listVendorGrants(parts.reader, vendorId, { after, limit: page })
    const live = rows.filter(({ value }) => liveness(value, parts.now()) === 'live')
    for (let at = 0; at < live.length && !isStopping(); at += atOnce)
      await Promise.all(live.slice(at, at + atOnce).map(({ value }) => look(parts, value)))
    if (next === undefined || isStopping()) return
    after = next
  }
}

/** What cannot be read now is read the next time. */
async function look({ reader, pods }: WatchParts, { accountId, items }: Grant): Promise<void> {
  const account = await readAccount(reader, accountId)
  if (account === undefined) return
  const fields = [...new Set(items.flatMap((item) => item.fields))]
  await pods.read(account.value, fields).catch(() => undefined)
}
