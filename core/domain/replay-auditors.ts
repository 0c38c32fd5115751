/** Auditors while a log is played: whom the operator let look, and at what. */
import type { Fact, FactOf } from './facts.ts'
import type { Report } from './replay.ts'

type AuditorFact = Extract<Fact, { readonly auditor: string }>

interface AuditorState {
  readonly invited: FactOf<'auditor-invited'>
  joined: boolean
  revoked: boolean
}

/** Every look has an invitation behind it that was taken up, covers it, and has neither ended nor been revoked. */
export class ReplayedAuditors {
  readonly #auditors = new Map<string, AuditorState>()

  see(index: number, fact: AuditorFact, report: Report): void {
    if (fact.type === 'auditor-invited') {
      this.#auditors.set(fact.auditor, { invited: fact, joined: false, revoked: false })
      return
    }
    if (fact.type === 'audited' && isNoRange(fact, index)) report('beyond-log')
    const auditor = this.#auditors.get(fact.auditor)
    if (auditor === undefined) return report('auditor-unknown')
    if (fact.type === 'auditor-revoked') auditor.revoked = true
    else if (auditor.revoked || fact.time > auditor.invited.expires) report('auditor-not-allowed')
    else if (fact.type === 'auditor-joined') auditor.joined = true
    else if (!auditor.joined || isBeyond(fact, auditor.invited)) report('auditor-not-allowed')
  }
}

/** Customers are told of the looks that cover entries of theirs: one that tells of fewer than were shown hides itself. */
function isNoRange({ first, end, count }: FactOf<'audited'>, index: number): boolean {
  return end > index || count > end - first
}

function isBeyond(
  look: FactOf<'audited'>,
  { businesses, since, before, shown }: FactOf<'auditor-invited'>,
): boolean {
  const hides = (member: string) => shown?.includes(member) === false
  return (
    (businesses !== undefined && look.businesses?.every((id) => businesses.includes(id)) !== true) ||
    (businesses === undefined && look.businesses !== undefined && hides('vendor')) ||
    (look.ofPurpose !== undefined && (hides('purpose') || hides('items'))) ||
    (look.ofGrant !== undefined && hides('grant')) ||
    (since !== undefined && (look.since ?? 0) < since) ||
    (before !== undefined && (look.before ?? Infinity) > before)
  )
}
