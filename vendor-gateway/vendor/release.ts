import { setImmediate as nextTurn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { DomainError } from '#core/domain/errors.ts'
import { chooseGrant, endsAt, liveness } from '#core/domain/grant.ts'
import type { RefusalReason } from '#core/domain/facts.ts'
import { standingRefusal, visibleFields } from '#core/domain/standing.ts'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Commit, Committed, Ledger } from '#core/ledger/ledger.ts'
import type { PodAccount, PodRead, PodReader } from '#core/pods/pod.ts'
import { disclosureOf } from '#core/records/disclosures.ts'
import type { ReleaseBasis } from '#core/records/disclosures.ts'
import type { Names } from '#core/records/names.ts'
import type { Stored } from '#core/records/parts.ts'
import { peekVendorStanding, readVendorStanding } from '#core/records/vendors.ts'
import type { Grant, VendorStanding } from '#schemas/types.gen.ts'
import type { Caller } from '../tokens/authenticate.ts'
import { inParallel } from './parallel.ts'
import type { RefusalLog } from './refusal-log.ts'
import { dataText, RowWriter, valuesTag } from './row-text.ts'
import { SubjectRows } from './subject-rows.ts'
import type { Rows } from './subject-rows.ts'

/** What a business asks of each subject: known fields for one purpose. */
export interface Asked {
  readonly purpose: string
  readonly fields: readonly string[]
}

export type Verdict =
  /** The disclosure is on record; `text` is the JSON of its row, `tag` stands for the values in it (`valuesTag`). */
  | {
      readonly kind: 'released'
      readonly text: string
      readonly tag: string
      readonly reliesOn: ReleaseBasis
    }
  /** One answer for unknown, foreign, paused, expired, withdrawn, used up and pod lost. */
  | { readonly kind: 'unavailable' }
  /** The grant is live, but holds nothing of what is asked for this purpose. */
  | { readonly kind: 'not-granted' }
  /** Nothing leaves now: the pod could not confirm the values, or what the release relies on would not hold still. */
  | { readonly kind: 'later'; readonly refusal: DomainError }

export interface ReleaseDependencies {
  readonly ledger: Ledger
  readonly names: Names
  readonly pods: PodReader
  readonly refusals: RefusalLog
  readonly now: () => number
}

/** Subjects of a batch that are decided and committed in one go: no other request waits longer than for these. */
const CHUNK = 100
/** How often one subject is decided again because grant, customer or business changed meanwhile. */
const ATTEMPTS = 4
const PODS_AT_ONCE = 32
const CACHED_SCOPES = 1_000
const CACHED_RELEASES = 50_000
const CACHED_CHARACTERS = 32 * 1024 * 1024
/** After this long no further pod of a batch is asked: what is left is `later`. In ms. */
const BATCH_PATIENCE = 8_000
/** Characters of rows held together for one reply; subjects beyond are `later`. Pictures make rows of 350 kB. */
const MOST_HELD = 16_000_000

const unavailable: Verdict = { kind: 'unavailable' }
const notGranted: Verdict = { kind: 'not-granted' }
const tooLate = {
  kind: 'later',
  refusal: new DomainError('pod-unreachable', 'The pod was not asked in time'),
} as const satisfies Verdict
const contended = {
  kind: 'later',
  refusal: new DomainError('busy', 'Grant, customer or business changed each time it was decided'),
} as const satisfies Verdict
const tooMuch = {
  kind: 'later',
  refusal: new DomainError('busy', 'The reply is full'),
} as const satisfies Verdict

/** A release that nothing stands against but the values. */
interface Choice {
  readonly basis: ReleaseBasis
  readonly account: PodAccount
  readonly fields: readonly string[]
}

/** Without `of` the business has no such subject. */
interface Refused {
  readonly verdict: Verdict
  readonly of?: { readonly grant: Stored<Grant>; readonly reason: RefusalReason }
}

/** A release of these values, as often as it is asked for. */
interface Ready {
  readonly basis: ReleaseBasis
  readonly data: string
  /** The row up to what its commit adds. */
  readonly text: string
  readonly tag: string
  readonly commit: Commit
}

/** A release as it was decided, and everything that it was decided on: while all of that holds, so does it. */
interface Known {
  readonly ready: Ready
  readonly by: readonly Stored<unknown>[]
  readonly read: PodRead
}

