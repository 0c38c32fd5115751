import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { addCategories } from '#core/domain/catalogue.ts'
import type { CategoryFile, MemberFile } from '#core/domain/category-file.ts'
import { addCategorySchema } from '#core/http/validate.ts'
import { ConfigError } from './config.ts'

/**
 * Takes the categories in a folder of the operator's into the catalogue of this process: every `.json` file there, in the
 * form of `schemas/category-file.json`. To be called once, before anything is opened. Throws `ConfigError`, which names
 * the file.
 */
export function addCatalogueFolder(folder: string): void {
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  } catch {
    throw new ConfigError('REACH_CATALOGUE', 'must be a folder that can be read')
  }
  for (const name of names.toSorted()) {
    try {
      const file = addCategorySchema(JSON.parse(readFileSync(join(folder, name), 'utf8')))
      refuseUnsound(file, basename(name, '.json'))
      addCategories([file])
    } catch (error) {
      const why = error instanceof Error ? error.message : 'cannot be read'
      throw new ConfigError('REACH_CATALOGUE', `cannot take ${name}: ${why}`)
    }
  }
}

/** What the schema cannot say. */
function refuseUnsound({ $id, reach, properties }: CategoryFile, name: string): void {
  const { category, file } = reach
  if (category !== name || $id !== `fields/${name}.json` || file !== `${name}.ttl`)
    throw new Error(`category, $id and file must be ${name}, fields/${name}.json and ${name}.ttl`)
  // Ours are the same in every installation, so nobody adds to them alone.
  const terms = JSON.stringify([reach.rdfType, properties]).match(/"vrm:[^"]*"/)
  if (terms !== null)
    throw new Error('vrm: is the vocabulary of Reach itself; use schema:, or an https IRI of yours')
  refuseShared(Object.entries(properties))
  for (const [field, { reach: note, type, properties: parts, items }] of Object.entries(properties)) {
    const members = parts ?? items?.properties
    if ((note.rdf.as === 'node') !== (members !== undefined))
      throw new Error(`/properties/${field} must be a node exactly when it has parts`)
    if (members !== undefined && type === 'array' && note.rdf.type === undefined)
      throw new Error(`/properties/${field} must name the class of its nodes`)
    refuseShared(Object.entries(members ?? {}))
  }
}

/** Values under one property could not be told apart, unless they are nodes of different classes. */
function refuseShared(members: readonly (readonly [string, MemberFile])[]): void {
  const seen = new Set<string>()
  for (const [name, { reach, type }] of members) {
    const { predicate, type: nodeClass } = reach.rdf
    const place = type === 'array' && nodeClass !== undefined ? `${predicate} ${nodeClass}` : predicate
    if (seen.has(place)) throw new Error(`${name} stands under the same property as another`)
    seen.add(place)
  }
}
