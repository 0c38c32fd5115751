import { hash } from 'node:crypto'
import { access, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Takes a pod with its account out of the embedded pod server's files: documents, login, indexes, sessions. The server (Community
 * Solid Server 7) reads these files anew each time and has no operation of its own for it. A pod that is not there, or half
 * gone, is no error: doing it again ends what is left. `root` is its folder, `podUrl` ends in a slash.
 */
export async function removePodFiles(root: string, podUrl: string): Promise<void> {
  const folder = folderOf(root, podUrl)
  const ids = await accountsOf(root, 'pod', 'baseUrl', podUrl)
  await removeNaming(root, [podUrl, ...ids])
  for (const accountId of ids) await removeAccount(root, accountId)
  await rm(folder, { recursive: true, force: true })
}

/** A pod that was begun, and the address with which somebody shall sign in to it. */
export interface UnfinishedPod {
  readonly podUrl: string
  readonly email: string
}

/** What a new pod has before anybody uses it. */
const ofNewPod = ['.acl', '.acr', '.meta', 'profile']

/**
 * Takes away what the server had made of a pod when it was killed: nobody could use it, and nobody could have its name or
 * its owner's e-mail address any more. While the server does not run. A pod that is whole, or in use, stays, and so does an account with another pod.
 */
export async function removeUnfinishedPod(root: string, { podUrl, email }: UnfinishedPod): Promise<void> {
  const folder = folderOf(root, podUrl)
  const held = await readdir(folder).catch((): string[] => [])
  const profile = await readdir(join(folder, 'profile')).catch((): string[] => [])
  const isWhole = profile.includes('card$.ttl') && profile.some((name) => /^card\.ac[lr]$/.test(name))
  if (isWhole || held.some((name) => !ofNewPod.includes(name))) return
  const ids = [
    ...(await accountsOf(root, 'password', 'email', email)),
    ...(await accountsOf(root, 'pod', 'baseUrl', podUrl)),
  ]
  for (const accountId of new Set(ids))
    if ((await podsOf(root, accountId)).every((pod) => pod === podUrl)) await removeAccount(root, accountId)
  await rm(folder, { recursive: true, force: true })
}

/** What of it somebody has already: the address of the pod, also when its files were lost, or the e-mail address. */
export async function takenOf(
  root: string,
  { podUrl, email }: UnfinishedPod,
): Promise<'email' | 'podName' | undefined> {
  for (const accountId of await accountsOf(root, 'password', 'email', email))
    if ((await podsOf(root, accountId)).length > 0) return 'email'
  if ((await accountsOf(root, 'pod', 'baseUrl', podUrl)).length > 0) return 'podName'
  return await access(folderOf(root, podUrl)).then(
    () => 'podName' as const,
    () => undefined,
  )
}

function folderOf(root: string, podUrl: string): string {
  const name = /^\/([a-z0-9][a-z0-9-]{0,39})\/$/.exec(new URL(podUrl).pathname)?.[1]
  if (name === undefined) throw new Error('not the address of a pod at the embedded pod server')
  return join(root, name)
}

const accountFile = (root: string, accountId: string) =>
  join(root, '.internal', 'accounts', 'data', `${accountId}$.json`)

/** Ids of the accounts with a record of this type whose member has this value, as the server's index has them. */
async function accountsOf(root: string, type: string, member: string, value: string): Promise<string[]> {
  const index = join(root, '.internal', 'accounts', 'index', type, member, fileName(type, member, value))
  const indexed = await readJson(index)
  return (Array.isArray(indexed) ? (indexed as readonly unknown[]) : []).filter(
    (id): id is string => typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id),
  )
}

/** Addresses of an account's pods. */
async function podsOf(root: string, accountId: string): Promise<unknown[]> {
  const { '**pod**': pods } = objectOf(await readJson(accountFile(root, accountId)))
  return Object.values(objectOf(pods)).map((pod) => objectOf(pod)['baseUrl'])
}

async function removeAccount(root: string, accountId: string): Promise<void> {
  const account = accountFile(root, accountId)
  const index = join(root, '.internal', 'accounts', 'index')
  const files = indexFiles(await readJson(account)).map((path) => join(index, ...path))
  // The account itself last: it names the others.
  for (const file of [...files, account]) await rm(file, { force: true })
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
        return typeof value === 'string' ? [[type, name, fileName(type, name, value)]] : []
      })
      return /^[0-9a-f-]{36}$/.test(id) ? [[type, `${id}$.json`], ...named, ...indexFiles(record)] : []
    })
  })
}

/** Of a longer key the pod server keeps a hash. */
const MAX_KEY = 150

/** Of an index, as the pod server's file mapper writes it: separators stay encoded, and what Windows forbids. */
function fileName(type: string, member: string, value: string): string {
  const encoded = encodeURIComponent(value)
  if (`accounts/index/${type}/${member}/${encoded}`.length > MAX_KEY)
    return `$hash$${hash('sha256', encoded)}$.json`
  const parts = encoded.split(/(%(?:25)*(?:2f|5c))/i)
  const names = parts.map((part, i) => (i % 2 === 1 ? part.toUpperCase() : decodeURIComponent(part)))
  return `${names.join('').replaceAll(/[<>:"|?*]/g, percentEncoded)}$.json`
}

function percentEncoded(sign: string): string {
  return `%${Buffer.from(sign).toString('hex').toUpperCase()}`
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(() => 'null')
  const row: unknown = JSON.parse(text)
  return objectOf(row)['payload']
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