/**
 * The only way data leaves Reach. Every row is one disclosure with one commit that checks the versions of grant,
 * customer and business that it was decided on; without that commit there is no row. When the commit is refused,
 * everything is read and decided again.
 */
export class Release {
  readonly #ledger: Ledger
  readonly #subjects: SubjectRows
  readonly #pods: PodReader
  readonly #refusals: RefusalLog
  readonly #now: () => number
  readonly #rows: RowWriter
  /** Equal questions under one number. */
  readonly #scopes = new LRUCache<string, Scope>({ max: CACHED_SCOPES })
  #scopesSeen = 0
  /** By business, scope and subject. */
  readonly #known = new LRUCache<string, Known>({
    max: CACHED_RELEASES,
    maxSize: CACHED_CHARACTERS,
    sizeCalculation: ({ ready }) => ready.text.length + ready.data.length,
  })
  /** Grant rows as read whose budget the ledger found spent. A row with more reads is another one. */
  readonly #usedUp = new WeakSet<Grant>()

  constructor(dependencies: ReleaseDependencies) {
    this.#ledger = dependencies.ledger
    this.#subjects = new SubjectRows(dependencies.ledger, dependencies.names)
    this.#pods = dependencies.pods
    this.#refusals = dependencies.refusals
    this.#now = dependencies.now
    this.#rows = new RowWriter(dependencies.ledger.log.origin)
  }

  /**
   * One verdict per subject, in order. Throws `vendor-suspended`, and what the ledger throws when it cannot record. A token
   * for one customer must have been held to its subject before.
   */
  async query(caller: Caller, subjects: readonly string[], asked: Asked): Promise<Verdict[]> {
    const scope = this.#scopeOf(withinToken(caller, asked))
    // Who asks for one subject waits as long as the pod may take.
    const deadline = subjects.length === 1 ? Infinity : this.#now() + BATCH_PATIENCE
    const verdicts: Verdict[] = []
    let held = 0
    for (let at = 0; at < subjects.length && held < MOST_HELD; at += CHUNK) {
      if (at > 0) await nextTurn()
      const released = await this.#release(caller, subjects.slice(at, at + CHUNK), scope, deadline)
      for (const verdict of released) if (verdict.kind === 'released') held += verdict.text.length
      verdicts.push(...released)
    }
    while (verdicts.length < subjects.length) verdicts.push(tooMuch)
    for (const [i, verdict] of verdicts.entries())
      if (verdict.kind === 'released' && !this.#isNewest(verdict.reliesOn))
        if (!(await this.#stillHolds(verdict.reliesOn))) verdicts[i] = unavailable
    return verdicts
  }

  async #release(
    caller: Caller,
    subjects: readonly string[],
    scope: Scope,
    deadline: number,
  ): Promise<Verdict[]> {
    // What is still open after the last attempt was changed under every one of them.
    const verdicts = subjects.map((): Verdict => contended)
    let open: readonly number[] = [...subjects.keys()]
    for (let attempt = 1; attempt <= ATTEMPTS && open.length > 0; attempt++) {
      const known = peekVendorStanding(this.#ledger, caller.vendorId)
      const standing =
        known?.value.state === 'active' ? known : await readVendorStanding(this.#ledger, caller.vendorId)
      const query = { caller, vendor: active(standing), scope }
      const tried = open.map((at) => subjects[at] ?? '')
      const decided = tried.map((subject) => this.#decideNow(query, subject))
      if (decided.includes(undefined)) await this.#decideWaiting(query, tried, decided, deadline)
      const ready: Ready[] = []
      const places: number[] = []
      for (const [i, at] of open.entries()) {
        const outcome = decided[i] ?? unavailable
        if ('commit' in outcome) {
          ready.push(outcome)
          places.push(at)
        } else verdicts[at] = outcome
      }
      if (ready.length === 0) break
      const outcomes = await this.#ledger.commitEach(ready.map(({ commit }) => commit))
      const again: number[] = []
      for (const [i, release] of ready.entries()) {
        const at = places[i] ?? -1
        const outcome = outcomes[i]
        if (outcome instanceof CommitRefused && outcome.reason === 'exhausted')
          this.#usedUp.add(release.basis.grant.value)
        if (outcome === undefined || outcome instanceof CommitRefused) again.push(at)
        else verdicts[at] = this.#released(release, outcome)
      }
      open = again
    }
    return verdicts
  }

  /** What could not be decided at once needs the disk or a pod: it waits, and for a bounded time. */
  async #decideWaiting(
    query: Query,
    subjects: readonly string[],
    decided: (Ready | Verdict | undefined)[],
    deadline: number,
  ): Promise<void> {
    const waiting = [...subjects.keys()].filter((i) => decided[i] === undefined)
    await inParallel(waiting, PODS_AT_ONCE, async (i) => {
      decided[i] = await this.#decideSlowly(query, subjects[i] ?? '', this.#now() < deadline)
    })
    if (subjects.length > 1) await this.#decideAgain(query, subjects, decided)
  }

  /** While some waited, what was ready may have outlived the time for which its pod confirmed it. */
  async #decideAgain(
    query: Query,
    subjects: readonly string[],
    decided: (Ready | Verdict | undefined)[],
  ): Promise<void> {
    const ready = [...subjects.entries()].filter(([i]) => isReady(decided[i]))
    await inParallel(ready, PODS_AT_ONCE, async ([i, subject]) => {
      decided[i] = this.#decideNow(query, subject) ?? (await this.#decideSlowly(query, subject, true))
    })
    for (const [i, subject] of ready)
      if (isReady(decided[i])) decided[i] = this.#decideNow(query, subject) ?? tooLate
  }

  #decideNow(query: Query, subject: string): Ready | Verdict | undefined {
    const { caller, scope } = query
    const place = `${caller.vendorId}/${caller.token.grantId ?? ''}/${scope.id}/${subject}`
    const known = this.#known.peek(place)
    if (known !== undefined && this.#holds(known, query)) return known.ready
    const rows = this.#subjects.peek(caller, subject)
    if (rows === undefined) return undefined
    const choice = this.#choose(query, rows)
    // No commit stands behind a refusal, so what another process may have changed is read first.
    if ('verdict' in choice)
      return rows.by.every((row) => this.#ledger.isNewest(row)) ? this.#counted(choice) : undefined
    const read = this.#pods.peek(choice.account, choice.fields)
    if (read === undefined) return undefined
    const ready = this.#ready(query, choice, read)
    this.#known.set(place, { ready, by: rows.by, read })
    return ready
  }

  /** A grant as read, alone or among the same others, is chosen until it ends or is used up. */
  #holds({ ready, by, read }: Known, { vendor }: Query): boolean {
    const { basis } = ready
    const grant = basis.grant.value
    if (basis.vendor !== vendor || this.#now() > endsAt(grant) || this.#usedUp.has(grant)) return false
    for (const row of by) if (!this.#ledger.isNewest(row)) return false
    return this.#pods.holds(read)
  }

  async #decideSlowly(
    query: Query,
    subject: string,
    mayWait: boolean,
    again = true,
  ): Promise<Ready | Verdict> {
    const choice = this.#choose(query, await this.#subjects.read(query.caller, subject))
    if ('verdict' in choice) return this.#counted(choice)
    try {
      const { account, fields } = choice
      const read = this.#pods.peek(account, fields)
      if (read === undefined && !mayWait) throw tooLate.refusal
      return this.#ready(query, choice, read ?? (await this.#pods.read(account, fields)))
    } catch (error) {
      // Recorded by now, and perhaps of one category only.
      const lost = error instanceof DomainError && error.code === 'pod-access-lost'
      if (lost && again) return this.#decideSlowly(query, subject, mayWait, false)
      return this.#podRefusal(choice, error)
    }
  }

  #choose({ vendor, scope }: Query, { grants, customer, account }: Rows): Choice | Refused {
    const now = this.#now()
    const usedUp = grants.find((grant) => this.#usedUp.has(grant.value))
    const left = usedUp === undefined ? grants : grants.filter((grant) => !this.#usedUp.has(grant.value))
    const choice = chooseGrant(left, scope, now)
    const held = 'held' in choice ? choice.held : nearest(left, choice.refused, now)
    if (held === undefined) {
      if (usedUp !== undefined) return refused(usedUp, 'used-up', unavailable)
      return { verdict: unavailable }
    }
    const isUnseen = 'held' in choice || choice.refused === 'not-granted'
    const standing = isUnseen ? standingRefusal(customer?.value, vendor.value) : undefined
    if (standing !== undefined || customer === undefined || account === undefined)
      return refused(held, standing ?? 'access-lost', unavailable)
    if (!('held' in choice))
      return refused(held, choice.refused, choice.refused === 'not-granted' ? notGranted : unavailable)
    // What a category holds that another app has shut is as good as not granted: the rest goes on.
    const fields = visibleFields(choice.fields, customer.value)
    if (fields.length === 0) return refused(held, 'access-lost', unavailable)
    return { basis: { grant: held, customer, vendor }, account: account.value, fields }
  }

  #podRefusal({ basis }: Choice, error: unknown): Verdict {
    if (!(error instanceof DomainError)) throw error
    if (error.code === 'pod-access-lost')
      return this.#counted(refused(basis.grant, 'access-lost', unavailable))
    if (error.code !== 'pod-unreachable' && error.code !== 'pod-unreadable') throw error
    return this.#counted(refused(basis.grant, 'unreachable', { kind: 'later', refusal: error }))
  }

  #counted({ of, verdict }: Refused): Verdict {
    if (of === undefined) this.#refusals.countUnknown()
    else this.#refusals.count(of.grant.value, of.reason)
    return verdict
  }

  #ready({ scope }: Query, { basis, account, fields }: Choice, { fragments }: PodRead): Ready {
    const grant = basis.grant.value
    const data = dataText(fields, fragments)
    const commit = disclosureOf(grant, scope.purpose, fields)(basis, { who: account.webId, data })
    return { basis, data, text: this.#rows.begin(grant, data), tag: valuesTag(grant, data), commit }
  }

  #scopeOf({ purpose, fields }: Asked): Scope {
    const text = `${purpose} ${fields.join()}`
    // Moved to the front: a business that asks in a thousand ways must not push out how all others ask.
    let scope = this.#scopes.get(text)
    if (scope === undefined) this.#scopes.set(text, (scope = { purpose, fields, id: ++this.#scopesSeen }))
    return scope
  }

  /**
   * The commit has refused what ended BEFORE it in the log. This last look drops as well what ended since, as
   * while a batch waited for its other pieces, so that nothing is sent after the customer was told that it
   * ended. The entry stays: the log may say too much, never too little.
   */
  async #stillHolds({ grant, customer, vendor }: ReleaseBasis): Promise<boolean> {
    for (const { key, version } of [grant, customer, vendor])
      if ((await this.#ledger.get(key))?.version !== version) return false
    return true
  }

  /** The same without I/O and looking anything up; `false` says nothing. */
  #isNewest({ grant, customer, vendor }: ReleaseBasis): boolean {
    const ledger = this.#ledger
    return ledger.isNewest(grant) && ledger.isNewest(customer) && ledger.isNewest(vendor)
  }

  #released({ basis, text, tag }: Ready, committed: Committed): Verdict {
    return { kind: 'released', text: this.#rows.end(text, committed), tag, reliesOn: basis }
  }
}

interface Query {
  readonly caller: Caller
  readonly vendor: Stored<VendorStanding>
  readonly scope: Scope
}

/** What is asked, by a number: what was made for one question is found by it for every equal one. */
interface Scope extends Asked {
  readonly id: number
}

function refused(grant: Stored<Grant>, reason: RefusalReason, verdict: Verdict): Refused {
  return { verdict, of: { grant, reason } }
}

/** Throws `vendor-suspended`. */
function active(standing: Stored<VendorStanding> | undefined): Stored<VendorStanding> {
  if (standing?.value.state !== 'active')
    throw new DomainError('vendor-suspended', 'The business is suspended: nothing is released to it')
  return standing
}

function isReady(outcome: Ready | Verdict | undefined): boolean {
  return outcome !== undefined && 'commit' in outcome
}

/** A token holds a ceiling, which may be lower than the grant; one of the business has none unless told. */
function withinToken({ token }: Caller, asked: Asked): Asked {
  if (token.batch && token.ceiling.size === 0) return asked
  const allowed = token.ceiling.get(asked.purpose)
  return { ...asked, fields: asked.fields.filter((field) => allowed?.has(field) === true) }
}

/** The grant that a refusal is about. */
function nearest(grants: readonly Stored<Grant>[], refused: string, now: number): Stored<Grant> | undefined {
  const state = refused === 'not-granted' ? 'live' : refused
  return grants.find((grant) => liveness(grant.value, now) === state)
}
