/** What a document's own rules of access become when it moves to another pod. */
import { DataFactory } from 'n3'
import type { Quad, Term } from 'n3'
import { DomainError } from '#core/domain/errors.ts'
import { iri } from '#core/domain/namespaces.ts'
import { accessDocument } from './access-document.ts'
import { createPodClient } from './client.ts'
import type { PodClient } from './client.ts'
import type { CopyEnd } from './copy.ts'
import { parseTurtle, writeTurtle } from './rdf.ts'

const { namedNode, quad } = DataFactory
/** Of WAC and of ACP: how a rule says whom it is about. */
const ABOUT = [
  'acl:agent',
  'acl:agentClass',
  'acl:agentGroup',
  'acl:origin',
  'acp:agent',
  'acp:client',
  'acp:issuer',
  'acp:vc',
].map(iri)

/**
 * Carries the rules that a document or folder (`name`, relative to the container) has of its own to its copy: none, all of
 * them, or only the owner's and the agent's, where the other pod knows rules of another kind. What was shut to the agent, as
 * `reads` finds out in the old pod, stays shut to it. `oldAgent`: who the agent was there. Doing it again changes nothing.
 */
export async function moveRules(
  from: CopyEnd,
  to: CopyEnd,
  {
    name,
    agent,
    oldAgent,
    reads,
  }: {
    readonly name: string
    readonly agent: string
    readonly oldAgent: string
    readonly reads: (url: string) => Promise<boolean>
  },
): Promise<'none' | 'all' | 'partly'> {
  const [old, fresh] = [createPodClient(from), createPodClient(to)]
  const source = await rulesOf(old, from.container + name)
  const found = source && (await old.get(source.url))
  if (source === undefined || found?.status !== 'found') return 'none'
  const target = await rulesOf(fresh, to.container + name)
  if (target === undefined) throw new DomainError('pod-unreadable', 'The new pod names no access document')
  const rules = parseTurtle(found.body, source.url)
  const whom = new Set(
    rules.filter(({ predicate }) => ABOUT.includes(predicate.value)).map(({ object }) => object.value),
  )
  const isSameKind = source.kind === target.kind
  const isOpen = await reads(from.container + name)
  const moved = movedTerm(from, to, [
    [source.url, target.url],
    ...(oldAgent === from.webId ? [] : [[oldAgent, agent] as const]),
  ])
  const wanted = {
    resource: to.container + name,
    owner: to.webId,
    agent,
    agentModes: isOpen ? (['Read'] as const) : [],
    shut: !isOpen,
  }
  const existing = isSameKind ? writeTurtle(rules.map((one) => movedQuad(one, moved))) : undefined
  const { turtle } = accessDocument(target.kind, target.url, wanted, existing)
  const there = await fresh.get(target.url)
  await fresh.put(
    target.url,
    turtle,
    there.status === 'found' && there.etag !== undefined ? { ifMatch: there.etag } : { ifNoneMatch: '*' },
  )
  const isWhole = isSameKind || [...whom].every((one) => [from.webId, oldAgent].includes(one))
  return isWhole ? 'all' : 'partly'
}

async function rulesOf(
  pod: PodClient,
  resource: string,
): Promise<{ url: string; kind: 'wac' | 'acp' } | undefined> {
  const { status, links } = await pod.head(resource)
  const url = links.get('acl')
  if (status !== 'found' || url === undefined || new URL(url).origin !== new URL(resource).origin)
    return undefined
  return { url, kind: new URL(url).pathname.endsWith('.acr') ? 'acp' : 'wac' }
}

/** What names the old place or its owner's old WebID names the new ones, and so do `others`: old and new beginnings. */
function movedTerm(from: CopyEnd, to: CopyEnd, others: readonly (readonly [string, string])[]) {
  const places = [...others, [from.container, to.container] as const]
  return (term: Term): Term => {
    if (term.termType !== 'NamedNode') return term
    if (term.value === from.webId) return namedNode(to.webId)
    const place = places.find(([old]) => term.value.startsWith(old))
    return place === undefined ? term : namedNode(place[1] + term.value.slice(place[0].length))
  }
}

function movedQuad({ subject, predicate, object }: Quad, moved: (term: Term) => Term): Quad {
  return quad(moved(subject) as Quad['subject'], predicate, moved(object) as Quad['object'])
}
