import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppRunner, resolveAssetPath } from '@solid/community-server'
import { expect, test } from 'vitest'
import { createPodApp } from '../../vault-server/pods/wiring.ts'

const server = '@solid/community-server'
const ours = join(import.meta.dirname, '../../vault-server/pods/wiring.ts')

/** Where the first that can do it does it, or one goes on with what another made. */
const ordered = new Set(['WaterfallHandler', 'SequenceHandler', 'ChainedConverter'])
/** Each for addresses or kinds of its own: these are gathered from many files, as they happen to be read. */
const apart = /(?:RouteHandler|RouterHandler|TypedNotificationHandler)$/
const nameOf = (value: unknown): string => Object(value).constructor?.name ?? ''

/**
 * One hash for an object and all that hangs on it. The pod server's own runner puts some lists in another order each time: those in
 * which order says nothing are compared as sets. Its clocks are stopped: nothing here is started.
 */
function shapeOf(root: unknown): string {
  const known = new Map<object, string>()
  const shape = (value: unknown, inOrder = false): string => {
    if (typeof value === 'function') return `function ${value.name}`
    if (value === null || typeof value !== 'object') return `${typeof value} ${String(value)}`
    const name = nameOf(value)
    if (name === 'Timeout') {
      clearTimeout(value as NodeJS.Timeout)
      return name
    }
    const before = known.get(value)
    if (before !== undefined) return before
    known.set(value, 'itself')
    const members =
      Array.isArray(value) || value instanceof Map || value instanceof Set
        ? Array.from(value as Iterable<unknown>, (member) => shape(member))
        : Reflect.ownKeys(value).map((key) => {
            const { value: member } = Object.getOwnPropertyDescriptor(value, key) ?? {}
            const isRow = ordered.has(name) && Array.isArray(member)
            return `${String(key)} ${shape(member, isRow && !member.every((one) => apart.test(nameOf(one))))}`
          })
    const hash = createHash('sha256')
      .update(JSON.stringify([name, inOrder ? members : members.sort()]))
      .digest('hex')
    known.set(value, hash)
    return hash
  }
  return `${shape(root)} of ${known.size}`
}

test('what was written down makes the very server that its own runner makes, and what is damaged is made anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'reach-wiring-'))
  try {
    const configs = [
      resolveAssetPath('@css:config/file.json'),
      join(import.meta.dirname, '../../vault-server/pods/css-config.json'),
    ]
    const shorthand = {
      baseUrl: 'http://localhost:1/',
      socket: join(folder, 's'),
      rootFilePath: folder,
      loggingLevel: 'error',
    }
    const note = join(folder, 'file.wiring')
    // It reads well, and is not what was written.
    await writeFile(note, `${'0'.repeat(64)}\n{"parts":[],"resolver":{"part":0},"app":{"part":0}}`)
    const derived = shapeOf(await createPodApp(configs, shorthand, folder))
    const written = await readFile(note, 'utf8')
    const noted = shapeOf(await createPodApp(configs, shorthand, folder))
    const theirs = shapeOf(await new AppRunner().create({ config: [...configs], shorthand }))
    expect(noted).toBe(theirs)
    expect(derived).toBe(theirs)

    expect(await readFile(note, 'utf8')).toBe(written)

    // Settings and order are read from the note and from nowhere else.
    const sources = createHash('sha256')
    const { resolve } = createRequire(createRequire(import.meta.url).resolve(`${server}/package.json`))
    for (const file of [
      resolve(`${server}/package.json`),
      resolve('componentsjs/package.json'),
      ours,
      ...configs,
    ])
      sources.update(await readFile(file))
    const wiring = written.slice(written.indexOf('\n') + 1)
    const signed = (text: string) => `${sources.copy().update(text).digest('hex')}\n${text}`
    expect(signed(wiring)).toBe(written)
    await writeFile(note, signed(wiring.replace('"/.internal/tempFiles/"', '"/.internal/elsewhere/"')))
    expect(shapeOf(await createPodApp(configs, shorthand, folder))).not.toBe(theirs)
    const row =
      /("name":"WaterfallHandler","isConstructed":true,"args":\[\{"list":\[)(\{"part":\d+\}),(\{"part":\d+\})/
    await writeFile(note, signed(wiring.replace(row, '$1$3,$2')))
    expect(shapeOf(await createPodApp(configs, shorthand, folder))).not.toBe(theirs)

    // Whatever stands there, nothing is made but what the pod server exports.
    await writeFile(note, signed(wiring.replaceAll(/"name":"\w+"/g, '"name":"constructor"')))
    await expect(createPodApp(configs, shorthand, folder)).rejects.toThrow('has no constructor')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
