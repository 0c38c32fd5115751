import type { JSONWebKeySet } from 'jose'
import { createLocalJWKSet } from 'jose'
import { createLogger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { openKeyStore } from '#core/ledger/key-store.ts'
import { withdraw } from '#core/domain/grant.ts'
import { grantEntry } from '#core/records/entries.ts'
import { changeGrant, readGrant } from '#core/records/grants.ts'
import { combine } from '#core/records/parts.ts'
import { ledgerFolders } from '../test/level-ledger.ts'
import type { GatewayOptions } from '../vendor-gateway/server.ts'
import { newBusiness } from './business.ts'
import type { Issuer } from './business.ts'
import { openBenchLedger } from './controls.ts'
import type { BenchLedger } from './controls.ts'
import { openPods } from './pods.ts'
import { addCustomers, addGrants, addVendor } from './population.ts'
import { asked } from './requests.ts'
import type { Asking } from './requests.ts'

export const vaultUrl = 'https://vault.example'

export interface Size {
  readonly customers: number
  readonly vendors: number
}

/** A business and its subjects, without what only itself may have. */
export interface VendorSeat {
  readonly clientId: string
  readonly subjects: readonly string[]
  /** Their grants are withdrawn while requests for them are under way: some in each round. */
  readonly leaving: readonly (readonly string[])[]
}

/** Subjects of each business that leave in a round, and rounds in which some do. */
const LEAVING = 10
const ROUNDS = 3

/** Everything a gateway needs, real and filled: a ledger on disk with its anchor, and pods behind the real cache. */
export interface BenchHouse extends AsyncDisposable {
  readonly options: Pick<GatewayOptions, 'ledger' | 'keys' | 'pods' | 'now' | 'log'>
  readonly ledger: BenchLedger
  readonly seats: readonly VendorSeat[]
  /** Withdraws the grants of those who leave in the next round; gives how many. */
  withdrawLeaving(): Promise<number>
}

export async function openHouse({ customers, vendors }: Size): Promise<BenchHouse> {
  await using stack = new AsyncDisposableStack()
  const folders = stack.use(await ledgerFolders())
  const keys = await openKeyStore(folders.keysFolder)
  const bench = stack.use(await openBenchLedger(folders, keys))
  const { ledger } = bench
  const pods = stack.use(await openPods(customers))
  const house = { ledger, names: createNames(await keys.secret('names')), now: Date.now }
  const accounts = await addCustomers(house, pods.people)
  const items = [{ id: 'item-1', purpose: asked.purpose, fields: [...asked.fields, 'profile.birthDate'] }]
  const seats: VendorSeat[] = []
  const leaving = Array.from({ length: ROUNDS }, (): string[] => [])
  for (let n = 0; n < vendors; n++) {
    const clientId = `client-${n}`
    const vendorId = await addVendor(house, clientId)
    const grants = await addGrants(house, accounts, { vendorId, clientId, items })
    const subjects = grants.map(({ subject }) => subject)
    const ofRound = <Item>(all: readonly Item[], round: number): Item[] =>
      all.slice(round * LEAVING, (round + 1) * LEAVING)
    for (const [round, grantIds] of leaving.entries())
      grantIds.push(...ofRound(grants, round).map(({ grantId }) => grantId))
    seats.push({
      clientId,
      subjects: subjects.slice(ROUNDS * LEAVING),
      leaving: leaving.map((_, round) => ofRound(subjects, round)),
    })
  }
  for (const account of accounts) await pods.cache.read(account, asked.fields)
  const open = stack.move()
  const log = createLogger({ level: 'warn' })
  return {
    options: { ledger, keys, pods: pods.cache, now: Date.now, log },
    ledger: bench,
    seats,
    async withdrawLeaving() {
      const grantIds = leaving.shift() ?? []
      for (const grantId of grantIds) {
        const stored = await readGrant(ledger, grantId)
        if (stored === undefined) throw new Error('a grant is not there')
        const next = withdraw(stored.value, Date.now())
        const change = await changeGrant({ reader: ledger, names: house.names }, stored, next)
        await ledger.commit(combine(change, { entries: [grantEntry(next, { type: 'withdrawn' })] }))
      }
      return grantIds.length
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

export function keySetOf(issuer: Pick<Issuer, 'key'>) {
  const keys = [{ ...issuer.key.jwk, alg: issuer.key.algorithm, kid: 'k1' }] as JSONWebKeySet['keys']
  return createLocalJWKSet({ keys })
}

export function askingOf(issuer: Issuer, seats: readonly VendorSeat[]): Asking[] {
  return seats.map((seat) => ({ ...newBusiness(issuer, seat.clientId), ...seat }))
}
