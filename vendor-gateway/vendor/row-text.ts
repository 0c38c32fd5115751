import { hash } from 'node:crypto'
import { isField } from '#core/domain/catalogue.ts'
import type { Committed } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'

const names = new Map<string, string>()

/** How a field begins in a reply, made once; undefined for what is no field. */
function nameOf(id: string): string | undefined {
  let name = names.get(id)
  if (name === undefined && isField(id)) {
    name = `${JSON.stringify(id)}:`
    names.set(id, name)
  }
  return name
}

/**
 * The text of `data`: the fields in the order given, each with its ready JSON. A field without a value is left out. This
 * very text is what the log entry commits to and what the reply holds.
 */
export function dataText(fieldIds: readonly string[], fragments: ReadonlyMap<string, string>): string {
  let members = ''
  for (const id of fieldIds) {
    const name = nameOf(id)
    const value = fragments.get(id)
    if (name !== undefined && value !== undefined) members += (members === '' ? name : `,${name}`) + value
  }
  return `{${members}}`
}

/**
 * The same for the same values under the same grant. Salted with the grant's secret: it tells nobody who does not hold the
 * values anything, also not after they are gone, and two businesses, or two grants, never have the same one.
 */
export function valuesTag({ secret }: Pick<Grant, 'secret'>, data: string): string {
  return hash('sha256', `${secret}:etag:json:${data}`, 'base64url').slice(0, 22)
}

/** Writes the JSON of disclosures (schemas/api/disclosure.json) without parsing or copying values. */
export class RowWriter {
  readonly #origin: string
  #checkpoint = ''
  #checkpointText = ''

  constructor(origin: string) {
    this.#origin = JSON.stringify(origin)
  }

  /** What is the same each time that these values are disclosed under this grant. */
  begin({ subject, grantId }: Grant, data: string): string {
    return (
      `{"subject":"${subject}","grant_id":"${grantId}","data":${data},` +
      `"log":{"origin":${this.#origin},"index":`
    )
  }

  /** `committed` is of a commit with one entry, the disclosure's. */
  end(begun: string, committed: Committed): string {
    const entry = committed.entries[0]
    if (entry === undefined) throw new Error('a disclosure has an entry')
    if (committed.checkpoint !== this.#checkpoint) {
      // One checkpoint covers a whole group: its JSON is made once.
      this.#checkpoint = committed.checkpoint
      this.#checkpointText = asciiJson(committed.checkpoint)
    }
    const { index, salts } = entry
    return (
      `${begun}${index},"checkpoint":${this.#checkpointText},` +
      `"salts":{"subject":"${salts.subject}","data":"${salts.data}"}}}`
    )
  }
}

/**
 * A note has a dash beyond Latin-1, which would make every reply a string of twice the width. Replacing the dash is not
 * enough: the engine keeps the width of what it replaces in, so the text is made anew from its bytes.
 */
function asciiJson(text: string): string {
  const ascii = JSON.stringify(text).replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return Buffer.from(ascii, 'latin1').toString('latin1')
}

/** The JSON of a row for which nothing is released. `subject` is as the business wrote it. */
export function refusedRow(subject: string, error: 'subject-unavailable' | 'later'): string {
  return `{"subject":${JSON.stringify(subject)},"error":"${error}"}`
}
