import { createHash } from 'node:crypto'
import type { Quad, Term } from 'n3'

const ROUNDS = 20

/**
 * Whether two documents say the same (RDF 1.1 Concepts, graph isomorphism). `false` as well where it cannot be proven: when
 * blank nodes look so much alike that only trying all ways to match them would tell.
 */
export function isSameGraph(one: readonly Quad[], other: readonly Quad[]): boolean {
  const [left, right] = [canonical(one), canonical(other)]
  return left !== undefined && right !== undefined && left === right
}

/** The triples in order, blank nodes named by what is said of them; `undefined` when two of them are alike. */
function canonical(quads: readonly Quad[]): string | undefined {
  let names = new Map<string, string>()
  for (const { subject, object } of quads)
    for (const term of [subject, object]) if (term.termType === 'BlankNode') names.set(term.value, '')
  for (let round = 0; round < ROUNDS && new Set(names.values()).size < names.size; round++)
    names = refined(quads, names)
  if (new Set(names.values()).size < names.size) return undefined
  const lines = quads.map((quad) => lineOf(quad, (term) => names.get(term.value) ?? ''))
  return [...new Set(lines)].toSorted().join('\n')
}

function refined(quads: readonly Quad[], names: ReadonlyMap<string, string>): Map<string, string> {
  const said = new Map<string, string[]>([...names.keys()].map((name) => [name, []]))
  for (const quad of quads)
    for (const term of new Set(
      [quad.subject, quad.object].filter(({ termType }) => termType === 'BlankNode'),
    ))
      said
        .get(term.value)
        ?.push(lineOf(quad, (one) => (one.value === term.value ? '*' : (names.get(one.value) ?? ''))))
  return new Map([...said].map(([name, lines]) => [name, digest(lines.toSorted().join('\n'))]))
}

function lineOf({ subject, predicate, object }: Quad, nameOf: (blank: Term) => string): string {
  const text = (term: Term) => {
    if (term.termType === 'BlankNode') return `_:${nameOf(term)}`
    if (term.termType !== 'Literal') return `<${term.value}>`
    return JSON.stringify([term.value, term.language, term.datatype.value])
  }
  return `${text(subject)} ${text(predicate)} ${text(object)}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
