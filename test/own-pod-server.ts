/**
 * Pod servers that are not ours: the Community Solid Server as its makers ship it, on another origin and its own
 * issuer, one with WAC and one with ACP. Started once per worker.
 */
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Session } from '@inrupt/solid-client-authn-node'
import type { PodFetch } from '../core/pods/pod.ts'
import { BrowserJar } from './browser-jar.ts'
import { freePort } from './free-ports.ts'
import { programEnvironment } from './program-environment.ts'

export interface OwnPodServer {
  /** Ends in a slash; also the issuer. */
  readonly baseUrl: string
  readonly pid: number
  person(): Promise<OwnPodPerson>
}

export interface OwnPodPerson {
  readonly email: string
  readonly password: string
  readonly webId: string
  readonly podUrl: string
  readonly container: string
  /** As herself, by another app. */
  readonly fetch: PodFetch
  /** Client credentials for one of her WebIDs; a new pod, and with it another WebID, when none is named. */
  credentials(webId?: string): Promise<{ clientId: string; clientSecret: string; webId: string }>
  /** Another pod of hers. */
  anotherPod(): Promise<{ podUrl: string; webId: string }>
}

const shared = new Map<string, Promise<OwnPodServer>>()

/** Nobody stops it: it ends with the worker. */
export function ownPodServer(accessRules: 'wac' | 'acp'): Promise<OwnPodServer> {
  const known = shared.get(accessRules)
  if (known !== undefined) return known
  const started = start(accessRules)
  shared.set(accessRules, started)
  return started
}

async function start(accessRules: 'wac' | 'acp'): Promise<OwnPodServer> {
  const folder = await mkdtemp(join(tmpdir(), 'reach-own-pods-'))
  const port = await freePort()
  const baseUrl = `http://localhost:${port}/`
  const bin = join(
    dirname(createRequire(import.meta.url).resolve('@solid/community-server/package.json')),
    'bin/server.js',
  )
  const config = accessRules === 'acp' ? '@css:config/file-acp.json' : '@css:config/file.json'
  const settings = ['-c', config, '-b', baseUrl, '-p', String(port), '-f', folder, '-l', 'error']
  const child = spawn(
    process.execPath,
    // It finds who handles a request by who throws at it; where a thousand errors came from, nobody reads.
    ['--stack-trace-limit=0', bin, ...settings],
    // Of the runner's environment it must see nothing else: in a test it looks for another runner.
    { stdio: 'ignore', cwd: folder, env: programEnvironment },
  )
  const end = () => {
    child.kill('SIGKILL')
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    } catch {
      // It may still be writing; what counts is that the next one is ended, too.
    }
  }
  process.once('exit', end)
  process.once('SIGTERM', () => {
    end()
    process.exit()
  })
  for (;;) {
    if (child.exitCode !== null) throw new Error('the pod server did not start')
    const reply = await fetch(`${baseUrl}.well-known/openid-configuration`).catch(() => undefined)
    if (reply?.ok === true) break
    await sleep(200)
  }
  return { baseUrl, pid: child.pid ?? 0, person: () => patiently(() => newPerson(baseUrl)) }
}

/** On a machine that is very busy this server gives up waiting for its own locks (500); the next person is another one. */
async function patiently<Result>(make: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await make()
    } catch (error) {
      if (attempt === 5 || !/ answered 5\d\d$/.test(String(error))) throw error
      await sleep(1_000)
    }
  }
}

type Controls = Record<string, Record<string, string>>

async function newPerson(baseUrl: string): Promise<OwnPodPerson> {
  const email = `p${randomBytes(8).toString('hex')}@example.org`
  const password = randomUUID()
  const ask = async (url: string, { token, body }: { token?: string; body?: object } = {}) => {
    const reply = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: {
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `CSS-Account-Token ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!reply.ok) throw new Error(`${url} answered ${reply.status}`)
    return (await reply.json()) as Record<string, unknown>
  }
  const controls = async (token?: string) =>
    (await ask(`${baseUrl}.account/`, token === undefined ? {} : { token }))['controls'] as Controls
  const made = await ask(String((await controls())['account']?.['create']), { body: {} })
  const token = String(made['authorization'])
  const mine = await controls(token)
  await ask(String(mine['password']?.['create']), { token, body: { email, password } })
  const pod = async () => {
    const body = { name: `p${randomBytes(8).toString('hex')}` }
    const { webId, pod: podUrl } = await ask(String(mine['account']?.['pod']), { token, body })
    return { webId: String(webId), podUrl: String(podUrl) }
  }
  const { webId, podUrl } = await pod()
  const credentials = async (of?: string) => {
    const as = of ?? (await pod()).webId
    const body = { name: 'app', webId: as }
    const { id, secret } = await ask(String(mine['account']?.['clientCredentials']), { token, body })
    return { clientId: String(id), clientSecret: String(secret), webId: as }
  }
  const session = new Session({ keepAlive: false })
  await session.login({ oidcIssuer: baseUrl, tokenType: 'DPoP', ...(await credentials(webId)) })
  return {
    email,
    password,
    webId,
    podUrl,
    container: `${podUrl}vrm/`,
    fetch: (url, init) => session.fetch(url, init),
    credentials,
    anotherPod: pod,
  }
}

/** Types the password at the server's own pages; gives the query of the way back to the vault. */
export async function typePassword(
  baseUrl: string,
  location: string,
  { email, password, webId }: Pick<OwnPodPerson, 'email' | 'password' | 'webId'>,
): Promise<string> {
  const { origin } = new URL(baseUrl)
  const jar = new BrowserJar()
  const follow = async (from: string): Promise<string | undefined> => {
    let url = from
    for (;;) {
      const reply = await jar.go(url, { headers: { accept: 'application/json' } })
      const next = reply.headers.get('location')
      await reply.body?.cancel()
      if (next === null) return undefined
      url = new URL(next, url).href
      if (new URL(url).origin !== origin) return new URL(url).search
    }
  }
  const post = async (url: string, body: object) => {
    const headers = { accept: 'application/json', 'content-type': 'application/json' }
    const reply = await jar.go(url, { method: 'POST', headers, body: JSON.stringify(body) })
    return String(((await reply.json()) as { location?: string }).location)
  }
  const controls = async () =>
    (
      (await (await jar.go(`${baseUrl}.account/`, { headers: { accept: 'application/json' } })).json()) as {
        controls: Controls
      }
    ).controls
  await follow(location)
  await follow(await post(String((await controls())['password']?.['login']), { email, password }))
  await follow(await post(String((await controls())['oidc']?.['webId']), { webId, remember: false }))
  const back = await follow(await post(String((await controls())['oidc']?.['consent']), { remember: true }))
  if (back === undefined) throw new Error('the sign-in did not end')
  return back
}
