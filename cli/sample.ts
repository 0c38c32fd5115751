import { hash } from 'node:crypto'

/**
 * `count` of `population`, drawn without replacement from the root hash of the log, in the order of the population. Draw k takes the
 * first 6 bytes of SHA-256("reach-sample:" root-in-base64 ":" k) as a number; one that would favour some entries is drawn again
 * (k goes on); modulo what is left it chooses among those that are left. Nobody who made the log could choose the root freely, and
 * everybody draws the same.
 */
export function drawSample<Entry extends { readonly index: number }>(
  population: readonly Entry[],
  count: number,
  root: Uint8Array,
): Entry[] {
  const left = [...population]
  const drawn: Entry[] = []
  const seed = Buffer.from(root).toString('base64')
  for (let k = 0; drawn.length < count && left.length > 0; k++) {
    const number = Number.parseInt(hash('sha256', `reach-sample:${seed}:${k}`, 'hex').slice(0, 12), 16)
    const fair = 2 ** 48 - (2 ** 48 % left.length)
    if (number >= fair) continue
    const [entry] = left.splice(number % left.length, 1)
    if (entry !== undefined) drawn.push(entry)
  }
  return drawn.toSorted((a, b) => a.index - b.index)
}
