/** A consent as its facts tell it, and what a replay finds in a log of such. */
import type { Fact, FactOf } from '../core/domain/facts.ts'
import { replay } from '../core/domain/replay.ts'
import type { FindingCode } from '../core/domain/replay.ts'

export const vendor = 'vendor-vendor-vendor-1'
export const grant = 'grant-grant-grant-gr-1'
export const notice = 'n'.repeat(43)
export const start = 1_800_000_000_000
export const until = start + 1_000_000
export const items = [{ purpose: 'dpv:CustomerCare', fields: ['profile.name', 'contact.email'] }]
export const about = { vendor, grant }

export const request = 'request-request-reque-1'
export const asked: FactOf<'requested'> = {
  type: 'requested',
  time: start,
  vendor,
  request,
  items,
  until: until + 1_000,
}
export const admitted: Fact = { type: 'vendor-admitted', time: start, vendor }
export const granted: FactOf<'granted'> = {
  type: 'granted',
  time: start + 10,
  ...about,
  request,
  items,
  until,
  redeemBy: start + 600_000,
  notice,
}
export const redeemed: Fact = { type: 'redeemed', time: start + 20, ...about }
export const disclosed = (seq: number, time = start + 100, change: object = {}): Fact => ({
  type: 'disclosed',
  time,
  ...about,
  purpose: 'dpv:CustomerCare',
  fields: ['profile.name'],
  seq,
  until,
  notice,
  ...change,
})
/** Findings of a log whose grant was asked for. */
export const found = (...facts: Fact[]): [number, FindingCode][] => foundIn(-1, asked, ...facts)

export const foundIn = (first: number, ...facts: Fact[]): [number, FindingCode][] =>
  replay(facts.map((fact, index) => ({ index: first + index, fact }))).map(({ index, code }) => [index, code])
