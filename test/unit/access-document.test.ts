import { Store } from 'n3'
import { describe, expect, test } from 'vitest'
import { iri } from '../../core/domain/namespaces.ts'
import { accessDocument } from '../../core/pods/access-document.ts'
import { parseTurtle } from '../../core/pods/rdf.ts'

const resource = 'https://pod.example/vrm/'
const url = `${resource}.acr`
const owner = 'https://pod.example/card#me'
const agent = 'https://reach.example/agent/card#me'
const prefixes = `@prefix acp: <${iri('acp:')}>. @prefix acl: <${iri('acl:')}>.
  <#r> a acp:AccessControlResource; acp:resource <${resource}>; acp:accessControl <#c>.`

/** Whom policies that give or forbid this match, as far as one document says so. */
function whom(turtle: string, what: 'acp:allow' | 'acp:deny', mode: string): string[] {
  const store = new Store(parseTurtle(turtle, url))
  const applied = store.getObjects(null, iri('acp:apply'), null)
  return applied
    .filter((policy) => store.countQuads(policy, iri(what), iri(mode), null) > 0)
    .flatMap((policy) => store.getObjects(policy, iri('acp:anyOf'), null))
    .flatMap((matcher) => store.getObjects(matcher, iri('acp:agent'), null))
    .map(({ value }) => value)
}

describe('taking everybody out of what a rule allows', () => {
  const repaired = (rules: string) =>
    accessDocument(
      'acp',
      url,
      { resource, owner, agent, agentModes: ['Read'], notEverybody: true },
      `${prefixes}${rules}`,
    ).turtle
  const shared = `<#c> acp:apply <#reads>, <#keeps>.
    <#reads> a acp:Policy; acp:allow acl:Read; acp:anyOf <#all>. <#keeps> a acp:Policy; acp:deny acl:Write; acp:anyOf <#all>.
    <#all> a acp:Matcher; acp:agent acp:PublicAgent.`
  const both = `<#c> acp:apply <#p>. <#p> a acp:Policy; acp:allow acl:Read; acp:deny acl:Write; acp:anyOf <#all>.
    <#all> a acp:Matcher; acp:agent acp:PublicAgent.`

  test.each([
    ['by another policy with the same matcher', shared],
    ['by the same policy', both],
  ])('leaves what is forbidden to everybody %s', (_how, rules) => {
    const everybody = iri('acp:PublicAgent')
    expect(whom(`${prefixes}${rules}`, 'acp:allow', 'acl:Read')).toEqual([everybody])
    const turtle = repaired(rules)
    expect(whom(turtle, 'acp:allow', 'acl:Read').toSorted()).toEqual([owner, agent].toSorted())
    expect(whom(turtle, 'acp:deny', 'acl:Write')).toEqual([everybody])
    const again = { resource, owner, agent, agentModes: ['Read'], notEverybody: true } as const
    expect(accessDocument('acp', url, again, turtle).changed).toBe(false)
  })
})
