import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeTypes, typesAreCurrent } from '../../scripts/make-types.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reach-schemas-'))
  for (const kind of ['records', 'api', 'fields']) mkdirSync(join(folder, kind))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(id: string, schema: object): void {
  writeFileSync(join(folder, id), JSON.stringify({ $id: id, ...schema }))
}
const object = (properties: object) => ({ type: 'object', additionalProperties: false, properties })

test('the committed types are those of the schemas', async () => {
  expect(await typesAreCurrent()).toBe(true)
})

test('a type that several files share is written once, under its title', async () => {
  write('records/item.json', {
    title: 'Item',
    ...object({ title: { type: 'string' }, size: { type: 'integer' } }),
  })
  write('records/box.json', {
    title: 'Box',
    ...object({ items: { type: 'array', items: { $ref: 'item.json' }, maxItems: 3 } }),
  })
  write('api/box-view.json', { title: 'BoxView', ...object({ first: { $ref: '../records/item.json' } }) })
  write('fields/sizes.json', {
    title: 'Shoe sizes',
    reach: { order: 1 },
    ...object({ shoe: { title: 'Shoe', reach: { dpv: 'pd:Size' }, type: 'string' } }),
  })
  const text = await makeTypes(folder)
  expect(text.match(/export interface \w+/g)?.toSorted()).toEqual([
    'export interface Box',
    'export interface BoxView',
    'export interface Item',
    'export interface Schemas',
    'export interface ShoeSizes',
  ])
  expect(text).toContain('items?: Item[]')
  expect(text).toContain('first?: Item')
  expect(text).toContain('title?: string')
  expect(text).toContain(`'fields/sizes.json': ShoeSizes`)
})

test.each([{ prefixItems: [{ type: 'string' }] }, { items: [{ type: 'string' }] }])(
  'refuses a tuple: %j',
  async (tuple) => {
    write('records/pair.json', { title: 'Pair', ...object({ both: { type: 'array', ...tuple } }) })
    await expect(makeTypes(folder)).rejects.toThrow('no tuples')
  },
)

test('refuses two types of one name, and a title that names none', async () => {
  write('records/box.json', { title: 'Box', ...object({}) })
  write('api/box.json', { title: 'box', ...object({}) })
  await expect(makeTypes(folder)).rejects.toThrow('needs a title')
  write('api/box.json', { title: 'B ox', ...object({}) })
  await expect(makeTypes(folder)).rejects.toThrow('same title')
})
