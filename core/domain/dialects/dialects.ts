/** The dialects a receipt is handed out in. Each is a pure function of the one signed receipt, and can be read back into it. */
import { receiptFrom, termsOf } from '../receipt-terms.ts'
import type { Node } from '../receipt-terms.ts'
import { beyondAccessGrant } from './beyond.ts'
import { fromInrupt, toInrupt } from './inrupt.ts'
import { beyondKantara, fromKantara, toKantara } from './kantara.ts'
import { fromLws, toLws } from './lws.ts'

export interface Dialect {
  readonly mediaType: string
  /** Of the file, without a dot before it. */
  readonly extension: string
  /** Undefined where the dialect has no word for it: nothing was given. Throws `NotThisDialect` for what is no receipt. */
  write(receipt: unknown): Node | undefined
  /** The canonical receipt again. Throws `NotThisDialect`. */
  read(document: unknown): Node
  /** What it has no member of its own for, and carries in one of ours. */
  readonly beyond: readonly string[]
}

export const dialectIds = ['27560', 'kantara', 'lws', 'inrupt'] as const
export type DialectId = (typeof dialectIds)[number]

const asItIs = (receipt: unknown) => receiptFrom(termsOf(receipt))

export const dialects: Readonly<Record<DialectId, Dialect>> = {
  '27560': {
    mediaType: 'application/ld+json',
    extension: '27560.jsonld',
    write: asItIs,
    read: asItIs,
    beyond: [],
  },
  kantara: {
    mediaType: 'application/json',
    extension: 'kantara.json',
    write: toKantara,
    read: fromKantara,
    beyond: beyondKantara,
  },
  lws: {
    mediaType: 'application/lws+json',
    extension: 'lws.json',
    write: toLws,
    read: fromLws,
    beyond: beyondAccessGrant,
  },
  inrupt: {
    mediaType: 'application/ld+json',
    extension: 'inrupt.jsonld',
    write: toInrupt,
    read: fromInrupt,
    beyond: beyondAccessGrant,
  },
}
