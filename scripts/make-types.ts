import { readFileSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compile } from 'json-schema-to-typescript'
import { formatWith } from './format.ts'

const root = join(import.meta.dirname, '..')
const schemaFolder = join(root, 'schemas')
const output = join(schemaFolder, 'types.gen.ts')
const kinds = ['records', 'api', 'fields']

type JsonObject = { [member: string]: unknown }

/**
 * TypeScript for every schema under schemas/: one type per file, named by its title (`Contact rules` gives
 * `ContactRules`), and `Schemas`, which maps each `$id` to its type. One wrapper schema refers to all files,
 * so that a type which several files share is written once.
 */
export async function makeTypes(folder: string = schemaFolder): Promise<string> {
  const ids = kinds.flatMap((kind) =>
    readdirSync(join(folder, kind))
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => `${kind}/${name}`),
  )
  checkSchemas(folder, ids)
  const wrapper = {
    type: 'object' as const,
    description: 'Every schema by its $id.',
    properties: Object.fromEntries(ids.map((id) => [id, { $ref: id }])),
    required: ids,
    additionalProperties: false,
  }
  const text = await compile(wrapper, 'Schemas', {
    additionalProperties: false,
    bannerComment: '// Made by scripts/make-types.ts from schemas/. Do not edit: npm run types.',
    cwd: `${folder}/`,
    format: false,
    ignoreMinAndMaxItems: true, // else `maxItems: 3` becomes a union of tuples
    unknownAny: true,
    $refOptions: {
      resolve: {
        file: { order: 1, canRead: /\.json$/, read: (file: { url: string }) => readSchema(file.url) },
      },
    },
  })
  return formatWith(root, output, text)
}

function readSchema(file: string): string {
  return JSON.stringify(forTypes(JSON.parse(readFileSync(file, 'utf8'))))
}

/**
 * What the generator needs: no annotations of ours, and titles only where they shall name a type, on objects.
 */
function forTypes(node: unknown, isRoot = true): unknown {
  if (Array.isArray(node)) return node.map((item) => forTypes(item, false))
  if (!isObject(node)) return node
  const { reach: _annotation, $id: _id, $schema: _dialect, title, ...rest } = node
  const namesType = isRoot || 'properties' in node
  // A property may be called `title`: then the member is a schema, not a text.
  const kept = title !== undefined && (typeof title !== 'string' || namesType) ? { title } : {}
  return Object.fromEntries(
    Object.entries({ ...kept, ...rest }).map(([name, member]) => [name, forTypes(member, false)]),
  )
}

/** Two files with one title would make types with a number behind, which swap when a file is added. */
function checkSchemas(folder: string, ids: readonly string[]): void {
  const owner = new Map<string, string>()
  for (const id of ids) {
    const schema: unknown = JSON.parse(readFileSync(join(folder, id), 'utf8'))
    refuseTuples(schema, `schemas/${id}`)
    const title = isObject(schema) ? schema['title'] : undefined
    if (typeof title !== 'string' || !/^[A-Z][A-Za-z]*( [A-Za-z]+)*$/.test(title))
      throw new Error(`schemas/${id}: needs a title that can name a type`)
    const name = title.replaceAll(' ', '').toLowerCase()
    const other = owner.get(name)
    if (other !== undefined) throw new Error(`schemas/${id}: has the same title as schemas/${other}`)
    owner.set(name, id)
  }
}

/** The generator makes `never[]` of `prefixItems`, so our schemas have no tuples. */
function refuseTuples(node: unknown, where: string): void {
  if (typeof node !== 'object' || node === null) return
  if (isObject(node) && (Array.isArray(node['prefixItems']) || Array.isArray(node['items'])))
    throw new Error(`${where}: no tuples in our schemas`)
  for (const [name, member] of Object.entries(node)) refuseTuples(member, `${where}/${name}`)
}

function isObject(node: unknown): node is JsonObject {
  return typeof node === 'object' && node !== null && !Array.isArray(node)
}

/** Whether the committed file is what the schemas give. */
export async function typesAreCurrent(): Promise<boolean> {
  const committed = await readFile(output, 'utf8').catch(() => '')
  return committed === (await makeTypes())
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  if (!values.check) await writeFile(output, await makeTypes())
  else if (!(await typesAreCurrent())) {
    console.error('schemas/types.gen.ts is out of date: npm run types')
    process.exitCode = 1
  }
}
