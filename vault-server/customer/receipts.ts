import { Router } from 'express'
import type { JWK } from 'jose'
import { dialectIds, dialects } from '#core/domain/dialects/dialects.ts'
import { DomainError } from '#core/domain/errors.ts'
import { readFact } from '#core/domain/facts.ts'
import { saltOf } from '#core/ledger/leaf.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { readReceipt } from '#core/records/receipts.ts'
import { readRequest } from '#core/records/requests.ts'
import type { StoredReceipt } from '#schemas/types.gen.ts'
import { writeProof, type ProofParts } from '../audit/proof.ts'
import { customerOf, signedInOnly } from './session.ts'
import { viewReceipt } from './views.ts'

type OfReceipt = { receiptId: string }

/**
 * Receipts of the customer's decisions: `GET /receipts/:receiptId` with the signed bytes and what they say,
 * `/proof` with the proof that the decision is in the log, `/as/:dialect` with the same in a form that other programs read, and
 * `GET /receipts/keys`, public, with which anybody checks a receipt.
 */
export function receiptRoutes({
  ledger,
  publicLog,
  publicKeys,
}: ProofParts & {
  readonly publicKeys: () => readonly JWK[]
}): Router {
  const router = Router()
  router.get('/receipts/keys', (_request, response) => {
    response.set('Cache-Control', 'public, max-age=300').json({ keys: publicKeys() })
  })

  router.get<OfReceipt>('/receipts/:receiptId', signedInOnly, async (request, response) => {
    const { accountId } = customerOf(request)
    const receipt = await readOwnReceipt(ledger, accountId, request.params.receiptId)
    response.json(viewReceipt(receipt))
  })

  router.get<OfReceipt>('/receipts/:receiptId/proof', signedInOnly, async (request, response) => {
    const { accountId } = customerOf(request)
    const receipt = await readOwnReceipt(ledger, accountId, request.params.receiptId)
    const proof = await proveReceipt({ ledger, publicLog }, receipt)
    response.set({
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Disposition': `attachment; filename="reach-receipt-${receipt.receiptId}.tlog-proof"`,
    })
    response.end(proof)
  })

  router.get<OfReceipt & { dialect: string }>(
    '/receipts/:receiptId/as/:dialect',
    signedInOnly,
    async (request, response) => {
      const { accountId } = customerOf(request)
      const id = dialectIds.find((known) => known === request.params.dialect)
      if (id === undefined) throw new DomainError('not-found', 'Receipts have no such dialect')
      const receipt = await readOwnReceipt(ledger, accountId, request.params.receiptId)
      const { mediaType, extension, write } = dialects[id]
      const document = write(viewReceipt(receipt).payload)
      if (document === undefined)
        throw new DomainError('not-found', 'This dialect has no word for a request that was refused')
      response.set({
        'Content-Type': mediaType,
        'Content-Disposition': `attachment; filename="reach-receipt-${receipt.receiptId}.${extension}"`,
      })
      response.end(`${JSON.stringify(document, null, 2)}\n`)
    },
  )
  return router
}

async function readOwnReceipt(ledger: Ledger, accountId: string, receiptId: string): Promise<StoredReceipt> {
  const stored = await readReceipt(ledger, receiptId)
  if (stored?.value.accountId !== accountId) throw new DomainError('not-found', 'There is no such receipt')
  return stored.value
}

/**
 * That the decision of this receipt is in the log, as a `.tlog-proof` file; with the salt under which the
 * entry commits to exactly this receipt, or the two files would have nothing to do with each other.
 */
export async function proveReceipt(parts: ProofParts, receipt: StoredReceipt): Promise<string> {
  const { ledger } = parts
  const [index, request] = await Promise.all([
    indexOf(ledger, receipt),
    readRequest(ledger, receipt.requestId),
  ])
  const secret = request?.value.secret
  if (secret === undefined) throw new Error('a receipt without its request')
  return await writeProof(parts, index, { data: saltOf(secret, 'data', index) })
}

/**
 * Place of the decision's entry: of a grant in the receipt's own thread, of a refusal in that of its request.
 */
async function indexOf(ledger: Ledger, receipt: StoredReceipt): Promise<number> {
  const thread = receipt.grantId === undefined ? receipt.requestId : receipt.receiptId
  for (const { index, ops } of await ledger.history(thread, { limit: 100 })) {
    if (['granted', 'changed', 'refused'].includes(readFact(ops).type)) return index
  }
  throw new Error('a receipt without an entry in the log')
}
