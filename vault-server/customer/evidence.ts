import { Router } from 'express'
import { DomainError } from '#core/domain/errors.ts'
import { readFact } from '#core/domain/facts.ts'
import { saltOf } from '#core/ledger/leaf.ts'
import type { HistoryItem } from '#core/ledger/ledger.ts'
import { readGrant } from '#core/records/grants.ts'
import type { EntryEvidence } from '#schemas/types.gen.ts'
import { toldOf } from '../audit/covering.ts'
import { writeProof, type ProofParts } from '../audit/proof.ts'
import { customerOf } from './session.ts'

/**
 * `GET /activity/:index/evidence`: what proves one of the customer's entries, for her browser to check and for her to
 * show to others. Opens what happened and under which name the business knows her; never who she is.
 */
export function evidenceRoutes(parts: ProofParts): Router {
  const { ledger } = parts
  const router = Router()
  router.get<{ index: string }>('/activity/:index/evidence', async (request, response) => {
    const { accountId } = customerOf(request)
    const index = readIndex(request.params.index)
    const told =
      index === undefined ? undefined : await toldOf(ledger, accountId, { before: index + 1, limit: 1 })
    const item = told?.items[0]
    if (item === undefined || item.index !== index)
      throw new DomainError('not-found', 'There is no such entry of yours')
    response.json(await proveOwn(parts, item))
  })
  return router
}

/** Of an entry of hers. */
export async function proveOwn(parts: ProofParts, { index, ops, salt }: HistoryItem): Promise<EntryEvidence> {
  const fact = readFact(ops)
  const grant =
    'grant' in fact && fact.grant !== undefined ? await readGrant(parts.ledger, fact.grant) : undefined
  const subject = grant && { name: grant.value.subject, salt: saltOf(grant.value.secret, 'subject', index) }
  const proof = await writeProof(parts, index, {
    ops: salt,
    ...(subject === undefined ? {} : { subject: subject.salt }),
  })
  return { index, facts: ops, ...(subject === undefined ? {} : { subject: subject.name }), proof }
}

function readIndex(text: string): number | undefined {
  const index = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : undefined
  return Number.isSafeInteger(index) ? index : undefined
}
