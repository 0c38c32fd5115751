import type { CustomerStanding, VendorStanding } from '#schemas/types.gen.ts'

/** What stands against every release of a customer's data to a business, whatever was granted. */
export type StandingRefusal = 'access-lost' | 'suspended'

/** `undefined` when nothing does. A missing row is as good as lost access. */
export function standingRefusal(
  customer: CustomerStanding | undefined,
  vendor: VendorStanding | undefined,
): StandingRefusal | undefined {
  if (vendor?.state !== 'active') return 'suspended'
  return customer?.podAccess === 'open' ? undefined : 'access-lost'
}
