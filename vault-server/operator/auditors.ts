/** What the operator does about auditors. All of it ends up in the log. */
import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { factMembers } from '#core/domain/facts.ts'
import { plainTextFault } from '#core/domain/plain-text.ts'
import { parseTime } from '#core/domain/times.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import {
  auditorEntry,
  changeAuditor,
  createAuditor,
  givePass,
  listAuditors,
  readAuditor,
} from '#core/records/auditors.ts'
import type { Auditor } from '#core/records/auditors.ts'
import { newHandle, newId } from '#core/records/ids.ts'
import type { Names } from '#core/records/names.ts'
import { combine } from '#core/records/parts.ts'
import { readVendor } from '#core/records/vendors.ts'
import type { AuditorInvitation } from '#schemas/types.gen.ts'

export type AuditorRow = Auditor & { readonly state: AuditorState }
export type AuditorState = 'invited' | 'active' | 'expired' | 'revoked'

export interface Invited {
  readonly auditorId: string
  /** Good once, within 7 days. */
  readonly invitation: string
  /** Opens the page that redeems it. */
  readonly link: string
}

export interface AuditorOperator {
  /** Lets somebody look behind entries, as far as the invitation says. */
  invite(invitation: AuditorInvitation): Promise<Invited>
  list(): Promise<readonly AuditorRow[]>
  /** From this commit on the auditor sees nothing more. */
  revoke(auditorId: string): Promise<AuditorRow>
}

const day = 86_400_000
const invitationMs = 7 * day
const longestMs = 400 * day

/** `now` in Unix ms. */
export function auditorOperator({
  ledger,
  names,
  vaultUrl,
  now,
}: {
  ledger: Ledger
  names: Names
  vaultUrl: string
  now: () => number
}): AuditorOperator {
  return {
    async invite(asked) {
      const at = now()
      const { name, expiresAt, scope } = await checked(ledger, asked, at)
      const auditor: Auditor = { v: 1, auditorId: newId(), name, scope, invitedAt: at, expiresAt }
      const { auditorId } = auditor
      const invitation = newHandle()
      const passEnd = Math.min(at + invitationMs, expiresAt)
      const fact = { type: 'auditor-invited', auditor: auditorId, ...scope, expires: expiresAt } as const
      await ledger.commit(
        combine(
          createAuditor(auditor),
          givePass(names, 'invitation', invitation, { auditorId, expiresAt: passEnd }),
          { entries: [auditorEntry(fact)] },
        ),
      )
      // Behind the hash: no server and no log of one ever sees it.
      return { auditorId, invitation, link: `${vaultUrl}/audit/join#${invitation}` }
    },
    list: async () => (await listAuditors(ledger)).map(({ value }) => row(value, now())),
    async revoke(auditorId) {
      for (let attempt = 1; ; attempt++) {
        const stored = await readAuditor(ledger, auditorId)
        if (stored === undefined) throw new DomainError('not-found', 'There is no such auditor')
        if (stored.value.revokedAt !== undefined) return row(stored.value, now())
        const revokedAt = now()
        try {
          await ledger.commit(
            combine(changeAuditor(stored, { revokedAt }), {
              entries: [auditorEntry({ type: 'auditor-revoked', auditor: auditorId })],
            }),
          )
          return row({ ...stored.value, revokedAt }, revokedAt)
        } catch (error) {
          if (!(error instanceof CommitRefused) || attempt === 5) throw error
        }
      }
    },
  }
}

function row(auditor: Auditor, now: number): AuditorRow {
  return { ...auditor, state: stateOf(auditor, now) }
}

function stateOf({ revokedAt, expiresAt, joinedAt }: Auditor, now: number): AuditorState {
  if (revokedAt !== undefined) return 'revoked'
  if (now > expiresAt) return 'expired'
  return joinedAt === undefined ? 'invited' : 'active'
}

async function checked(
  ledger: Ledger,
  { name, businesses, from, to, shown, expires }: AuditorInvitation,
  now: number,
): Promise<Pick<Auditor, 'name' | 'expiresAt' | 'scope'>> {
  const violations: Violation[] = []
  const time = (pointer: string, text: string | undefined): number | undefined => {
    const read = text === undefined ? undefined : parseTime(text)
    if (text !== undefined && read === undefined)
      violations.push({ pointer, detail: 'is no RFC 3339 date and time' })
    return read
  }
  const fault = plainTextFault(name)
  if (fault !== undefined) violations.push({ pointer: '/name', detail: fault })
  const since = time('/from', from)
  const before = time('/to', to)
  const expiresAt = time('/expires', expires) ?? 0
  if (since !== undefined && before !== undefined && since >= before)
    violations.push({ pointer: '/to', detail: 'must be later than from' })
  if (violations.length === 0 && (expiresAt <= now || expiresAt > now + longestMs))
    violations.push({ pointer: '/expires', detail: 'must lie ahead, by 400 days at most' })
  for (const [i, id] of (businesses ?? []).entries())
    if ((await readVendor(ledger, id)) === undefined)
      violations.push({ pointer: `/businesses/${i}`, detail: 'is no business here' })
  for (const [i, member] of (shown ?? []).entries())
    if (!factMembers.some((known) => known === member))
      violations.push({ pointer: `/shown/${i}`, detail: `must be one of ${factMembers.join(', ')}` })
  if (violations.length > 0)
    throw new DomainError('invalid-input', 'The invitation is not valid', { violations })
  const scope = {
    ...(businesses && { businesses }),
    ...(since !== undefined && { since }),
    ...(before !== undefined && { before }),
    ...(shown && { shown }),
  }
  return { name, expiresAt, scope }
}
