import { createRequire } from 'node:module'
import express from 'express'
import { DataFactory, Parser, Store } from 'n3'
import type { Quad } from 'n3'
import request from 'supertest'
import { expect, test } from 'vitest'
import { categories, findCategory } from '#core/domain/catalogue.ts'
import type { RdfMapping } from '#core/domain/catalogue.ts'
import { contextOf } from '#core/domain/json-ld-context.ts'
import { iri, namespaces } from '#core/domain/namespaces.ts'
import { writeCategory } from '#core/pods/vocabulary-edit.ts'
import { problemHandler } from '#core/http/problem.ts'
import { createLogger } from '#core/logger.ts'
import { readCategory } from '#core/pods/vocabulary.ts'
import { catalogueRoutes } from '../../vault-server/customer/catalogue.ts'
import { matches } from '#core/http/validate.ts'
import { inReadersLanguage } from '../../vault-server/customer/in-language.ts'
import { vocabularyRoutes } from '../../vault-server/vocabulary/routes.ts'

const { namedNode } = DataFactory
const url = 'https://pods.example/alice/vrm/some.ttl'

const app = express()
  .use('/tour', vocabularyRoutes(), catalogueRoutes())
  .use(vocabularyRoutes(), problemHandler({ log: createLogger({ level: 'silent' }) }))

/** Every prefixed name of ours that a value stands under or is. */
function ours({ predicate, type, ordered, properties = {} }: RdfMapping): string[] {
  const inside = Object.values(properties).flatMap(ours)
  return [predicate, type, ordered, ...inside].filter(
    (name): name is string => name?.startsWith('vrm:') === true,
  )
}

test('every term of ours that a pod holds is in the vocabulary, with a label in each language', async () => {
  const { text, headers } = await request(app).get('/vocabulary').set('Accept', 'text/turtle').expect(200)
  expect(headers).toMatchObject({
    'content-type': 'text/turtle; charset=utf-8',
    'access-control-allow-origin': '*',
    vary: 'Accept, Accept-Language',
  })
  const store = new Store(new Parser().parse(text))
  const used = new Set(
    categories.flatMap(({ fields, rdfType }) => [rdfType, ...fields.flatMap(({ rdf }) => ours(rdf))]),
  )
  for (const name of used) {
    if (name?.startsWith('vrm:') !== true) continue
    const labels = store.getObjects(namedNode(iri(name)), namedNode(iri('rdfs:label')), null)
    expect([name, labels.map((one) => 'language' in one && one.language).toSorted()]).toEqual([
      name,
      ['ar', 'de', 'en'],
    ])
  }
  expect(
    store.getSubjects(null, null, null).every(({ value }) => value.startsWith('https://w3id.org/reach/vrm')),
  ).toBe(true)
})

