import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'
import { errors, Provider } from 'oidc-provider'
import { CommitRefused } from '#core/ledger/ledger.ts'
import type { Json, Ledger, Row, Write } from '#core/ledger/ledger.ts'
import { oauthIssuedKey, oauthIssuedPrefix, oauthModelKey, oauthUidKey } from '#core/records/oauth-models.ts'
import type { CommitParts } from '#core/records/parts.ts'
import { collecting } from './collected.ts'

/** Seconds by which clocks may differ: the library accepts records for so long after their end. */
export const clockTolerance = 10

/**
 * The longest time for which a proof or assertion can be good, in ms: how long a first use is remembered at
 * least.
 */
const replayMemory = 900_000

/**
 * What belongs to our grants and requests; the adapter asks for it at the moments when a commit must hold
 * both.
 */
export interface AdapterHooks {
  /** A new record that asks a customer: the access request it is about, if that is not there yet. */
  received(model: string, payload: AdapterPayload): Promise<CommitParts>
  /** A business asks whether there is an answer. Throws when it asks too often. */
  polled(id: string): Promise<void>
  /**
   * What this OAuth Grant was answered with is used now: our grant is redeemed with it. Throws when our grant cannot be.
   * `presented`: what came as the customer's pick-up code, where one is needed.
   */
  redeemed(oauthGrantId: string, presented?: { readonly code: unknown }): Promise<CommitParts>
  /**
   * An OAuth Grant ends because a code came twice or its refresh token was given back: our grant lives on.
   */
  ended(oauthGrantId: string): Promise<CommitParts>
}

/**
 * Storage of node-oidc-provider on the ledger. The library checks first and writes later, so every race ends
 * here: `find` of ReplayDetection is a test-and-set, `consume` a compare-and-set. Changing or ending one of
 * our grants never goes through here. A Grant is only ever created: its `save` knows no version and could
 * undo an end.
 */
export function ledgerAdapter({
  ledger,
  now,
  hooks,
}: {
  ledger: Ledger
  now: () => number
  hooks: AdapterHooks
}): AdapterFactory {
  return (model) => new LedgerAdapter(model, { ledger, now, hooks })
}

type Payload = AdapterPayload & { readonly consumed?: unknown }

class LedgerAdapter implements Adapter {
  readonly #model: string
  readonly #ledger: Ledger
  readonly #now: () => number
  readonly #hooks: AdapterHooks

