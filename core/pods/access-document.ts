import { DataFactory, Store } from 'n3'
import type { NamedNode, Quad, Term } from 'n3'
import { iri } from '#core/domain/namespaces.ts'
import { parseTurtle, writeTurtle } from './rdf.ts'

const { namedNode, quad } = DataFactory
type Mode = 'Read' | 'Append' | 'Write' | 'Control'

/** Who may do what on a container and everything inside it, as far as Reach has a say. */
export interface AccessWanted {
  readonly container: string
  readonly owner: string
  readonly agent: string
  /** None: the agent may do nothing. */
  readonly agentModes: readonly Mode[]
}

/**
 * The access document (WAC: Web Access Control; ACP: Access Control Policy) that says this, on the ground of
 * the one that is there. The owner's own rule is always in it, for without it she locks herself out. The
 * agent is taken out of every other rule that allows something; rules of anybody else stay as they are.
 */
export function accessDocument(
  kind: 'wac' | 'acp',
  url: string,
  wanted: AccessWanted,
  existing: string | undefined,
): { turtle: string; changed: boolean } {
  const before = new Store(parseTurtle(existing ?? '', url))
  const after = new Store(before.getQuads(null, null, null, null))
  const rewrite = kind === 'wac' ? rewriteWac : rewriteAcp
  rewrite(after, url, wanted)
  const changed = before.size !== after.size || !after.every((one) => before.has(one))
  return { turtle: writeTurtle(after.getQuads(null, null, null, null)), changed }
}

function rewriteWac(store: Store, url: string, { container, owner, agent, agentModes }: AccessWanted): void {
  const agentNode = namedNode(agent)
  for (const rule of store.getSubjects(named('acl:agent'), agentNode, null)) {
    store.removeQuads([quad(rule, named('acl:agent'), agentNode)])
    const others = ['acl:agent', 'acl:agentClass', 'acl:agentGroup', 'acl:origin']
    if (others.every((who) => store.countQuads(rule, named(who), null, null) === 0)) removeNode(store, rule)
  }
  const allow = (name: string, who: string, modes: readonly Mode[]) => {
    const rule = namedNode(`${url}#${name}`)
    removeNode(store, rule)
    if (modes.length === 0) return
    store.addQuads([
      quad(rule, named('rdf:type'), named('acl:Authorization')),
      quad(rule, named('acl:agent'), namedNode(who)),
      // The container itself, and by default what lies in it: half of the two would leave the other half as
      // it was.
      quad(rule, named('acl:accessTo'), namedNode(container)),
      quad(rule, named('acl:default'), namedNode(container)),
      ...modes.map((mode) => quad(rule, named('acl:mode'), named(`acl:${mode}`))),
    ])
  }
  allow('reach-owner', owner, ['Read', 'Write', 'Control'])
  allow('reach-agent', agent, agentModes)
}

function rewriteAcp(store: Store, url: string, { container, owner, agent, agentModes }: AccessWanted): void {
  const agentNode = namedNode(agent)
  for (const policy of store.getSubjects(named('acp:allow'), null, null)) {
    for (const condition of ['acp:anyOf', 'acp:allOf']) {
      for (const matcher of store.getObjects(policy, named(condition), null)) {
        // A matcher without anything to match is never satisfied (ACP, 5.3).
        store.removeQuads([quad(matcher as NamedNode, named('acp:agent'), agentNode)])
      }
    }
  }
  // The resource that is the document's subject may have any name; its access controls are what counts.
  const [resource = namedNode(`${url}#reach-acr`)] = store.getSubjects(
    named('acp:resource'),
    namedNode(container),
    null,
  )
  store.addQuads([
    quad(resource, named('rdf:type'), named('acp:AccessControlResource')),
    quad(resource, named('acp:resource'), namedNode(container)),
  ])
  const allow = (name: string, who: string, modes: readonly Mode[]) => {
    const [control, policy, matcher] = ['', '-policy', '-matcher'].map((part) =>
      namedNode(`${url}#${name}${part}`),
    ) as [NamedNode, NamedNode, NamedNode]
    for (const node of [control, policy, matcher]) removeNode(store, node)
    const reach = ['acp:accessControl', 'acp:memberAccessControl'].map((how) =>
      quad(resource, named(how), control),
    )
    store.removeQuads(reach)
    if (modes.length === 0) return
    store.addQuads([
      ...reach,
      quad(control, named('rdf:type'), named('acp:AccessControl')),
      quad(control, named('acp:apply'), policy),
      quad(policy, named('rdf:type'), named('acp:Policy')),
      quad(policy, named('acp:anyOf'), matcher),
      ...modes.map((mode) => quad(policy, named('acp:allow'), named(`acl:${mode}`))),
      quad(matcher, named('rdf:type'), named('acp:Matcher')),
      quad(matcher, named('acp:agent'), namedNode(who)),
    ])
  }
  allow('reach-owner', owner, ['Read', 'Append', 'Write', 'Control'])
  allow('reach-agent', agent, agentModes)
}

function removeNode(store: Store, node: Term): void {
  store.removeQuads(store.getQuads(node as Quad['subject'], null, null, null))
}

function named(name: string): NamedNode {
  return namedNode(iri(name))
}
