/** Receipts as a customer's pod holds them, against the log: each must be what the log says was decided. */
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { compactVerify, createLocalJWKSet } from 'jose'
import { dialectIds, dialects } from '#core/domain/dialects/dialects.ts'
import type { DialectId } from '#core/domain/dialects/dialects.ts'
import type { FactItem } from '#core/domain/facts.ts'
import { NotThisDialect, termsOf } from '#core/domain/receipt-terms.ts'
import type { ReceiptTerms } from '#core/domain/receipt-terms.ts'
import { formatTime } from '#core/domain/times.ts'
import { opens } from '#core/ledger/leaf.ts'
import { parseProof, ProofInvalid } from '#core/ledger/proof.ts'
import { readGiven } from './evidence.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { writeWhole } from './log-source.ts'
import type { ProvenEntry } from './openings.ts'
import { isSameMoment } from './reconcile.ts'

export interface ReceiptDifference {
  readonly file: string
  readonly what: string
}

export interface ComparedReceipts {
  readonly receipts: number
  /** Whose signature was checked, and of whose proof beside it the log's own entry was held against it. */
  readonly signed: number
  readonly proven: number
  /** Files written in a dialect, and receipts that it has no word for. */
  readonly written: number
  readonly unsaid: number
  readonly differences: readonly ReceiptDifference[]
}

const MAX_RECEIPTS = 100_000
const MAX_BYTES = 262_144

/**
 * Every difference between the receipts of a folder and the decisions of the log: `*.jws`, with the `.tlog-proof` beside each, and
 * copies in a dialect, which nobody signed. `keys`: a file with the vault's JWKS; without it no signature is checked. `into`: each
 * receipt that agrees is written there in that dialect.
 */
export async function compareReceipts(
  folder: string,
  decisions: readonly ProvenEntry[],
  { keys, dialect, into }: { keys?: string | undefined; dialect?: DialectId; into?: string | undefined },
): Promise<ComparedReceipts> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new CommandFailed(EXIT.usage, `${folder} cannot be read`, { cause })
  })
  const files = names.filter((name) => name.endsWith('.jws') || dialectOf(name) !== undefined).toSorted()
  if (files.length > MAX_RECEIPTS) throw new CommandFailed(EXIT.usage, `${folder} holds too many receipts`)
  const verify = keys === undefined ? undefined : await verifier(keys)
  const byDecision = Map.groupBy(decisions, ({ fact }) =>
    'grant' in fact ? fact.grant : 'request' in fact ? fact.request : '',
  )
  const differences: ReceiptDifference[] = []
  const counts = { signed: 0, proven: 0, written: 0, unsaid: 0 }
  for (const file of files) {
    try {
      const text = (await readIn(folder, file)).trim()
      const own = dialectOf(file)
      const payload = own === undefined ? payloadOf(text) : dialects[own].read(jsonOf(text))
      const terms = termsOf(payload)
      const decisions = decisionsOf(terms, byDecision.get(terms.record) ?? [])
      if (own === undefined) {
        if (verify !== undefined) {
          await verify(text)
          counts.signed++
        }
        const proof = file.replace(/\.jws$/, '.tlog-proof')
        if (names.includes(proof)) {
          demandProof(await readIn(folder, proof), text, decisions)
          counts.proven++
        }
      }
      if (dialect === undefined || into === undefined) continue
      const { write, extension } = dialects[dialect]
      const document = write(payload)
      if (document === undefined) counts.unsaid++
      else {
        const name = `${file.replace(/\.[a-z0-9.]+$/, '')}.${extension}`
        await writeWhole(path.join(into, name), `${JSON.stringify(document, null, 2)}\n`)
        counts.written++
      }
    } catch (error) {
      if (error instanceof NotThisDialect) differences.push({ file, what: 'is no receipt' })
      else if (error instanceof Differs) differences.push({ file, what: error.message })
      else throw error
    }
  }
  return { receipts: files.length, ...counts, differences }
}

/** What a receipt says otherwise than the log. */
class Differs extends Error {}

