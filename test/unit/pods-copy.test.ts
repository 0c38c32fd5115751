import { describe, expect, test } from 'vitest'
import { probe } from '../../core/pods/probe.ts'
import { parseTurtle } from '../../core/pods/rdf.ts'
import { isSameGraph } from '../../core/pods/same-graph.ts'

const base = 'https://pod.example/vrm/x.ttl'
const same = (one: string, other: string) => isSameGraph(parseTurtle(one, base), parseTurtle(other, base))

describe('two documents', () => {
  test('say the same in another order, with other names of blank nodes and other ways to write it', () => {
    expect(same('<#a> <#b> "x"@en, 1.', '<#a> <#b> 1. <#a> <#b> "x"@en.')).toBe(true)
    expect(same('<#a> <#b> [ <#c> [ <#d> 1 ] ].', '_:z <#d> 1. _:y <#c> _:z. <#a> <#b> _:y.')).toBe(true)
    expect(same('<#a> <#b> _:x. _:x <#c> _:x.', '_:q <#c> _:q. <#a> <#b> _:q.')).toBe(true)
    expect(same('<#a> <#b> [ <#n> 1 ], [ <#n> 2 ].', '<#a> <#b> [ <#n> 2 ], [ <#n> 1 ].')).toBe(true)
  })

  test.each([
    ['a value', '<#a> <#b> 1.', '<#a> <#b> 2.'],
    ['a datatype', '<#a> <#b> "1".', '<#a> <#b> 1.'],
    ['a language', '<#a> <#b> "x"@en.', '<#a> <#b> "x"@de.'],
    ['a triple more', '<#a> <#b> 1.', '<#a> <#b> 1, 2.'],
    ['whom a blank node belongs to', '<#a> <#b> [ <#c> 1 ].', '<#z> <#b> [ <#c> 1 ].'],
    [
      'a circle for a chain',
      '_:a <#p> _:b. _:b <#p> _:a. <#x> <#y> _:a.',
      '_:a <#p> _:b. _:b <#p> _:b. <#x> <#y> _:a.',
    ],
    ['an address for a text', '<#a> <#b> <https://x.example/>.', '<#a> <#b> "https://x.example/".'],
  ])('do not when they differ in %s', (_what, one, other) => {
    expect(same(one, other)).toBe(false)
  })

  test('that only trying all ways would tell apart are not taken for the same', () => {
    const twins = '_:a <#p> _:b. _:b <#p> _:a.'
    expect(same(twins, twins)).toBe(false)
  })
})

describe('a pod server that', () => {
  const at = {
    container: 'https://pod.example/vrm/',
    podUrl: 'https://pod.example/',
    webId: 'https://pod.example/card#me',
  }
  const answering = (status: number) => async () => new Response(null, { status })
  const tried = (status: number) => {
    const fetch = answering(status)
    return probe({ agent: fetch, anyone: answering(401) }, at, 'open', () => 0)
  }

  test('takes the agent for nobody cannot reach its identity, and that is told', async () => {
    expect(await tried(401)).toMatchObject({ ok: false, identity: 'agent', unreachable: true })
    expect(await tried(400)).toMatchObject({ ok: false, unreachable: true })
  })

  test('knows the agent and refuses it is another matter', async () => {
    expect(await tried(403)).not.toHaveProperty('unreachable')
    expect(await tried(200)).not.toHaveProperty('unreachable')
  })
})
