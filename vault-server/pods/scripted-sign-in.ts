import { DomainError } from '#core/domain/errors.ts'
import { control, jsonOf, knock } from './door.ts'
import type { DoorAnswer, PodServerDoor } from './door.ts'

const MAX_HOPS = 12

/**
 * Signs a person in at the embedded pod server with what she just typed to make her vault, so that she need
 * not type it twice. Walks from an authorization URL of the pod server (made by the caller's Solid-OIDC
 * client) to the redirect back and gives that URL, which holds the code. Refuses with `sign-in-failed` or
 * `pod-unreachable`. Nothing is kept.
 */
export async function signInAtEmbeddedPods(
  door: PodServerDoor,
  authorizationUrl: string,
  person: { email: string; password: string; webId: string },
): Promise<string> {
  const { origin } = new URL(door.baseUrl)
  if (new URL(authorizationUrl).origin !== origin) throw failed('is not at the embedded pods')
  const browser = createBrowser(door)

  /** Follows redirects until one leaves the pod server, which is the way back, or a page asks something. */
  async function follow(start: string): Promise<string | undefined> {
    let url = start
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const { status, headers } = await browser.get(url)
      if (status < 300 || status > 399 || !headers.location) return undefined
      url = new URL(headers.location, url).href
      if (new URL(url).origin !== origin) return url
    }
    throw failed('goes round in circles')
  }

  /** Answers the question that is open now; what can be answered changes with every step. */
  async function reply(path: [string, string], body: Record<string, unknown>): Promise<string | undefined> {
    const index = jsonOf(await browser.get(`${door.baseUrl}.account/`))
    const answer = await browser.post(control(index.controls, ...path), body)
    if (answer.status !== 200) throw failed('was refused')
    const { location } = jsonOf(answer)
    if (typeof location !== 'string') throw failed('leads nowhere')
    return follow(location)
  }

  const { email, password, webId } = person
  const back =
    (await follow(authorizationUrl)) ??
    (await reply(['password', 'login'], { email, password, remember: false })) ??
    (await reply(['oidc', 'webId'], { webId, remember: false })) ??
    (await reply(['oidc', 'consent'], { remember: true }))
  if (back === undefined) throw failed('did not end')
  return back
}

/** Keeps cookies for the length of one sign-in; the pod server is the only site it talks to. */
function createBrowser(door: PodServerDoor) {
  const jar = new Map<string, string>()
  async function send(url: string, body?: Record<string, unknown>): Promise<DoorAnswer> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await knock(door, url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(cookie !== '' && { cookie }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';')
      const cut = pair.indexOf('=')
      const value = pair.slice(cut + 1)
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(pair.slice(0, cut))
      else jar.set(pair.slice(0, cut), value)
    }
    return answer
  }
  return { get: (url: string) => send(url), post: send }
}

function failed(how: string): DomainError {
  return new DomainError('sign-in-failed', `The sign-in at the embedded pods ${how}`)
}