/** A file of a folder that may be anybody's: a pipe in it would never end. */
async function readIn(folder: string, name: string): Promise<string> {
  const file = path.join(folder, name)
  const about = await stat(file).catch(() => undefined)
  if (about?.isFile() !== true) throw new Differs('is no file')
  if (about.size > MAX_BYTES) throw new Differs('is too large for a receipt')
  return readGiven(file)
}

function dialectOf(name: string): DialectId | undefined {
  return dialectIds.find((id) => name.endsWith(`.${dialects[id].extension}`))
}

async function verifier(file: string): Promise<(jws: string) => Promise<void>> {
  try {
    const keys = createLocalJWKSet(
      JSON.parse(await readGiven(file)) as Parameters<typeof createLocalJWKSet>[0],
    )
    return (jws) =>
      compactVerify(jws, keys, { algorithms: ['ES256'] }).then(
        () => undefined,
        (cause: unknown) => {
          throw new Differs('no key of the vault signed it', { cause })
        },
      )
  } catch (cause) {
    if (cause instanceof CommandFailed) throw cause
    throw new CommandFailed(EXIT.usage, `${file} is no JWKS`, { cause })
  }
}

/** Entries of its grant or request that say all that the receipt says: several, where terms were given back within minutes. */
function decisionsOf(terms: ReceiptTerms, own: readonly ProvenEntry[]): readonly ProvenEntry[] {
  const { record, notice, business, until, items, issuedAt } = terms
  if (own.length === 0) throw new Differs(`the log knows no decision on ${plain(record)}`)
  const given = itemsText(
    items.map(({ purpose, given: data }) => ({ purpose, fields: data.map(({ field }) => field) })),
  )
  const reads = terms.own['reach:reads']
  const narrow = (
    entries: readonly ProvenEntry[],
    what: string,
    fits: (fact: ProvenEntry['fact']) => boolean,
  ): readonly ProvenEntry[] => {
    const left = entries.filter(({ fact }) => fits(fact))
    if (left.length === 0) throw new Differs(what)
    return left
  }
  const shown = narrow(own, `the log names another notice than ${plain(notice)}`, (fact) =>
    'notice' in fact ? `sha-256:${fact.notice}` === notice : false,
  )
  const same = narrow(shown, 'the log says that other data were given', (fact) =>
    'items' in fact ? itemsText(fact.items) === given : given === '',
  )
  const of = narrow(same, 'the log names another business', (fact) =>
    'vendor' in fact ? fact.vendor === business.id : false,
  )
  const ending = narrow(of, 'the log says another end', (fact) =>
    'until' in fact ? fact.until === Date.parse(until ?? '') : until === undefined,
  )
  const counted = narrow(ending, 'the log says another number of reads', (fact) =>
    'reads' in fact ? fact.reads === reads : reads === undefined,
  )
  const logged = counted.map(({ fact }) => formatTime(fact.time)).join(', ')
  return narrow(counted, `the log says another time: ${logged}`, (fact) =>
    isSameMoment(Date.parse(issuedAt), fact.time),
  )
}

/** The proof is of one of these decisions, and the entry that the verified log has there commits to exactly this receipt. */
function demandProof(text: string, jws: string, decisions: readonly ProvenEntry[]): void {
  try {
    const { index: place, openings } = parseProof(text)
    const decision = decisions.find(({ index }) => index === place)
    if (decision === undefined)
      throw new Differs(`its proof is of entry ${place}, the decision is entry ${decisions[0]?.index}`)
    if (!opens(decision.leaf, 'data', openings.data ?? '', jws))
      throw new Differs(`entry ${place} commits to another receipt than this`)
  } catch (cause) {
    if (cause instanceof ProofInvalid) throw new Differs('its proof is none', { cause })
    throw cause
  }
}

function itemsText(items: readonly FactItem[]): string {
  return items
    .filter(({ fields }) => fields.length > 0)
    .map(({ purpose, fields }) => `${purpose}: ${fields.toSorted().join(' ')}`)
    .toSorted()
    .join('; ')
}

function payloadOf(jws: string): unknown {
  return jsonOf(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new NotThisDialect('is no JSON', { cause })
  }
}

/** What a file says, for a terminal. */
const plain = (text: string) => text.replaceAll(/[^\w:-]/g, '?').slice(0, 64)
