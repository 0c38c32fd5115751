/** Receipts as a customer's pod holds them, against the log: each must be what the log says was decided. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { compactVerify, createLocalJWKSet } from 'jose'
import type { FactItem } from '#core/domain/facts.ts'
import { readGiven } from './evidence.ts'
import { CommandFailed, EXIT } from './exit.ts'
import type { ProvenEntry } from './openings.ts'

export interface ReceiptDifference {
  readonly file: string
  readonly what: string
}

const MAX_RECEIPTS = 100_000

/**
 * Every difference between the receipts (`*.jws`) of a folder and the decisions of the log. `keys`: a file with the vault's JWKS;
 * without it no signature is checked.
 */
export async function compareReceipts(
  folder: string,
  decisions: readonly ProvenEntry[],
  keys: string | undefined,
): Promise<{ receipts: number; differences: ReceiptDifference[] }> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new CommandFailed(EXIT.usage, `${folder} cannot be read`, { cause })
  })
  const files = names.filter((name) => name.endsWith('.jws')).toSorted()
  if (files.length > MAX_RECEIPTS) throw new CommandFailed(EXIT.usage, `${folder} holds too many receipts`)
  const verify = keys === undefined ? undefined : await verifier(keys)
  const differences: ReceiptDifference[] = []
  for (const file of files) {
    const jws = (await readGiven(path.join(folder, file))).trim()
    const what = (await verify?.(jws)) ?? differenceOf(jws, decisions)
    if (what !== undefined) differences.push({ file, what })
  }
  return { receipts: files.length, differences }
}

async function verifier(file: string): Promise<(jws: string) => Promise<string | undefined>> {
  try {
    const keys = createLocalJWKSet(
      JSON.parse(await readGiven(file)) as Parameters<typeof createLocalJWKSet>[0],
    )
    return (jws) =>
      compactVerify(jws, keys, { algorithms: ['ES256'] }).then(
        () => undefined,
        () => 'no key of the vault signed it',
      )
  } catch (cause) {
    if (cause instanceof CommandFailed) throw cause
    throw new CommandFailed(EXIT.usage, `${file} is no JWKS`, { cause })
  }
}

/** A receipt names its notice, and what was given; one entry of its grant or request must say both. */
function differenceOf(jws: string, decisions: readonly ProvenEntry[]): string | undefined {
  const receipt = payloadOf(jws)
  const record = memberOf(receipt, 'dpv:hasRecordOfActivity')
  const id = memberOf(record, 'dct:identifier')
  const notice = String(memberOf(memberOf(record, 'dpv:hasNotice'), 'dct:identifier')).replace(
    /^sha-256:/,
    '',
  )
  if (typeof id !== 'string') return 'is no receipt'
  const own = decisions.filter(
    ({ fact }) => ('grant' in fact && fact.grant === id) || ('request' in fact && fact.request === id),
  )
  if (own.length === 0) return `the log knows no decision on ${id.replaceAll(/[^\w-]/g, '?').slice(0, 64)}`
  const shown = own.filter(({ fact }) => 'notice' in fact && fact.notice === notice)
  if (shown.length === 0)
    return `the log names another notice than ${notice.replaceAll(/[^\w-]/g, '?').slice(0, 64)}`
  const given = givenIn(record)
  const isSame = shown.some(({ fact }) => given === ('items' in fact ? itemsText(fact.items) : ''))
  return isSame ? undefined : 'the log says that other data were given'
}

function givenIn(record: unknown): string {
  const processes = listOf(memberOf(record, 'dpv:hasProcess'))
  return itemsText(
    processes.map((process) => ({
      purpose: String(memberOf(process, 'dpv:hasPurpose')),
      fields: listOf(memberOf(process, 'dpv:hasPersonalData')).map((data) =>
        String(memberOf(data, 'dct:identifier')),
      ),
    })),
  )
}

function itemsText(items: readonly FactItem[]): string {
  return items
    .filter(({ fields }) => fields.length > 0)
    .map(({ purpose, fields }) => `${purpose}: ${fields.toSorted().join(' ')}`)
    .toSorted()
    .join('; ')
}

function payloadOf(jws: string): unknown {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    return undefined
  }
}

function memberOf(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[name] : undefined
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
