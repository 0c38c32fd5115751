/**
 * How `reach` reaches the operator's acts: over the port of the Reach that runs, else on the ledger itself
 * while none does. See docs/decisions/0003-operator-port.md.
 */
import { readFile } from 'node:fs/promises'
import type { Config } from '#core/config.ts'
import { DomainError } from '#core/domain/errors.ts'
import { LedgerInUse } from '#core/ledger/ledger.ts'
import type { SandboxDoor } from '../vault-server/admin.ts'
import type { AuditorOperator } from '../vault-server/operator/auditors.ts'
import type { CustomerOperator } from '../vault-server/operator/customers.ts'
import type { LogOperator } from '../vault-server/operator/log.ts'
import type { SigningKeyOperator } from '../vault-server/operator/signing-keys.ts'
import { operatorTokenPath } from '../vault-server/operator/token-path.ts'
import type { VendorOperator } from '../vault-server/operator/vendors.ts'
import { CommandFailed, EXIT } from './exit.ts'

export interface OperatorSettings {
  readonly config: Config
  /** Unix ms. */
  readonly now: () => number
}

/** What the operator can do here: the acts on businesses, letting one into the sandbox, the acts on auditors and on customers. */
export type Operator = VendorOperator & {
  readonly addToSandbox: SandboxDoor['add']
  readonly auditors: AuditorOperator
  readonly customers: CustomerOperator
  readonly log: LogOperator
  readonly signingKeys: SigningKeyOperator
}

/** Why nothing was done, where the answer leaves it out. */
const REFUSALS: Readonly<Record<number, string>> = {
  500: 'Reach met a fault of its own: its log has a line about it (request-failed).',
  503: 'The ledger of this Reach has stopped: look at its disk or database, then start it again.',
}

export type Act<Result> = (operator: Operator) => Promise<Result>

/** Runs one act of the operator on businesses. Throws `CommandFailed` with what to do next. */
export async function asOperator<Result>(settings: OperatorSettings, act: Act<Result>): Promise<Result> {
  const { config } = settings
  const token = await readFile(operatorTokenPath(config), 'utf8').catch(() => undefined)
  const url = `http://127.0.0.1:${config.adminPort}`
  try {
    if (token !== undefined && (await answers(url))) return await act(overPort(url, token.trim()))
    // All of Reach but its servers: only whoever has to waits for that.
    const { onLedger } = await import('./ledger-operator.ts')
    return await onLedger(settings, act)
  } catch (error) {
    if (error instanceof DomainError) throw new CommandFailed(EXIT.failed, error.message, { cause: error })
    if (error instanceof LedgerInUse)
      throw new CommandFailed(
        EXIT.unreachable,
        `A Reach runs on this data folder, but none answers at ${url}: set REACH_ADMIN_PORT as it has it.`,
        { cause: error },
      )
    throw error
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/health`, { signal: AbortSignal.timeout(10_000) }).then(
    () => true,
    () => false,
  )
}

function overPort(url: string, token: string): Operator {
  async function call<Reply>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Reply> {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    }).catch(notReach)
    type Refusal = { detail?: string; errors?: { pointer: string; detail: string }[] }
    const reply = (await response.json().catch(notReach)) as Reply & Refusal
    if (response.ok) return reply
    const faults = (reply.errors ?? []).map(({ pointer, detail }) => `\n  ${pointer} ${detail}`)
    const { detail = REFUSALS[response.status] ?? `Reach answered ${response.status}.` } = reply
    throw new CommandFailed(EXIT.failed, detail + faults.join(''))
  }
  const notReach = (cause: unknown): never => {
    throw new CommandFailed(EXIT.unreachable, `${url} answers, but not as a Reach does.`, { cause })
  }
  const one = (vendorId: string): string => `/vendors/${encodeURIComponent(vendorId)}`
  return {
    add: (business) => call('POST', '/vendors', business),
    addToSandbox: (business) => call('POST', '/vendors/sandbox', business),
    readmit: (vendorId) => call('POST', `${one(vendorId)}/readmit`, {}),
    async list({ after } = {}) {
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
      const { vendors } = await call<{ vendors: Awaited<ReturnType<VendorOperator['list']>> }>(
        'GET',
        `/vendors${query}`,
      )
      return vendors
    },
    show: (vendorId) => call('GET', one(vendorId)),
    change: (vendorId, corrected) => call('POST', `${one(vendorId)}/change`, corrected),
    suspend: (vendorId) => call('POST', `${one(vendorId)}/suspend`, {}),
    reinstate: (vendorId) => call('POST', `${one(vendorId)}/reinstate`, {}),
    rotateKeys: (vendorId) => call('POST', `${one(vendorId)}/rotate-keys`, {}),
    prove: (vendorId, domain) =>
      call('POST', `${one(vendorId)}/prove`, domain === undefined ? {} : { domain }),
    remove: (vendorId) => call('POST', `${one(vendorId)}/remove`, {}),
    auditors: {
      invite: (invitation) => call('POST', '/auditors', invitation),
      async list() {
        type Reply = { auditors: Awaited<ReturnType<AuditorOperator['list']>> }
        return (await call<Reply>('GET', '/auditors')).auditors
      },
      revoke: (auditorId) => call('POST', `/auditors/${encodeURIComponent(auditorId)}/revoke`, {}),
    },
    log: {
      rotateKey: (overlapDays) => call('POST', '/log/rotate-key', { overlapDays }),
    },
    signingKeys: {
      rotate: (use, isStolen) => call('POST', '/keys/rotate', { use, isStolen }),
    },
    customers: {
      async list({ after } = {}) {
        const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
        type Reply = { customers: Awaited<ReturnType<CustomerOperator['list']>> }
        return (await call<Reply>('GET', `/customers${query}`)).customers
      },
      find: (webId) => call('POST', '/customers/find', { webId }),
      show: (accountId) => call('GET', `/customers/${encodeURIComponent(accountId)}`),
      erase: (accountId, order) => call('POST', `/customers/${encodeURIComponent(accountId)}/erase`, order),
    },
  }
}
