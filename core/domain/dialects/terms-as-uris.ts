/** Terms of a receipt as the addresses that dialects of the web want, and back. */
import { namespaces } from '../namespaces.ts'
import { NotThisDialect } from '../receipt-terms.ts'

const dpv = 'https://w3id.org/dpv#'
const business = 'urn:reach:business:'

/** What a dialect has no member for stands in one, as JSON that is no graph of its own. */
export const ownContext = {
  reach: 'urn:reach:receipt:1#',
  'reach:beyond': { '@type': '@json' },
} as const

export function purposeUri(purpose: string): string {
  return purpose.replace(/^dpv:/, dpv)
}

export function dpvPurpose(uri: string): string {
  return `dpv:${after(uri, dpv)}`
}

/** The same in every installation; where in a pod the field lies, it does not say. */
export function fieldUri(field: string): string {
  return namespaces.vrm + field
}

export function fieldOf(uri: string): string {
  return after(uri, namespaces.vrm)
}

/** Never the class of everybody: only one business is meant. */
export function businessUri(id: string): string {
  return business + id
}

function after(text: string, start: string): string {
  if (!text.startsWith(start)) throw new NotThisDialect('names something that no receipt is about')
  return text.slice(start.length)
}
