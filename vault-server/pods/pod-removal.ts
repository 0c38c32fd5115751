import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Takes a pod with its account out of the embedded pod server's files: documents, login, indexes, sessions. The server (Community
 * Solid Server 7) reads these files anew each time and has no operation of its own for it. A pod that is not there, or half
 * gone, is no error: doing it again ends what is left. `root` is its folder, `podUrl` ends in a slash.
 */
export async function removePodFiles(root: string, podUrl: string): Promise<void> {
  const name = /^\/([a-z0-9][a-z0-9-]{0,39})\/$/.exec(new URL(podUrl).pathname)?.[1]
  if (name === undefined) throw new Error('not the address of a pod at the embedded pod server')
  const accounts = join(root, '.internal', 'accounts')
  const indexed = await readJson(join(accounts, 'index', 'pod', 'baseUrl', fileName(podUrl)))
  const ids = (Array.isArray(indexed) ? (indexed as readonly unknown[]) : []).filter(
    (id): id is string => typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id),
  )
  await removeNaming(root, [podUrl, ...ids])
  for (const accountId of ids) {
    const account = join(accounts, 'data', `${accountId}$.json`)
    const files = indexFiles(await readJson(account)).map((path) => join(accounts, 'index', ...path))
    // The account itself last: it names the others.
    for (const file of [...files, account]) await rm(file, { force: true })
  }
  await rm(join(root, name), { recursive: true, force: true })
}

/** What the server keeps for a while and finds by random names: sign-ins, tokens, cookies, subscriptions. */
async function removeNaming(root: string, names: readonly string[]): Promise<void> {
  for (const folder of ['idp', join('accounts', 'cookies'), 'notifications']) {
    const place = join(root, '.internal', folder)
    const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of entries.filter((one) => one.isFile())) {
      const file = join(entry.parentPath, entry.name)
      // It may go by itself meanwhile.
      const text = await readFile(file, 'utf8').catch(() => '')
      if (names.some((name) => text.includes(name))) await rm(file, { force: true })
    }
  }
}

/** Members that have an index of their own, by type of record. */
const indexedMembers: Readonly<Record<string, readonly string[]>> = {
  password: ['email'],
  webIdLink: ['webId'],
  pod: ['baseUrl'],
  clientCredentials: ['label'],
}

/** An account holds its records by type and id, nested: `{ "**pod**": { "<id>": { ..., "**owner**": { ... } } } }`. */
function indexFiles(node: unknown): string[][] {
  return Object.entries(objectOf(node)).flatMap(([member, records]) => {
    const type = /^\*\*(\w+)\*\*$/.exec(member)?.[1]
    if (type === undefined) return []
    return Object.entries(objectOf(records)).flatMap(([id, record]) => {
      const values = objectOf(record)
      const named = (indexedMembers[type] ?? []).flatMap((name) => {
        const value = values[name]
        return typeof value === 'string' ? [[type, name, fileName(value)]] : []
      })
      return /^[0-9a-f-]{36}$/.test(id) ? [[type, `${id}$.json`], ...named, ...indexFiles(record)] : []
    })
  })
}

/** As the pod server's file mapper writes it: separators stay encoded, the rest does not. */
function fileName(value: string): string {
  return `${encodeURIComponent(value).replaceAll('%23', '#').replaceAll('%40', '@')}$.json`
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(() => 'null')
  const row: unknown = JSON.parse(text)
  return objectOf(row)['payload']
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
