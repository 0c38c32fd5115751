/**
 * W3C Linked Web Storage, access grant (Working Draft 2026-06-15): one access policy per item that was given. A record of what was
 * allowed, to be presented nowhere. The draft has no denial.
 */
import { listIn, nodeIn, NotThisDialect, receiptAgain, termsOf, textIn } from '../receipt-terms.ts'
import type { ItemTerms, Node, ReceiptTerms } from '../receipt-terms.ts'
import { beyondOf } from './beyond.ts'
import { businessUri, dpvPurpose, fieldOf, fieldUri, ownContext, purposeUri } from './terms-as-uris.ts'

/** Undefined where nothing was given. */
export function toLws(receipt: unknown): Node | undefined {
  return write(termsOf(receipt))
}

/** The canonical receipt again. Throws `NotThisDialect`; also for access for everybody, or to everything. */
export function fromLws(document: unknown): Node {
  const top = nodeIn(document)
  const { items, business, ...rest } = nodeIn(top['reach:beyond'])
  const access = listIn(top['access']).map(nodeIn)
  const constraints = listIn(access[0]?.['constraint']).map(nodeIn)
  let next = 0
  const terms = {
    ...rest,
    vault: top['storage'],
    issuedAt: operandOf(constraints, 'dateTime', 'gteq'),
    until: operandOf(constraints, 'dateTime', 'lteq'),
    business,
    items: listIn(items).map((value) => {
      const { data, ...item } = nodeIn(value)
      if (data === undefined) return item
      const policy = nodeIn(access[next++])
      const more = listIn(data)
      return {
        ...item,
        purpose: dpvPurpose(operandOf(listIn(policy['constraint']).map(nodeIn), 'purpose', 'eq')),
        given: listIn(nodeIn(policy['target'])['value']).map((uri, i) => ({
          field: fieldOf(textIn(uri)),
          more: nodeIn(more[i]),
        })),
      }
    }),
  }
  return receiptAgain(terms, write, document)
}

function operandOf(constraints: readonly Node[], left: string, operator: string): string {
  const found = constraints.find(
    (constraint) => constraint['leftOperand'] === left && constraint['operator'] === operator,
  )
  if (found === undefined) throw new NotThisDialect(`has no constraint on ${left}`)
  return textIn(found['rightOperand'])
}

function write(terms: ReceiptTerms): Node | undefined {
  const { until, items, issuedAt, vault, business } = terms
  const given = items.filter((item) => item.given.length > 0)
  if (given.length === 0 || until === undefined) return undefined
  return {
    '@context': ['https://www.w3.org/ns/lws/v1', ownContext],
    type: ['AccessGrant'],
    // Where the pod is, no business is told: the vault stands before it.
    storage: vault,
    access: given.map((item) => ({
      type: ['AccessPolicy'],
      action: ['read'],
      assignee: businessUri(business.id),
      target: { type: 'urn:reach:receipt:1#Field', value: item.given.map(({ field }) => fieldUri(field)) },
      constraint: [
        { leftOperand: 'purpose', operator: 'eq', rightOperand: purposeUri(item.purpose) },
        { leftOperand: 'dateTime', operator: 'gteq', rightOperand: issuedAt },
        { leftOperand: 'dateTime', operator: 'lteq', rightOperand: until },
      ],
    })),
    'reach:beyond': beyondOf(terms, items.map(beyondItem)),
  }
}

function beyondItem(item: ItemTerms): object {
  if (item.given.length === 0) return item
  const { id, why, necessity, refused } = item
  return { id, why, necessity, refused, data: item.given.map(({ more }) => more) }
}
