/** Everything that can be checked of a receipt without a server, step by step. Nothing is fetched. */
import { NotThisDialect, termsOf } from '#core/domain/receipt-terms.ts'
import type { ReceiptTerms } from '#core/domain/receipt-terms.ts'
import { NotProven, NotSignedBy, openCheckpoint, readLogKey } from '#core/verifier/checkpoint.ts'
import type { TreeHead } from '#core/verifier/checkpoint.ts'
import { commitsTo, readProof, type Proof } from '#core/verifier/evidence.ts'
import { demandSignature, readReceipt, type SignedReceipt } from '#core/verifier/receipt.ts'
import { servedKeys } from '#core/verifier/key-changes.ts'
import { isIncluded, leafHash } from '#core/verifier/tree.ts'
import type { GivenFiles } from './given-files.ts'

export const steps = ['form', 'signature', 'log', 'head', 'place', 'entry'] as const
export type StepName = (typeof steps)[number]

export interface Step {
  readonly name: StepName
  /** `open`: could not be checked, since something was not given. */
  readonly state: 'held' | 'failed' | 'open'
  /** What does not hold, or is not settled, exactly; for whoever is asked for help. */
  readonly why?: string
}

export interface Checked {
  readonly steps: readonly Step[]
  readonly verdict: 'genuine' | 'forged' | 'unsettled'
  /** What the receipt says; absent where it is none. */
  readonly terms?: ReceiptTerms
  /** Number of its entry, and how many the log had. */
  readonly place?: { readonly index: number; readonly size: number }
}

/** Checks what was given; each step for itself, so that all that is wrong is told at once. */
export async function checkReceipt(given: GivenFiles & { receipt: string }): Promise<Checked> {
  const { proof: proofText, vkeys, keys } = given
  const found: Step[] = []
  const step = async <Value>(
    name: StepName,
    check: () => Value | Promise<Value>,
  ): Promise<Value | undefined> => {
    try {
      const value = await check()
      found.push({ name, state: 'held' })
      return value
    } catch (error) {
      if (!(error instanceof NotProven || error instanceof NotThisDialect)) throw error
      // Vaults and logs change their keys: what another one signed is no forgery, and nothing that holds either.
      found.push({ name, state: error instanceof NotSignedBy ? 'open' : 'failed', why: error.message })
      return undefined
    }
  }
  const open = (name: StepName) => void found.push({ name, state: 'open' })

  let signed: SignedReceipt | undefined
  const terms = await step('form', () => {
    signed = readReceipt(given.receipt)
    return termsOf(signed.payload)
  })
  const receipt = signed
  if (receipt === undefined || keys.length === 0) open('signature')
  else await step('signature', () => demandSignature(receipt, keys))
  if (proofText === undefined) {
    for (const name of ['log', 'head', 'place', 'entry'] as const) open(name)
    return { steps: found, verdict: verdictOf(found), ...(terms && { terms }) }
  }
  let proof: Proof | undefined
  const origin = terms?.own['reach:logOrigin']
  await step('log', () => {
    proof = readProof(proofText)
    if (proof.checkpoint.split('\n', 1)[0] !== origin)
      throw new NotProven('the proof is of another log than the receipt names')
  })
  const read = proof
  if (read === undefined) {
    for (const name of ['head', 'place', 'entry'] as const) open(name)
    return { steps: found, verdict: verdictOf(found), ...(terms && { terms }) }
  }
  if (vkeys.length === 0) open('head')
  const head = vkeys.length === 0 ? undefined : await step('head', () => headUnder(read.checkpoint, vkeys))
  if (head === undefined) open('place')
  else
    await step('place', async () => {
      if (!(await isIncluded(await leafHash(read.entry), read.index, read.path, head)))
        throw new NotProven(`entry ${read.index} is not in the signed tree`)
    })
  if (receipt === undefined) open('entry')
  else
    await step('entry', async () => {
      if (!(await commitsTo(read.entry, 'data', read.openings.data ?? '', receipt.jws)))
        throw new NotProven(`entry ${read.index} commits to another receipt than this`)
    })
  const size = Number(read.checkpoint.split('\n')[1])
  const place = { index: read.index, size }
  return { steps: found, verdict: verdictOf(found), place, ...(terms && { terms }) }
}

/** The head under the first of these keys that signed it. Throws `NotSignedBy` when none did. */
async function headUnder(note: string, vkeys: readonly string[]): Promise<TreeHead> {
  for (const vkey of await servedKeys(vkeys.join('\n'))) {
    try {
      return await openCheckpoint(note, await readLogKey(vkey))
    } catch (error) {
      if (!(error instanceof NotSignedBy)) throw error
    }
  }
  throw new NotSignedBy('the state of the log is signed by another key than these')
}

function verdictOf(found: readonly Step[]): Checked['verdict'] {
  if (found.some(({ state }) => state === 'failed')) return 'forged'
  return found.every(({ state }) => state === 'held') ? 'genuine' : 'unsettled'
}