test('it comes in the form that the reader accepts, under a path too', async () => {
  const form = async (accept: string, path = '/vocabulary') =>
    (await request(app).get(path).set('Accept', accept).expect(200)).headers['content-type']
  expect(await form('*/*')).toMatch(/^text\/turtle/)
  expect(await form('application/ld+json')).toMatch(/^application\/ld\+json/)
  expect(
    await form('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', '/tour/vocabulary'),
  ).toMatch(/^text\/html/)
  const page = await request(app)
    .get('/tour/vocabulary')
    .set('Accept', 'text/html')
    .set('Accept-Language', 'de-AT')
    .expect(200)
  expect(page.text).toContain('<html lang="de"')
  expect(page.text).toContain('Kundenprogramme')
  expect(page.headers['content-security-policy']).toContain("default-src 'none'")
  // A page under a path must not lead out of it.
  expect(page.text.match(/(?:href|src)="\//g)).toBeNull()
  for (const [, path] of page.text.matchAll(/<link [^>]*href="([^"]+)"/g))
    await request(app).get(`/tour/${path}`).expect(200)
  const targets = [...page.text.matchAll(/href="vocabulary#([^"]+)"/g)].map(([, id]) => id)
  for (const id of targets) expect(page.text).toContain(`id="${id}"`)
  await request(app).post('/vocabulary').expect(405)
})

test('the catalogue of the app speaks the language of the reader, English by default', async () => {
  const titles = async (language: string) => {
    const { body } = await request(app).get('/tour/catalogue').set('Accept-Language', language).expect(200)
    expect(matches('api/catalogue.json', body)).toBe(true)
    return [body.language, body.categories[0].title]
  }
  expect(await titles('de-CH, en;q=0.5')).toEqual(['de', 'Profil'])
  expect(await titles('ar')).toEqual(['ar', 'الملف الشخصي'])
  expect(await titles('fr')).toEqual(['en', 'Profile'])
})

test('a reply of the app names fields in the language of the reader, and leaves what is hers and what is signed', async () => {
  const view = {
    items: [
      {
        fields: [
          {
            field: 'profile.ageOver18',
            title: 'Over 18',
            description: 'x',
            rule: 'y',
            derived: true,
            value: true,
          },
          {
            field: 'loyalty.memberships',
            title: 'Memberships',
            value: [{ field: 'profile.name', title: 'Mine' }],
          },
        ],
      },
    ],
    lost: { field: 'gone.field', title: 'As it was' },
    payload: { field: 'profile.name', title: 'Name' },
  }
  const spoken = express()
    .use(inReadersLanguage())
    .get('/', (_request, response) => void response.json(view))
  const read = async (language: string) =>
    (await request(spoken).get('/').set('Accept-Language', language).expect(200)).body
  expect(await read('en-GB')).toEqual(view)
  const german = await read('de')
  expect(german.items[0].fields).toMatchObject([
    { title: 'Über 18', rule: expect.stringContaining('achtzehnte'), value: true },
    { title: 'Mitgliedschaften', value: [{ title: 'Mine' }] },
  ])
  expect(german.items[0].fields[1]).not.toHaveProperty('description')
  expect([german.lost, german.payload]).toEqual([view.lost, view.payload])
})

const values: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  profile: { name: 'Ada', birthDate: '1990-02-28', languages: ['de', 'en'] },
  'contact-rules': { channels: ['email'], quietHours: { from: '22:00', to: '07:00' } },
  diet: { diet: ['VeganDiet'], allergies: ['nuts'] },
  household: { people: [{ relation: 'child', birthYear: 2020 }], home: { rooms: 3, garden: true } },
  belongings: { vehicles: [{ kind: 'car', year: 2020 }], devices: [{ kind: 'phone', make: 'Fair' }] },
  subscriptions: { services: [{ service: 'News', price: '9.90', currency: 'EUR', renewsOn: '2027-01-01' }] },
}

/** Triples about the person, with what stands at their nodes in the place of the nodes' names. */
function told(quads: readonly Quad[], subject: string): unknown[] {
  const type = iri('rdf:type')
  return quads
    .filter((quad) => quad.subject.value === subject && quad.predicate.value !== type)
    .map(({ predicate, object }) => {
      const inside = quads.some((quad) => quad.subject.equals(object)) ? told(quads, object.value) : undefined
      return JSON.stringify([
        predicate.value,
        inside ?? [object.termType, object.value, 'datatype' in object ? object.datatype.value : ''],
      ])
    })
    .toSorted()
}

test('a reply read as JSON-LD by our context says what stands in the pod', async () => {
  const require = createRequire(
    createRequire(import.meta.url).resolve('@solid/community-server/package.json'),
  )
  const { JsonLdParser } = require('jsonld-streaming-parser')
  for (const [category, own] of Object.entries(values)) {
    const data = Object.fromEntries(
      Object.entries(own).map(([name, value]) => [`${category}.${name}`, value]),
    )
    const parser = new JsonLdParser({ processingMode: '1.1' })
    const quads: Quad[] = []
    parser.on('data', (quad: Quad) => quads.push(quad))
    const done = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject))
    parser.end(JSON.stringify({ ...contextOf(categories), '@id': `${url}#me`, data }))
    await done
    const written = new Parser({ baseIRI: url }).parse(writeCategory(category, own, undefined, url))
    const kept = written.filter((quad) => quad.predicate.value !== iri('vrm:languagesOrder'))
    expect(told(quads, `${url}#me`)).toEqual(told(kept, `${url}#me`))
  }
})

test('terms in their earlier namespace are read, and written anew when something is saved', () => {
  const old = (turtle: string) => turtle.replaceAll(namespaces.vrm, 'urn:reach:vrm:')
  for (const [category, own] of Object.entries(values)) {
    const written = writeCategory(category, own, '<#me> <urn:other:p> "kept" .', url)
    expect(readCategory(category, old(written), url)).toEqual({
      values: readCategory(category, written, url).values,
    })
    const saved = writeCategory(category, own, old(written), url)
    expect(saved).not.toContain('urn:reach')
    expect(saved).toContain('kept')
    expect(readCategory(category, saved, url)).toEqual(readCategory(category, written, url))
    expect(findCategory(category)).toBeDefined()
  }
})

test('what others noted at a record stays with it while it is edited, and a thing of another class is left alone', () => {
  const noted = `
    <#me> <https://schema.org/memberOf> <#a>, [ a <https://schema.org/ProgramMembership> ; <https://schema.org/programName> "Miles" ], <#club>, <https://elsewhere.example/it> .
    <#a> a <https://schema.org/ProgramMembership> ; <https://schema.org/programName> "Books" ; <urn:other:points> 12 .
    <#club> a <https://schema.org/Organization> ; <https://schema.org/programName> 5 .`
  const { values: found } = readCategory('loyalty', noted, url)
  expect(found).toEqual({ memberships: [{ programme: 'Books' }, { programme: 'Miles' }] })
  const edited = writeCategory('loyalty', { memberships: [{ programme: 'Books', tier: 'gold' }] }, noted, url)
  expect(readCategory('loyalty', edited, url).values).toEqual({
    memberships: [{ programme: 'Books', tier: 'gold' }],
  })
  const store = new Store(new Parser({ baseIRI: url }).parse(edited))
  const about = (node: string) => store.getQuads(namedNode(`${url}#${node}`), null, null, null).length
  expect([about('a'), about('club')]).toEqual([4, 2])
  expect(store.countQuads(namedNode(`${url}#me`), namedNode(iri('schema:memberOf')), null, null)).toBe(3)
  const emptied = writeCategory('loyalty', {}, edited, url)
  expect(readCategory('loyalty', emptied, url)).toEqual({ values: {} })
  expect(emptied).toContain('urn:other:points')
})
