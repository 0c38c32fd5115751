import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppRunner, resolveAssetPath } from '@solid/community-server'
import { expect, test } from 'vitest'
import { createPodApp } from '../../vault-server/pods/wiring.ts'

/**
 * One hash for an object and all that hangs on it. The pod server's own runner puts some lists in another order each time, so lists
 * are compared as sets. Its clocks are stopped: nothing here is started.
 */
function shapeOf(root: unknown): string {
  const known = new Map<object, string>()
  const shape = (value: unknown): string => {
    if (typeof value === 'function') return `function ${value.name}`
    if (value === null || typeof value !== 'object') return `${typeof value} ${String(value)}`
    const name = value.constructor?.name ?? ''
    if (name === 'Timeout') {
      clearTimeout(value as NodeJS.Timeout)
      return name
    }
    const before = known.get(value)
    if (before !== undefined) return before
    known.set(value, 'itself')
    const members =
      Array.isArray(value) || value instanceof Map || value instanceof Set
        ? Array.from<unknown, string>(value as Iterable<unknown>, shape)
        : Reflect.ownKeys(value).map((key) => {
            const { value: member } = Object.getOwnPropertyDescriptor(value, key) ?? {}
            return `${String(key)} ${shape(member)}`
          })
    const hash = createHash('sha256')
      .update(JSON.stringify([name, members.sort()]))
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
    const note = join(folder, 'file.json')
    await writeFile(note, '{"madeOf":"something else"')
    const derived = shapeOf(await createPodApp(configs, shorthand, folder))
    const written = await readFile(note, 'utf8')
    expect(JSON.parse(written)).toMatchObject({ madeOf: expect.stringMatching(/^[0-9a-f]{64}$/) })

    // One setting that is read from the note and from nowhere else.
    await writeFile(note, written.replace('"/.internal/tempFiles/"', '"/.internal/elsewhere/"'))
    expect(shapeOf(await createPodApp(configs, shorthand, folder))).not.toBe(derived)
    await writeFile(note, written)
    const noted = shapeOf(await createPodApp(configs, shorthand, folder))
    const theirs = shapeOf(await new AppRunner().create({ config: [...configs], shorthand }))
    expect(noted).toBe(theirs)
    expect(derived).toBe(theirs)
    expect(await readFile(note, 'utf8')).toBe(written)

    // Whatever stands there, nothing is made but what the pod server exports.
    await writeFile(note, written.replaceAll(/"name":"\w+"/g, '"name":"constructor"'))
    await expect(createPodApp(configs, shorthand, folder)).rejects.toThrow('has no constructor')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
