import { DomainError } from '#core/domain/errors.ts'
import { formatTime } from '#core/domain/times.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { newId } from '#core/records/ids.ts'
import { forget, keepSampleCustomer, listSampleCustomers, readSampleCustomer } from '#core/records/sandbox.ts'
import type { SampleCustomer } from '#core/records/sandbox.ts'
import type { Stored } from '#core/records/parts.ts'
import type {
  Grants,
  GrantView,
  NewSandboxCustomer,
  SandboxAct,
  SandboxCustomer,
  SandboxCustomers,
  SandboxDecision,
  SandboxGrant,
  SandboxOutcome,
} from '#schemas/types.gen.ts'
import { createSampleCustomer, fillPod, SAMPLE_DATA, SampleBrowser } from './sample-customer.ts'
import { answerRequest } from './scripted-decision.ts'
import { vaultLife } from './vaults.ts'

/** At once, of one business. */
export const mostOfOne = 20
/** Looked at by one sweep. */
const mostAtOnce = 500
const prefix = 'sandbox'

export interface SampleCustomers {
  create(vendorId: string, wanted: NewSandboxCustomer): Promise<SandboxCustomer>
  list(vendorId: string): Promise<SandboxCustomers>
  /** She answers a request as the script says, through the decision page. */
  decide(vendorId: string, customerId: string, script: SandboxDecision): Promise<SandboxOutcome>
  /** She pauses, resumes or withdraws a grant. */
  act(vendorId: string, held: { customerId: string; grantId: string }, act: SandboxAct): Promise<SandboxGrant>
  remove(vendorId: string, customerId: string): Promise<void>
  /** Ends those whose time is up; gives how many. */
  sweep(): Promise<number>
}

/**
 * Sample customers and what they are made to do. Each belongs to the business that made her; to every other one she is
 * `not-found`. Whatever she does goes over the pages of the sandbox's vault and is as real as there.
 */
export function sampleCustomers({
  ledger,
  vaultUrl,
  removePod,
  now,
}: {
  ledger: Ledger
  vaultUrl: string
  removePod: (podUrl: string) => Promise<void>
  now: () => number
}): SampleCustomers {
  /** Being made, so that many at once cannot pass the bounds together. */
  let coming: string[] = []

  async function load(vendorId: string, customerId: string): Promise<Stored<SampleCustomer>> {
    const stored = await readSampleCustomer(ledger, vendorId, customerId)
    if (stored === undefined || hasEnded(stored.value))
      throw new DomainError('not-found', 'There is no such customer.')
    return stored
  }
  const hasEnded = ({ createdAt }: SampleCustomer): boolean => now() - createdAt >= vaultLife
  const browserOf = ({ value }: Stored<SampleCustomer>) => new SampleBrowser(vaultUrl, value.cookies)

  /** Counts and enters in one go: nobody comes in between. */
  async function enter(vendorId: string): Promise<void> {
    const own = await listSampleCustomers(ledger, { vendorId, limit: mostOfOne })
    const ownComing = coming.filter((other) => other === vendorId).length
    if (own.length + ownComing >= mostOfOne)
      throw new DomainError('rate-limited', 'There are as many sample customers as may be: end one first.', {
        retryAfter: 60,
      })
    coming.push(vendorId)
  }

  /** What she allowed ends in the log like anybody's; then her pod goes. Doing it again does what is left. */
  async function end(stored: Stored<SampleCustomer>): Promise<void> {
    const browser = browserOf(stored)
    try {
      const { grants } = await browser.call<Grants>('GET', '/api/grants')
      for (const { grantId, state } of grants)
        if (state === 'active' || state === 'waiting' || state === 'paused')
          await browser.call('POST', `/api/grants/${grantId}/withdraw`, {})
    } catch (error) {
      // Without a session her grants end by themselves; the pod must go all the same.
      if (!(error instanceof DomainError)) throw error
    }
    await removePod(stored.value.podUrl)
    await ledger.commit(forget(stored))
  }

  return {
    async create(vendorId, { data = SAMPLE_DATA }) {
      await enter(vendorId)
      try {
        const { browser, me } = await createSampleCustomer(vaultUrl, prefix)
        const { accountId = '', webId = '' } = me
        const customer: SampleCustomer = {
          v: 1,
          customerId: newId(),
          vendorId,
          accountId,
          podUrl: new URL('../', webId).href,
          cookies: browser.sessionCookies,
          createdAt: now(),
        }
        await ledger.commit(keepSampleCustomer(customer))
        await fillPod(browser, data).catch(async (error: unknown) => {
          await end(await load(vendorId, customer.customerId))
          throw error
        })
        return viewOf(customer)
      } finally {
        const [, ...others] = coming.filter((other) => other === vendorId)
        coming = [...coming.filter((other) => other !== vendorId), ...others]
      }
    },

    async list(vendorId) {
      const rows = await listSampleCustomers(ledger, { vendorId, limit: mostOfOne })
      return { customers: rows.filter(({ value }) => !hasEnded(value)).map(({ value }) => viewOf(value)) }
    },

    async decide(vendorId, customerId, script) {
      return answerRequest(browserOf(await load(vendorId, customerId)), { vaultUrl, script })
    },

    async act(vendorId, { customerId, grantId }, { act, askDeletion }) {
      const browser = browserOf(await load(vendorId, customerId))
      const { state } = await browser.call<GrantView>(
        'POST',
        `/api/grants/${encodeURIComponent(grantId)}/${act}`,
        act === 'withdraw' && askDeletion === true ? { askDeletion } : {},
      )
      return { grantId, state }
    },

    async remove(vendorId, customerId) {
      await end(await load(vendorId, customerId))
    },

    async sweep() {
      const rows = await listSampleCustomers(ledger, { limit: mostAtOnce })
      const old = rows.filter(({ value }) => hasEnded(value))
      const failures: unknown[] = []
      // One that cannot be ended now keeps nobody else.
      for (const stored of old) await end(stored).catch((error: unknown) => failures.push(error))
      if (failures.length > 0) throw new AggregateError(failures, 'sample customers that could not be ended')
      return old.length
    },
  }
}

function viewOf({ customerId, createdAt }: SampleCustomer): SandboxCustomer {
  return { customerId, createdAt: formatTime(createdAt), endsAt: formatTime(createdAt + vaultLife) }
}
