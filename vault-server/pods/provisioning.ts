import { DomainError } from '#core/domain/errors.ts'
import { CREATION_SECRET } from './child-protocol.ts'
import { control, jsonOf, knock } from './door.ts'
import type { PodServerDoor } from './door.ts'

/**
 * One DNS label, so that a later move to subdomains stays possible; it becomes part of the WebID for ever.
 */
const POD_NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/
const RESERVED = new Set(['account', 'acl', 'admin', 'agent', 'idp', 'internal', 'oidc', 'well-known', 'www'])
/** The rule of the HTML standard, which the pod server applies too. */
const EMAIL =
  /^(?=.{3,254}$)[\w.!#$%&'*+/=?^`{|}~-]+@[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*$/i
const MIN_PASSWORD = 8
/** bcrypt, with which the pod server stores it, takes no more into account. */
const MAX_PASSWORD_BYTES = 72

export interface WantedPod {
  readonly podName: string
  readonly email: string
  readonly password: string
}

export interface NewPod {
  readonly webId: string
  readonly podUrl: string
  /** Token of the pod server's account API: whoever holds it is signed in there. */
  readonly account: string
}

export interface Provisioning {
  /**
   * Makes an account with a login and one pod. Refuses with `invalid-input` (a pointer per member),
   * `account-exists` (name or e-mail address taken) or `pod-unreachable`. Asking again after a failure goes
   * on where it ended. `onQueued` is called at once when it is not refused, with how many pods are made before this
   * one, to be asked again and again; 0 is this one's own turn.
   */
  createPod(wanted: WantedPod, onQueued?: (before: () => number) => void): Promise<NewPod>
}

/** What is under way at a pod server, whichever vault asked for it: the tour's is one of its own. */
const queues = new WeakMap<PodServerDoor, { last: Promise<unknown>; entered: number; left: number }>()
/** A pod takes about half a second to make: whoever comes behind so many would wait longer than a person does. */
const MOST_WAITING = 40

/** How many pods are being made or wait for it. */
export function podsWaiting(door: PodServerDoor): number {
  const { entered, left } = queues.get(door) ?? { entered: 0, left: 0 }
  return entered - left
}

/**
 * Makes pods one at a time: the pod server itself would let two at once have the same name or address. When too many wait
 * it refuses (`busy`), with the seconds after which there is room again.
 */
export function createProvisioning(door: PodServerDoor): Provisioning {
  return {
    async createPod(wanted, onQueued) {
      checkWanted(wanted)
      const queue = queues.get(door) ?? { last: Promise.resolve(), entered: 0, left: 0 }
      queues.set(door, queue)
      if (queue.entered - queue.left >= MOST_WAITING)
        throw new DomainError('busy', 'Many pods are being made right now', {
          retryAfter: Math.ceil(MOST_WAITING / 4),
        })
      const place = queue.entered++
      onQueued?.(() => Math.max(0, place - queue.left))
      const mine = queue.last.then(() => makePod(door, wanted)).finally(() => queue.left++)
      queue.last = mine.catch(() => undefined)
      return await mine
    },
  }
}

/** The WebID that a pod of this name has or would have. */
export function webIdAt({ baseUrl }: PodServerDoor, podName: string): string {
  return `${baseUrl}${podName}/profile/card#me`
}

/** One call of the account API (JSON; with a token as the account, else as nobody). */
async function call(door: PodServerDoor, url: string, options: { token?: string; body?: object } = {}) {
  const { token, body } = options
  const answer = await knock(door, url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      ...(token !== undefined && { authorization: `CSS-Account-Token ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: jsonOf(answer) }
}

async function makePod(door: PodServerDoor, { podName, email, password }: WantedPod): Promise<NewPod> {
  const podUrl = `${door.baseUrl}${podName}/`
  if (await door.isRetired(podUrl)) throw nameTaken()
  // Found out here: the pod server links the account to the WebID first and looks then.
  const taken = await door.making.begin({ podUrl, email: email.toLowerCase() })
  if (taken !== undefined) throw taken === 'email' ? addressTaken() : nameTaken()
  const index = `${door.baseUrl}.account/`
  const open = (await call(door, index)).body.controls
  const created = await call(door, control(open, 'account', 'create'), {
    body: { [CREATION_SECRET]: door.creationSecret },
  })
  let token = tokenOf(created.status, created.body)
  if (token === undefined) throw refused('made no account')
  let { controls } = (await call(door, index, { token })).body

  // The login comes before the pod, which needs one. The input is checked, so a 400 means that the address is
  // taken.
  const login = await call(door, control(controls, 'password', 'create'), {
    token,
    body: { email, password },
  })
  if (login.status === 400) {
    const mine = await call(door, control(open, 'password', 'login'), { body: { email, password } })
    token = tokenOf(mine.status, mine.body)
    controls = token && (await call(door, index, { token })).body.controls
    if (token === undefined || (await hasPod(door, controls, token))) {
      await door.making.end(podUrl)
      throw addressTaken()
    }
  } else if (login.status !== 200) throw refused('made no login')

  const made = await call(door, control(controls, 'account', 'pod'), {
    token,
    body: { name: podName },
  })
  const { webId, pod: madeAt } = made.body
  if (made.status !== 200 || webId !== webIdAt(door, podName) || madeAt !== podUrl)
    throw refused('made no pod')
  await door.making.end(podUrl)
  return { webId, podUrl, account: token }
}

async function hasPod(door: PodServerDoor, controls: unknown, token: string): Promise<boolean> {
  const { status, body } = await call(door, control(controls, 'account', 'pod'), { token })
  if (status !== 200) throw refused('does not tell its pods')
  return Object.keys(body.pods ?? {}).length > 0
}

function tokenOf(status: number, body: Record<string, unknown>): string | undefined {
  return status === 200 && typeof body.authorization === 'string' ? body.authorization : undefined
}

function checkWanted({ podName, email, password }: WantedPod): void {
  const violations = []
  if (!POD_NAME.test(podName) || RESERVED.has(podName)) {
    violations.push({
      pointer: '/podName',
      detail: '1 to 40 of a-z, 0-9 and hyphens, no hyphen at either end',
    })
  }
  if (!EMAIL.test(email)) violations.push({ pointer: '/email', detail: 'An e-mail address' })
  if (password.trim().length < MIN_PASSWORD || Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    const detail = `At least ${MIN_PASSWORD} characters, at most ${MAX_PASSWORD_BYTES} bytes`
    violations.push({ pointer: '/password', detail })
  }
  if (violations.length > 0) throw new DomainError('invalid-input', 'The pod cannot be made', { violations })
}

const nameTaken = () => exists('/podName', 'This name is taken')
const addressTaken = () => exists('/email', 'There is already a vault with this e-mail address')

function exists(pointer: string, detail: string): DomainError {
  return new DomainError('account-exists', detail, { violations: [{ pointer, detail }] })
}

function refused(what: string): DomainError {
  return new DomainError('pod-unreachable', `The pod server ${what}`, { retryAfter: 5 })
}
