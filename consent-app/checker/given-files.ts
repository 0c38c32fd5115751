/** What the files are that somebody dropped here: told by what is in them, not by their names. */

export interface GivenFiles {
  /** The signed receipt. */
  readonly receipt?: string
  /** The `.tlog-proof`. */
  readonly proof?: string
  /** Verifier keys of the log: it may have changed its key. */
  readonly vkeys: readonly string[]
  /** The vault's keys for receipts (RFC 7517). */
  readonly keys: readonly JsonWebKey[]
}

export type FileKind = 'receipt' | 'proof' | 'vkey' | 'keys'

/** No file of these kinds is larger. */
export const MAX_BYTES = 262_144

/** What a file is, and what was given with it on top; undefined for a file of another kind. */
export function take(
  text: string,
  given: GivenFiles,
): { readonly kind: FileKind; readonly given: GivenFiles } | undefined {
  const trimmed = text.trim()
  if (trimmed.startsWith('c2sp.org/tlog-proof@v1'))
    // By the letter: a proof that was changed in any byte is to be seen.
    return { kind: 'proof', given: { ...given, proof: text } }
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(trimmed))
    return { kind: 'receipt', given: { ...given, receipt: trimmed } }
  const vkeys = vkeysIn(trimmed)
  if (vkeys.length > 0) return { kind: 'vkey', given: { ...given, vkeys } }
  const keys = keysIn(trimmed)
  return keys === undefined ? undefined : { kind: 'keys', given: { ...given, keys } }
}

/** Keys by themselves, one on each line as the log serves them, or the logs of a trust policy (C2SP tlog-policy). */
function vkeysIn(text: string): string[] {
  const form = /^[^\s+]+\+[0-9a-f]{8}\+[\w+/=]+$/
  const lines = text.split(/\r?\n/)
  if (lines.every((line) => form.test(line))) return lines
  return lines.flatMap((line) => /^log[ \t]+(\S+)/.exec(line)?.[1] ?? []).filter((log) => form.test(log))
}

function keysIn(text: string): JsonWebKey[] | undefined {
  try {
    const read: unknown = JSON.parse(text)
    const keys = typeof read === 'object' && read !== null && 'keys' in read ? read.keys : undefined
    if (!Array.isArray(keys) || keys.length === 0 || keys.length > 100) return undefined
    const isKey = (key: unknown): key is JsonWebKey => typeof key === 'object' && key !== null
    return keys.every(isKey) ? keys : undefined
  } catch {
    return undefined
  }
}
