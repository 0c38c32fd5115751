/**
 * How the parts of the pod server are put together. Its makers say so in several hundred files of JSON-LD, and reading them is
 * most of the work of a start. What comes of them is the same every time, so it is written down at the first start.
 */
import type { App } from '@solid/community-server'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

const ownName = '@solid/community-server'
const serverFile = createRequire(import.meta.url).resolve(`${ownName}/package.json`)
const ofServer = createRequire(serverFile)
const usualFolder = join(import.meta.dirname, '..', '..', 'dist', 'pod-server')

/** A text, a part by its number, a setting, a part that is asked for later, or a value made of these. */
type Value =
  | string
  | { readonly part: number }
  | { readonly variable: string }
  | { readonly later: Value }
  | { readonly list: readonly Value[] }
  | { readonly members: readonly (readonly [string, Value])[] }
  | { readonly is?: unknown }

interface Part {
  /** What the pod server's own module exports under this name; nothing else can be a part. */
  readonly name: string
  readonly isConstructed: boolean
  readonly args: readonly Value[]
}

interface Wiring {
  readonly parts: readonly Part[]
  readonly resolver: Value
  readonly app: Value
}

type Settings = Readonly<Record<string, unknown>>

/**
 * The pod server by these files of configuration, put together as its own `AppRunner` does. Rejects when a file cannot be read or
 * lacks something.
 */
export async function createPodApp(
  configs: readonly string[],
  shorthand: Settings,
  folder = usualFolder,
): Promise<App> {
  const wiring = await readWiring(configs, folder)
  const { shorthandResolver } = build(wiring.parts, wiring.resolver, {}) as {
    shorthandResolver: { handleSafe(shorthand: Settings): Promise<Settings> }
  }
  return build(wiring.parts, wiring.app, await shorthandResolver.handleSafe(shorthand)) as App
}

function build(parts: readonly Part[], what: Value, variables: Settings): unknown {
  const built = new Map<number, unknown>()
  const valueOf = (value: Value): unknown => {
    if (typeof value === 'string') return value
    if ('part' in value) {
      if (!built.has(value.part)) built.set(value.part, make(parts[value.part]))
      return built.get(value.part)
    }
    if ('variable' in value) {
      const set = variables[value.variable]
      if (set === undefined) throw new Error(`the pod server has no setting ${value.variable}`)
      return set
    }
    if ('later' in value) return () => Promise.resolve(valueOf(value.later))
    if ('list' in value) return value.list.map(valueOf)
    if ('members' in value)
      return Object.fromEntries(value.members.map(([name, member]) => [name, valueOf(member)]))
    return value.is
  }
  const make = (part: Part | undefined): unknown => {
    if (part === undefined) throw new Error('the pod server lacks a part')
    const exported = ofServer('.') as Settings
    if (!Object.hasOwn(exported, part.name)) throw new Error(`the pod server has no ${part.name}`)
    const found = exported[part.name]
    return part.isConstructed ? Reflect.construct(found as new () => object, part.args.map(valueOf)) : found
  }
  return valueOf(what)
}

async function readWiring(configs: readonly string[], folder: string): Promise<Wiring> {
  const sources = createHash('sha256')
  // Of the packages those that are installed, whatever was to be.
  const packages = [serverFile, ofServer.resolve('componentsjs/package.json')]
  for (const source of [...packages, import.meta.filename, ...configs]) sources.update(await readFile(source))
  // Of what it was made of and of itself: one byte that the disk changed, and the pods would never start again.
  const digestOf = (text: string) => sources.copy().update(text).digest('hex')
  const file = join(folder, `${basename(configs[0] ?? '', '.json')}.wiring`)
  const [digest, known = ''] = (await readFile(file, 'utf8').catch(() => '')).split('\n')
  if (digest === digestOf(known)) return JSON.parse(known) as Wiring
  const wiring = await deriveWiring(configs)
  const text = JSON.stringify(wiring)
  await keep(file, `${digestOf(text)}\n${text}`)
  return wiring
}

/** Where nothing can be written the next start reads all of it again. */
async function keep(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(draft, text)
    await rename(draft, file)
  } catch {
    await rm(draft, { force: true }).catch(() => undefined)
  }
}

/** Of Components.js, which the pod server brings along, what is used here. */
interface ComponentsManager {
  readonly configRegistry: { register(path: string): Promise<void> }
  instantiate(iri: string, settings: object): Promise<Value>
}

async function deriveWiring(configs: readonly string[]): Promise<Wiring> {
  const { ComponentsManager } = ofServer('componentsjs') as {
    ComponentsManager: { build(options: object): Promise<ComponentsManager> }
  }
  const parts: Part[] = []
  const manager = await ComponentsManager.build({
    mainModulePath: dirname(serverFile),
    typeChecking: false,
    dumpErrorState: false,
    constructionStrategy: writingDown(parts),
  })
  for (const config of configs) await manager.configRegistry.register(config)
  const resolver = await manager.instantiate('urn:solid-server-app-setup:default:CliResolver', {})
  const app = await manager.instantiate('urn:solid-server:default:App', {})
  return { parts, resolver, app }
}

/** A construction strategy of Components.js that makes nothing and notes what it is asked for. */
function writingDown(parts: Part[]) {
  return {
    createInstance(asked: {
      readonly requireName: string
      readonly requireElement?: string
      readonly callConstructor: boolean
      readonly args: readonly Value[]
    }): Value {
      const { requireName, requireElement: name = '', callConstructor: isConstructed, args } = asked
      if (requireName !== ownName) throw new Error(`the pod server is made of ${requireName}, too`)
      return { part: parts.push({ name, isConstructed, args }) - 1 }
    },
    createHash: ({
      entries,
    }: {
      entries: readonly ({ key: string; value: Value } | undefined)[]
    }): Value => ({
      members: entries.flatMap((entry) => (entry === undefined ? [] : [[entry.key, entry.value] as const])),
    }),
    createArray: ({ elements }: { elements: readonly Value[] }): Value => ({ list: elements }),
    createLazySupplier: async ({ supplier }: { supplier: () => Promise<Value> }): Promise<Value> => ({
      later: await supplier(),
    }),
    // Names of members are asked for here, too, and must be texts.
    createPrimitive: ({ value }: { value: unknown }): Value =>
      typeof value === 'string' ? value : { is: value },
    getVariableValue: ({ variableName }: { variableName: string }): Value => ({ variable: variableName }),
    createUndefined: (): Value => ({}),
  }
}
