import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const schemaFolder = join(import.meta.dirname, '../schemas')

export type JsonObject = { [member: string]: unknown }

/** Schemas under the names of their titles, with references between files turned into references inside the document. */
export class SchemaComponents {
  readonly components: Record<string, unknown> = {}
  readonly #names = new Map<string, string>()

  refTo(schemaId: string): { $ref: string } {
    return { $ref: `#/components/schemas/${this.#nameOf(schemaId)}` }
  }

  #nameOf(schemaId: string): string {
    const known = this.#names.get(schemaId)
    if (known !== undefined) return known
    const schema: JsonObject = JSON.parse(readFileSync(join(schemaFolder, schemaId), 'utf8'))
    const name = String(schema['title'])
    if (name in this.components) throw new Error(`two schemas are called ${name}`)
    this.#names.set(schemaId, name)
    this.components[name] = {} // keeps its place, also when it refers to itself
    const { $schema: _dialect, $id: _id, ...content } = schema
    this.components[name] = this.#resolved(content, schemaId)
    return name
  }

  #resolved(node: unknown, within: string): unknown {
    if (Array.isArray(node)) return node.map((item) => this.#resolved(item, within))
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(
      Object.entries(node).map(([keyword, value]) => {
        if (keyword !== '$ref' || typeof value !== 'string') return [keyword, this.#resolved(value, within)]
        return [keyword, this.refTo(new URL(value, `schema:///${within}`).pathname.slice(1)).$ref]
      }),
    )
  }
}
