/** Looks for planted texts in bytes, through the codings in which a text travels unseen. */
import { hash } from 'node:crypto'

/** Codings within codings: a JWT in base64 is two. */
const DEPTH = 2
const SHORTEST_RUN = 8

/**
 * Which of these texts are in the bytes: as they are in upper or lower case, percent-, JSON-, hex-, base64-
 * or base64url-encoded, or as their bare SHA-256 (nobody needs a secret to test a guess against that).
 */
export function findCanaries(bytes: Uint8Array, canaries: readonly string[]): string[] {
  const texts = [...new Set(decodings(Buffer.from(bytes).toString('latin1'), DEPTH))]
  const lower = texts.map((text) => text.toLowerCase())
  return canaries.filter((canary) => {
    const plain = Buffer.from(canary).toString('latin1').toLowerCase()
    const digest = hash('sha256', canary, 'buffer').toString('latin1')
    return lower.some((text) => text.includes(plain)) || texts.some((text) => text.includes(digest))
  })
}

function decodings(text: string, depth: number): string[] {
  if (depth === 0) return [text]
  const inner = [unescape(text), ...runs(text, /[\da-f]+/gi, 2, 'hex')]
  // A run may begin anywhere in what looks like one; 'base64' reads both alphabets.
  inner.push(...runs(text, /[\w+/-]+/g, 4, 'base64'))
  return [
    text,
    ...inner.filter((one) => one !== '' && one !== text).flatMap((one) => decodings(one, depth - 1)),
  ]
}

function unescape(text: string): string {
  return text.replaceAll(/%([\da-f]{2})|\\u00([\da-f]{2})/gi, (_, percent?: string, json?: string) =>
    String.fromCharCode(Number.parseInt(percent ?? json ?? '', 16)),
  )
}

/** All runs decoded, once for each place in a block at which the coded text may begin. */
function runs(text: string, pattern: RegExp, block: number, coding: 'hex' | 'base64'): string[] {
  const found = (text.match(pattern) ?? []).filter((run) => run.length >= SHORTEST_RUN)
  return Array.from({ length: block }, (_, skip) =>
    found.map((run) => Buffer.from(run.slice(skip), coding).toString('latin1')).join('\n'),
  )
}
