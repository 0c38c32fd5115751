import { DomainError } from '#core/domain/errors.ts'
import { control, jsonOf, knock } from './door.ts'
import type { DoorAnswer, PodServerDoor } from './door.ts'

const MAX_HOPS = 12
/** Holds a token of the pod server's account API, which is all it takes to be signed in there. */
const ACCOUNT_COOKIE = 'css-account'

/** Where a sign-in is: at a question of the pod server, with the index of what can be answered, or through. */
type Step = { readonly index: Record<string, unknown> } | { readonly back: string }

/**
 * Signs a person in at the embedded pod server, so that who just made her vault need not type again what she typed for it. By
 * the `account` token that the making left, or by e-mail address and password. Walks from an authorization URL of the pod
 * server (made by the caller's Solid-OIDC client) to the redirect back and gives that URL, which holds the code. Refuses with
 * `sign-in-failed` or `pod-unreachable`. Nothing is kept.
 */
export async function signInAtEmbeddedPods(
  door: PodServerDoor,
  authorizationUrl: string,
  person: { readonly webId: string } & (
    | { readonly account: string }
    | { readonly email: string; readonly password: string }
  ),
): Promise<string> {
  const { origin } = new URL(door.baseUrl)
  if (new URL(authorizationUrl).origin !== origin) throw failed('is not at the embedded pods')
  const browser = createBrowser(door, 'account' in person ? { [ACCOUNT_COOKIE]: person.account } : {})

  /** Follows redirects until one leaves the pod server, which is the way back, or a page asks something. */
  async function follow(start: string): Promise<Step> {
    let url = start
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const answer = await browser.get(url)
      const { status, headers } = answer
      if (status < 300 || status > 399 || !headers.location) return { index: jsonOf(answer) }
      url = new URL(headers.location, url).href
      if (new URL(url).origin !== origin) return { back: url }
    }
    throw failed('goes round in circles')
  }

  /** Answers the question that is open, if one is. */
  async function reply(step: Step, path: [string, string], body: Record<string, unknown>): Promise<Step> {
    if ('back' in step) return step
    const answer = await browser.post(control(step.index.controls, ...path), body)
    if (answer.status !== 200) throw failed('was refused')
    const { location } = jsonOf(answer)
    if (typeof location !== 'string') throw failed('leads nowhere')
    return follow(location)
  }

  let step = await follow(authorizationUrl)
  if (!('account' in person)) {
    const { email, password } = person
    step = await reply(step, ['password', 'login'], { email, password, remember: false })
  }
  step = await reply(step, ['oidc', 'webId'], { webId: person.webId, remember: false })
  step = await reply(step, ['oidc', 'consent'], { remember: true })
  if (!('back' in step)) throw failed('did not end')
  return step.back
}

/** Keeps cookies for the length of one sign-in; the pod server is the only site it talks to. */
function createBrowser(door: PodServerDoor, cookies: Readonly<Record<string, string>>) {
  const jar = new Map(Object.entries(cookies))
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