  constructor(
    model: string,
    { ledger, now, hooks }: { ledger: Ledger; now: () => number; hooks: AdapterHooks },
  ) {
    this.#model = model
    this.#ledger = ledger
    this.#now = now
    this.#hooks = hooks
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const key = oauthModelKey(this.#model, id)
    // The library marks what is not there with `undefined`, which JSON does not know.
    const value = JSON.parse(JSON.stringify(payload)) as Json
    const lifetime: { expires?: number } =
      expiresIn === undefined ? {} : { expires: this.#now() + (expiresIn + clockTolerance) * 1000 }
    // The library forgets a proof after 300 s, whatever time it names: one that is dated ahead would be good again.
    if (this.#model === 'ReplayDetection')
      lifetime.expires = Math.max(lifetime.expires ?? 0, this.#now() + replayMemory)
    const writes: Write[] = [{ key, value, ...lifetime }]
    if (this.#model === 'Session' && payload.uid !== undefined)
      writes.push({ key: oauthUidKey(this.#model, payload.uid), value: { id }, ...lifetime })
    if (issuedUnderGrant.has(this.#model) && payload.grantId !== undefined)
      writes.push({ key: oauthIssuedKey(payload.grantId, this.#model, id), value: { key }, ...lifetime })

    const collection = collecting()
    if (collection !== undefined) return collection.write(...writes)
    if (this.#model === 'Grant') throw new Error('an OAuth Grant is saved by a decision only')
    if (isNewQuestion(this.#model, payload)) return this.#begin(writes, payload)
    await this.#ledger.commit({ writes })
  }

  /**
   * A new interaction, question or link and the access request that it is about. Two of the same request at once: one
   * brings it.
   */
  async #begin(writes: readonly Write[], payload: AdapterPayload): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const {
        checks = [],
        writes: more = [],
        entries = [],
      } = await this.#hooks.received(this.#model, payload)
      try {
        await this.#ledger.commit({ checks, writes: [...writes, ...more], entries })
        return
      } catch (error) {
        if (!(error instanceof CommitRefused) || attempt === attempts) throw error
      }
    }
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (this.#model === 'ReplayDetection') return this.#firstUse(id)
    if (polled.has(this.#model) && Provider.ctx?.oidc.route === 'token') await this.#hooks.polled(id)
    return this.#read(oauthModelKey(this.#model, id))
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const pointer = await this.#ledger.get<{ id: string }>(oauthUidKey(this.#model, uid))
    return pointer === undefined ? undefined : this.find(pointer.value.id)
  }

  /** Links lead to a page of ours, which looks up their code by itself. */
  async findByUserCode(): Promise<undefined> {
    return undefined
  }

  async #read(key: string): Promise<AdapterPayload | undefined> {
    const row = await this.#ledger.get<AdapterPayload>(key)
    collecting()?.saw(key, row?.version ?? 'absent')
    // The library changes members of what it read; values of the ledger are frozen.
    return row === undefined ? undefined : structuredClone(row.value)
  }

  /**
   * Test-and-set. The library finds and then saves, so the finding itself must claim; of many at once one is
   * told "never seen". The library's save follows, and may lengthen its life.
   */
  async #firstUse(id: string): Promise<AdapterPayload | undefined> {
    const key = oauthModelKey(this.#model, id)
    const seconds = Math.floor(this.#now() / 1000)
    const record = { jti: id, kind: this.#model, iat: seconds, exp: seconds + replayMemory / 1000 }
    try {
      await this.#ledger.commit({
        checks: [{ key, version: 'absent' }],
        writes: [{ key, value: record, expires: this.#now() + replayMemory }],
      })
      return undefined
    } catch (error) {
      if (error instanceof CommitRefused) return record
      throw error
    }
  }

  /**
   * Compare-and-set; a code redeems our grant in the same commit. Who loses has presented a used code: the
   * OAuth Grant ends, so that tokens which the winner is still saving are worthless too. Our grant, the
   * customer's consent, stands.
   */
  async consume(id: string): Promise<void> {
    const key = oauthModelKey(this.#model, id)
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const row: Row<Payload> | undefined = await this.#ledger.get<Payload>(key)
      const { grantId } = row?.value ?? {}
      if (row?.value.consumed !== undefined) {
        if (issuedUnderGrant.has(this.#model) && grantId !== undefined) await this.#endGrant(grantId)
        throw this.#refusal('it was consumed before')
      }
      // A pushed request that has expired meanwhile cannot come again either.
      if (row === undefined && this.#model === 'PushedAuthorizationRequest') return
      if (row === undefined) throw this.#refusal('there is nothing to consume')
      let part: CommitParts = {}
      try {
        if (redeeming.has(this.#model) && grantId !== undefined)
          part = await this.#hooks.redeemed(
            grantId,
            this.#model === 'DeviceCode' ? pickupCodeSent() : undefined,
          )
      } catch (error) {
        if ((await this.#ledger.get(key))?.version === row.version) throw error
        // Our grant was redeemed meanwhile by another use of the same code: this one is the second.
        continue
      }
      const value = { ...row.value, consumed: Math.floor(this.#now() / 1000) } as unknown as Json
      const expires = row.value.exp === undefined ? {} : { expires: (row.value.exp + clockTolerance) * 1000 }
      try {
        await this.#ledger.commit({
          checks: [{ key, version: row.version }, ...(part.checks ?? [])],
          writes: [{ key, value, ...expires }, ...(part.writes ?? [])],
          entries: part.entries ?? [],
        })
        return
      } catch (error) {
        if (!(error instanceof CommitRefused)) throw error
      }
    }
    throw this.#refusal('it changes too often to be consumed')
  }

  #refusal(detail: string): Error {
    if (this.#model === 'PushedAuthorizationRequest') return new errors.InvalidRequestUri(detail)
    return new errors.InvalidGrant(detail)
  }

  async destroy(id: string): Promise<void> {
    if (this.#model === 'Grant') return this.#endGrant(id)
    const write = { key: oauthModelKey(this.#model, id), value: undefined }
    const collection = collecting()
    if (collection === undefined) await this.#ledger.commit({ writes: [write] })
    else collection.write(write)
  }

  async #endGrant(oauthGrantId: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#ledger.commit(await this.#hooks.ended(oauthGrantId))
        return
      } catch (error) {
        if (!(error instanceof CommitRefused) || attempt === attempts) throw error
      }
    }
  }

  /** Cleanup of one model's records; what they are worth ended with the OAuth Grant. */
  async revokeByGrantId(grantId: string): Promise<void> {
    const prefix = oauthIssuedPrefix(grantId, this.#model)
    for (;;) {
      const issued = await this.#ledger.list<{ key: string }>(prefix, { limit: 100 })
      if (issued.length === 0) return
      const keys = issued.flatMap((row) => [row.key, row.value.key])
      await this.#ledger.commit({ writes: keys.map((key) => ({ key, value: undefined })) })
    }
  }
}

/** How often a commit that lost a race is tried again with fresh reads. */
const attempts = 10

/** What a business asks for again and again until it is answered. */
const polled = new Set(['BackchannelAuthenticationRequest', 'DeviceCode'])
/** What a business redeems our grant with. */
const redeeming = new Set(['AuthorizationCode', ...polled])
const issuedUnderGrant = new Set([...redeeming, 'RefreshToken', 'AccessToken'])

/** Whether the library saves this for the first time, outside of a decision. */
function isNewQuestion(model: string, payload: Payload): boolean {
  switch (model) {
    case 'Interaction':
      return payload.result === undefined
    case 'BackchannelAuthenticationRequest':
    case 'DeviceCode':
      return payload.consumed === undefined
    default:
      return false
  }
}

/** The library knows no such parameter; it lies in the body of the request that is being answered. */
function pickupCodeSent(): { readonly code: unknown } {
  return { code: Provider.ctx?.oidc.body?.['pickup_code'] }
}
