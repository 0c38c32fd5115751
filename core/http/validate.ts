import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import formats from 'ajv-formats'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { DomainError } from '#core/domain/errors.ts'
import type { Violation } from '#core/domain/errors.ts'
import type { CategoryFile } from '#core/domain/category-file.ts'
import type { Schemas } from '#schemas/types.gen.ts'

const schemaFolder = join(import.meta.dirname, '../../schemas')
const kinds = ['records', 'api', 'fields']
/** What the files under `fields/` look like themselves, and those of an operator. */
const categoryFile = 'category-file.json'

/** Above this, only the first violation is told: listing all could cost hostile input little and us much. */
const maxNodesForAll = 1_000
const maxViolations = 50

const firstError = once(() => loadSchemas({ allErrors: false }))
const allErrors = once(() => loadSchemas({ allErrors: true }))

/**
 * Compiles the schema `schemaId` (such as `api/decision.json`) now and returns what turns raw input into its
 * type. The result throws `invalid-input` with every violation as a JSON Pointer and never echoes a value.
 * Input is not changed: no defaults, no coercion, nothing removed. An unknown id is a bug and throws a plain
 * Error.
 */
export function parser<Id extends keyof Schemas>(schemaId: Id): (value: unknown) => Schemas[Id] {
  const validate = validator<Schemas[Id]>(firstError(), schemaId)
  return (value) => {
    if (validate(value)) return value
    throw new DomainError('invalid-input', 'The input does not match its schema', {
      violations: violationsOf(schemaId, value, validate.errors ?? []),
    })
  }
}

/**
 * Takes in the schema of a category that is not ours, and compiles it. Throws for one that is no file of the catalogue,
 * no JSON Schema of ours in its strict form, or there already; the message says where.
 */
export function addCategorySchema(schema: unknown): CategoryFile {
  const validate = validator<CategoryFile>(allErrors(), categoryFile)
  if (!validate(schema)) {
    const [first] = violationsOf(categoryFile, schema, validate.errors ?? [])
    throw new Error(`${first?.pointer || 'it'} ${first?.detail ?? 'is not valid'}`)
  }
  for (const ajv of [firstError(), allErrors()]) {
    ajv.addSchema(schema)
    validator(ajv, schema.$id)
  }
  return schema
}

/** Whether `value` matches; for checks of our own replies in tests and development. */
export function matches(schemaId: keyof Schemas, value: unknown): boolean {
  return validator(firstError(), schemaId)(value)
}

/** None of our schemas is asynchronous, so the type that ajv leaves open is the plain one. */
function validator<T>(ajv: Ajv2020, schemaId: string): ValidateFunction<T> {
  const validate = ajv.getSchema<T>(schemaId)
  if (validate === undefined) throw new Error(`no schema ${schemaId}`)
  return validate as ValidateFunction<T>
}

function loadSchemas(options: { allErrors: boolean }): Ajv2020 {
  const ajv = new Ajv2020({
    ...options,
    // Where all errors are told, what the schema says of the place is at hand.
    verbose: options.allErrors,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    ownProperties: true,
    validateFormats: true,
  })
  formats.default(ajv)
  ajv.addKeyword({ keyword: 'reach', schemaType: 'object' })
  ajv.addSchema(JSON.parse(readFileSync(join(schemaFolder, categoryFile), 'utf8')) as object)
  for (const kind of kinds) {
    const files = readdirSync(join(schemaFolder, kind), { withFileTypes: true })
    for (const { name } of files.filter((file) => file.isFile() && file.name.endsWith('.json'))) {
      const schema: { $id?: string } = JSON.parse(readFileSync(join(schemaFolder, kind, name), 'utf8'))
      if (schema.$id !== `${kind}/${name}`) throw new Error(`schemas/${kind}/${name}: $id must be its path`)
      ajv.addSchema(schema)
    }
  }
  return ajv
}

function violationsOf(schemaId: string, value: unknown, first: ErrorObject[]): Violation[] {
  let errors = first
  if (hasAtMost(value, maxNodesForAll)) {
    const validate = validator(allErrors(), schemaId)
    if (!validate(value)) errors = validate.errors ?? first
  }
  const violations = new Map<string, Violation>()
  for (const error of errors) {
    if (violations.size === maxViolations) break
    const violation = describe(error)
    violations.set(`${violation.pointer} ${violation.detail}`, violation)
  }
  return [...violations.values()]
}

function describe({ keyword, instancePath, params, message, parentSchema }: ErrorObject): Violation {
  const place = speakable(instancePath)
  switch (keyword) {
    case 'required':
      return { pointer: `${place}/${params['missingProperty']}`, detail: 'is missing' }
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = params['additionalProperty'] ?? params['unevaluatedProperty']
      return { pointer: speakable(`${place}/${name}`), detail: 'has a member that is not known' }
    }
    case 'enum':
      return { pointer: place, detail: `must be one of: ${params['allowedValues'].join(', ')}` }
    case 'pattern': {
      const meaning: unknown = parentSchema?.['description']
      const detail = 'does not have the required form'
      return { pointer: place, detail: typeof meaning === 'string' ? `${detail}: ${meaning}` : detail }
    }
    case 'format':
      return { pointer: place, detail: `must be a valid ${params['format']}` }
    case 'propertyNames':
      return { pointer: place, detail: 'has a member whose name is not allowed' }
    case 'oneOf':
    case 'anyOf':
      return { pointer: place, detail: 'must have one of the allowed forms' }
    default:
      // What is left speaks of limits and types in the schema, never of the value.
      return { pointer: place, detail: message ?? 'is not valid' }
  }
}

/**
 * Names in a pointer may be the sender's own: it ends before the first that does not look like one of ours.
 */
function speakable(pointer: string): string {
  return /^(?:\/[A-Za-z0-9_.-]{1,64})*(?=\/|$)/.exec(pointer)?.[0] ?? ''
}

function hasAtMost(value: unknown, limit: number): boolean {
  const waiting: unknown[] = [value]
  let count = 0
  for (let next = waiting.pop(); count <= limit; next = waiting.pop()) {
    count++
    if (typeof next === 'object' && next !== null) {
      const members = Object.values(next)
      if (count + waiting.length + members.length > limit) return false
      waiting.push(...members)
    }
    if (waiting.length === 0) return true
  }
  return false
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}
