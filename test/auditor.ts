/** An auditor of a Reach that runs: invited by the operator, signed in in a browser, with the key for programs. */
import type { AuditorInvitation, AuditorView } from '../schemas/types.gen.ts'
import { auditorOperator } from '../vault-server/operator/auditors.ts'
import type { AuditorOperator } from '../vault-server/operator/auditors.ts'
import { createNames } from '../core/records/names.ts'
import type { Answer, VaultBrowser } from './vault.ts'
import type { World } from './world.ts'

export interface TestAuditor {
  readonly auditorId: string
  readonly token: string
  readonly browser: VaultBrowser
  /** One look, with a reason; `path` such as `search`. */
  look(path: string, asked?: object): Promise<Answer>
}

export async function auditorsOf({ reach, config, clock }: World): Promise<AuditorOperator> {
  const names = createNames(await reach.keys.secret('names'))
  const now = () => Date.now() + clock.ahead
  return auditorOperator({ ledger: reach.ledger, names, vaultUrl: config.vaultUrl, now })
}

export const inAYear = (): string => new Date(Date.now() + 300 * 86_400_000).toISOString()

export async function newAuditor(
  world: World,
  browser: VaultBrowser,
  invitation: Partial<AuditorInvitation> = {},
): Promise<TestAuditor> {
  const operator = await auditorsOf(world)
  const asked = { name: 'Quill and Partners', expires: inAYear(), ...invitation }
  const { auditorId, invitation: pass } = await operator.invite(asked)
  const joined = await browser.post('/api/audit/join', { pass })
  if (joined.status !== 201) throw new Error(`not joined: ${joined.status} ${JSON.stringify(joined.body)}`)
  const { token = '' } = joined.body as AuditorView
  return {
    auditorId,
    token,
    browser,
    look: (path, asked = {}) => browser.post(`/api/audit/${path}`, { reason: 'The yearly review', ...asked }),
  }
}
