import type { CustomerStanding, VendorStanding } from '#schemas/types.gen.ts'

/** What stands against every release of a customer's data to a business, whatever was granted. */
export type StandingRefusal = 'access-lost' | 'suspended'

/** Without the fields of categories that the pod does not show to Reach any more. */
export function visibleFields(
  fields: readonly string[],
  customer: CustomerStanding | undefined,
): readonly string[] {
  const lost = customer?.lostCategories
  return lost === undefined ? fields : fields.filter((field) => !lost.includes(field.split('.', 1)[0] ?? ''))
}

/** `undefined` when nothing does. A missing row is as good as lost access. */
export function standingRefusal(
  customer: CustomerStanding | undefined,
  vendor: VendorStanding | undefined,
): StandingRefusal | undefined {
  if (vendor?.state !== 'active') return 'suspended'
  return customer?.podAccess === 'open' ? undefined : 'access-lost'
}
