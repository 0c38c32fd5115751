import { hash } from 'node:crypto'
import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import { readLogo } from '#core/domain/logo.ts'
import { plainTextFault } from '#core/domain/plain-text.ts'
import type { Vendor, VendorAdmission, VendorChange, VendorLogo } from '#schemas/types.gen.ts'

/** Who a business says it is, checked: the operator passes its words on, and customers decide by them. */
export interface Identity<Words> {
  readonly facts: Omit<Words, 'logo'> & Pick<Vendor, 'logo'>
  readonly logo: VendorLogo | undefined
}

/** Refuses (`invalid-input`) words that could mislead, and what is no picture. */
export function checkIdentity<Words extends Told>(told: Words): Identity<Words> {
  const { logo, ...words } = told
  const violations = [...wordFaults(told)]
  const picture = logo === undefined ? undefined : checkLogo(logo, violations)
  if (violations.length > 0)
    throw new DomainError('invalid-input', 'The business cannot be shown like this.', { violations })
  return {
    facts: { ...words, ...(picture === undefined ? {} : { logo: picture.facts }) },
    logo: picture?.row,
  }
}

type Told = VendorChange & Partial<Pick<VendorAdmission, 'name'>>

function* wordFaults(words: Told): Generator<Violation> {
  for (const member of ['name', 'legalName', 'contact', 'dataProtectionContact'] as const) {
    const text = words[member]
    const fault = text === undefined ? undefined : plainTextFault(text, { addresses: 'allowed' })
    if (fault !== undefined) yield { pointer: `/${member}`, detail: fault }
  }
  for (const member of ['website', 'privacyPolicy'] as const)
    if (/^[^/]*\/\/[^/?#]*@/.test(words[member] ?? ''))
      yield { pointer: `/${member}`, detail: 'holds a name or password before its host' }
}

function checkLogo(
  base64: string,
  violations: Violation[],
): { facts: NonNullable<Vendor['logo']>; row: VendorLogo } | undefined {
  const bytes = Buffer.from(base64, 'base64')
  const found = readLogo(bytes)
  if ('fault' in found) {
    violations.push({ pointer: '/logo', detail: found.fault })
    return undefined
  }
  return {
    facts: { ...found, hash: hash('sha256', bytes, 'base64url') },
    row: { v: 1, type: found.type, bytes: bytes.toString('base64') },
  }
}
