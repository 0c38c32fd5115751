import type { JSONWebKeySet } from 'jose'
import { createLocalJWKSet } from 'jose'
import { createLogger } from '#core/logger.ts'
import { createNames } from '#core/records/names.ts'
import { ledgerFolders, openIn } from '../test/level-ledger.ts'
import type { GatewayOptions } from '../vendor-gateway/server.ts'
import { newBusiness } from './business.ts'
import type { Issuer } from './business.ts'
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
}

/** Everything a gateway needs, real and filled: a ledger on disk with its anchor, and pods behind the real cache. */
export interface BenchHouse extends AsyncDisposable {
  readonly options: Pick<GatewayOptions, 'ledger' | 'keys' | 'pods' | 'now' | 'log'>
  readonly seats: readonly VendorSeat[]
}

export async function openHouse({ customers, vendors }: Size): Promise<BenchHouse> {
  await using stack = new AsyncDisposableStack()
  const folders = stack.use(await ledgerFolders())
  const { ledger, keys } = await openIn(folders)
  stack.use(ledger)
  const pods = stack.use(await openPods(customers))
  const house = { ledger, names: createNames(await keys.secret('names')), now: Date.now }
  const accounts = await addCustomers(house, pods.people)
  const items = [{ id: 'item-1', purpose: asked.purpose, fields: [...asked.fields, 'profile.birthDate'] }]
  const seats: VendorSeat[] = []
  for (let n = 0; n < vendors; n++) {
    const clientId = `client-${n}`
    const vendorId = await addVendor(house, clientId)
    const grants = await addGrants(house, accounts, { vendorId, clientId, items })
    seats.push({ clientId, subjects: grants.map(({ subject }) => subject) })
  }
  for (const account of accounts) await pods.cache.read(account, asked.fields)
  const open = stack.move()
  const log = createLogger({ level: 'warn' })
  return {
    options: { ledger, keys, pods: pods.cache, now: Date.now, log },
    seats,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

export function keySetOf(issuer: Pick<Issuer, 'key'>) {
  const keys = [{ ...issuer.key.jwk, alg: issuer.key.algorithm, kid: 'k1' }] as JSONWebKeySet['keys']
  return createLocalJWKSet({ keys })
}

export function askingOf(issuer: Issuer, seats: readonly VendorSeat[]): Asking[] {
  return seats.map(({ clientId, subjects }) => ({ ...newBusiness(issuer, clientId), subjects }))
}
