import { DataFactory, Store } from 'n3'
import type { NamedNode, Quad, Term } from 'n3'
import { iri } from '#core/domain/namespaces.ts'
import { parseTurtle, writeTurtle } from './rdf.ts'

const { blankNode, namedNode, quad } = DataFactory
type Mode = 'Read' | 'Append' | 'Write' | 'Control'

/** Who may do what on a resource, or a container and everything inside it, as far as Reach has a say. */
export interface AccessWanted {
  /** A URL that ends in a slash is a container. */
  readonly resource: string
  readonly owner: string
  readonly agent: string
  /** None: the agent may do nothing. */
  readonly agentModes: readonly Mode[]
  /** Takes everybody, and everybody who is signed in anywhere, out as well. */
  readonly notEverybody?: boolean
  /** With no modes: shut to the agent though the folder around it is open. With WAC a document of its own does that anyway. */
  readonly shut?: boolean
}

/** The agent is nobody's business here: it is taken out, and all else stays as it is. */
export interface AgentUnwanted {
  readonly agent: string
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

/** The same document without the agent in any rule; the owner's own rule is hers to have or not to have. */
export function withoutAgent(
  kind: 'wac' | 'acp',
  url: string,
  { agent }: AgentUnwanted,
  existing: string,
): { turtle: string; changed: boolean } {
  const before = new Store(parseTurtle(existing, url))
  const after = new Store(before.getQuads(null, null, null, null))
  takeOut[kind](after, agent)
  const changed = before.size !== after.size || !after.every((one) => before.has(one))
  return { turtle: writeTurtle(after.getQuads(null, null, null, null)), changed }
}

/**
 * A document that lets the owner in and nobody else, for a folder below one that others may read. WAC: a document of its own
 * hides what would be inherited. ACP adds up what is inherited, so everybody but the owner is forbidden, which wins.
 */
export function ownersAlone(
  kind: 'wac' | 'acp',
  url: string,
  { resource, owner }: { readonly resource: string; readonly owner: string },
): { turtle: string; changed: boolean } {
  const store = new Store()
  const wanted: AccessWanted = { resource, owner, agent: owner, agentModes: [] }
  if (kind === 'wac') rewriteWac(store, url, wanted)
  else {
    rewriteAcp(store, url, wanted)
    forbidOthers(store, url, wanted)
  }
  return { turtle: writeTurtle(store.getQuads(null, null, null, null)), changed: true }
}

function forbidOthers(store: Store, url: string, { resource, owner }: AccessWanted): void {
  const name = (part: string) => namedNode(`${url}#reach-others${part}`)
  const [subject = name('')] = store.getSubjects(named('acp:resource'), namedNode(resource), null)
  store.addQuads([
    quad(subject, named('acp:accessControl'), name('')),
    quad(subject, named('acp:memberAccessControl'), name('')),
    quad(name(''), named('rdf:type'), named('acp:AccessControl')),
    quad(name(''), named('acp:apply'), name('-policy')),
    quad(name('-policy'), named('rdf:type'), named('acp:Policy')),
    quad(name('-policy'), named('acp:anyOf'), name('-everybody')),
    quad(name('-policy'), named('acp:noneOf'), name('-owner')),
    ...(['Read', 'Append', 'Write', 'Control'] as const).map((mode) =>
      quad(name('-policy'), named('acp:deny'), named(`acl:${mode}`)),
    ),
    quad(name('-everybody'), named('rdf:type'), named('acp:Matcher')),
    quad(name('-everybody'), named('acp:agent'), named('acp:PublicAgent')),
    quad(name('-owner'), named('rdf:type'), named('acp:Matcher')),
    quad(name('-owner'), named('acp:agent'), namedNode(owner)),
  ])
}

const takeOut = { wac: takeOutWac, acp: takeOutAcp }

function takeOutWac(store: Store, agent: string): void {
  takeOutOfRules(store, named('acl:agent'), namedNode(agent))
}

function takeOutOfRules(store: Store, how: NamedNode, whom: NamedNode): void {
  for (const rule of store.getSubjects(how, whom, null)) {
    store.removeQuads([quad(rule, how, whom)])
    const others = ['acl:agent', 'acl:agentClass', 'acl:agentGroup', 'acl:origin']
    if (others.every((who) => store.countQuads(rule, named(who), null, null) === 0)) removeNode(store, rule)
  }
}

function rewriteWac(store: Store, url: string, wanted: AccessWanted): void {
  const { resource, owner, agent, agentModes, notEverybody = false } = wanted
  if (agent !== owner) takeOutWac(store, agent)
  if (notEverybody)
    for (const everybody of ['foaf:Agent', 'acl:AuthenticatedAgent'])
      takeOutOfRules(store, named('acl:agentClass'), named(everybody))
  // The container itself, and by default what lies in it: half of the two would leave the other half as it was.
  const reach = resource.endsWith('/') ? ['acl:accessTo', 'acl:default'] : ['acl:accessTo']
  const allow = (name: string, who: string, modes: readonly Mode[]) => {
    const rule = namedNode(`${url}#${name}`)
    removeNode(store, rule)
    if (modes.length === 0) return
    store.addQuads([
      quad(rule, named('rdf:type'), named('acl:Authorization')),
      quad(rule, named('acl:agent'), namedNode(who)),
      ...reach.map((how) => quad(rule, named(how), namedNode(resource))),
      ...modes.map((mode) => quad(rule, named('acl:mode'), named(`acl:${mode}`))),
    ])
  }
  allow('reach-owner', owner, ['Read', 'Write', 'Control'])
  // Who comes as the owner needs no rule besides hers.
  allow('reach-agent', agent, agent === owner ? [] : agentModes)
}

function takeOutAcp(store: Store, agent: string): void {
  const agentNode = namedNode(agent)
  for (const policy of store.getSubjects(named('acp:allow'), null, null)) {
    for (const condition of ['acp:anyOf', 'acp:allOf']) {
      for (const shared of store.getObjects(policy, named(condition), null)) {
        if (store.countQuads(shared, named('acp:agent'), agentNode, null) === 0) continue
        splitDenial(store, policy)
        const matcher = ownMatcher(store, { policy, condition, matcher: shared })
        store.removeQuads([quad(matcher, named('acp:agent'), agentNode)])
        // A matcher without anything to match is never satisfied (ACP, 5.3). But one that is left with a condition of
        // another kind, such as an app, would from now on match everybody who fulfils that.
        const others = ['acp:client', 'acp:issuer', 'acp:vc']
        const isLeft = others.some((what) => store.countQuads(matcher, named(what), null, null) > 0)
        const hasAgent = store.countQuads(matcher, named('acp:agent'), null, null) > 0
        if (isLeft && !hasAgent) store.addQuads([quad(matcher, named('acp:agent'), named('vrm:Nobody'))])
      }
    }
  }
}

/** What a policy forbids goes into one of its own, with the conditions as they are: forbidding less would allow more. */
function splitDenial(store: Store, policy: Quad['subject']): void {
  const denied = store.getQuads(policy, named('acp:deny'), null, null)
  if (denied.length === 0) return
  const denial = blankNode()
  const conditions = ['acp:anyOf', 'acp:allOf', 'acp:noneOf'].flatMap((how) =>
    store.getQuads(policy, named(how), null, null),
  )
  store.addQuads([
    quad(denial, named('rdf:type'), named('acp:Policy')),
    ...[...denied, ...conditions].map(({ predicate, object }) => quad(denial, predicate, object)),
    ...store
      .getQuads(null, named('acp:apply'), policy, null)
      .map(({ subject, predicate }) => quad(subject, predicate, denial)),
  ])
  store.removeQuads(denied)
}

/** A matcher that other policies use, too, stays as it is for them; this one gets a copy. */
function ownMatcher(
  store: Store,
  use: { policy: Quad['subject']; condition: string; matcher: Quad['object'] },
): Quad['subject'] {
  const { policy, condition } = use
  const matcher = use.matcher as Quad['subject']
  if (store.countQuads(null, null, matcher, null) === 1) return matcher
  const copy = blankNode()
  store.addQuads([
    ...store.getQuads(matcher, null, null, null).map((one) => quad(copy, one.predicate, one.object)),
    quad(policy, named(condition), copy),
  ])
  store.removeQuads([quad(policy, named(condition), matcher)])
  return copy
}

function rewriteAcp(store: Store, url: string, wanted: AccessWanted): void {
  const { resource, owner, agent, agentModes, notEverybody = false, shut = false } = wanted
  if (agent !== owner) takeOutAcp(store, agent)
  if (notEverybody)
    for (const everybody of ['acp:PublicAgent', 'acp:AuthenticatedAgent']) takeOutAcp(store, iri(everybody))
  // The resource that is the document's subject may have any name; its access controls are what counts.
  const [subject = namedNode(`${url}#reach-acr`)] = store.getSubjects(
    named('acp:resource'),
    namedNode(resource),
    null,
  )
  store.addQuads([
    quad(subject, named('rdf:type'), named('acp:AccessControlResource')),
    quad(subject, named('acp:resource'), namedNode(resource)),
  ])
  const ways = resource.endsWith('/')
    ? ['acp:accessControl', 'acp:memberAccessControl']
    : ['acp:accessControl']
  const allow = (name: string, who: string, modes: readonly Mode[]) => {
    const [control, policy, matcher] = ['', '-policy', '-matcher'].map((part) =>
      namedNode(`${url}#${name}${part}`),
    ) as [NamedNode, NamedNode, NamedNode]
    for (const node of [control, policy, matcher]) removeNode(store, node)
    const reach = ways.map((how) => quad(subject, named(how), control))
    store.removeQuads(
      ['acp:accessControl', 'acp:memberAccessControl'].map((how) => quad(subject, named(how), control)),
    )
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
  allow('reach-agent', agent, agent === owner ? [] : agentModes)
  shutAcp(store, { url, subject }, shut && agent !== owner ? agent : undefined)
}

/** Rules of a folder count in it whatever its documents say, unless they forbid (ACP, 5.2). `undefined`: nobody is shut out. */
function shutAcp(
  store: Store,
  { url, subject }: { url: string; subject: Quad['subject'] },
  agent: string | undefined,
): void {
  const [control, policy, matcher] = ['', '-policy', '-matcher'].map((part) =>
    namedNode(`${url}#reach-shut${part}`),
  ) as [NamedNode, NamedNode, NamedNode]
  for (const node of [control, policy, matcher]) removeNode(store, node)
  store.removeQuads([quad(subject, named('acp:accessControl'), control)])
  if (agent === undefined) return
  store.addQuads([
    quad(subject, named('acp:accessControl'), control),
    quad(control, named('rdf:type'), named('acp:AccessControl')),
    quad(control, named('acp:apply'), policy),
    quad(policy, named('rdf:type'), named('acp:Policy')),
    quad(policy, named('acp:anyOf'), matcher),
    ...['Read', 'Append', 'Write', 'Control'].map((mode) =>
      quad(policy, named('acp:deny'), named(`acl:${mode}`)),
    ),
    quad(matcher, named('rdf:type'), named('acp:Matcher')),
    quad(matcher, named('acp:agent'), namedNode(agent)),
  ])
}

function removeNode(store: Store, node: Term): void {
  store.removeQuads(store.getQuads(node as Quad['subject'], null, null, null))
}

function named(name: string): NamedNode {
  return namedNode(iri(name))
}
