/** Trust policies (C2SP tlog-policy): which logs, and whose cosignatures make a checkpoint valid. */
import type { Checkpoint } from './checkpoint.ts'
import { cosignedAt, openSignedBy, parseLogKey, parseWitnessKey } from './cosignature.ts'
import { NoteInvalid, parseNote, type Verifier } from './note.ts'

/** A policy file that says nothing clear. The message names the line. */
export class PolicyInvalid extends Error {
  readonly code = 'policy-invalid'
}

export interface Witness {
  readonly name: string
  readonly key: Verifier
  /** Submission prefix (tlog-witness), without a slash at the end. */
  readonly url: string | undefined
}

interface Group {
  readonly name: string
  readonly threshold: number
  readonly members: readonly string[]
}

export interface Policy {
  /** Verifier keys of the logs; empty when the log is known from elsewhere. */
  readonly logs: readonly string[]
  readonly witnesses: readonly Witness[]
  readonly groups: readonly Group[]
  /** Name of a witness or group, or `none`. */
  readonly quorum: string
}

const MAX_FILE_CHARACTERS = 262_144
const NONE = 'none'

/** Reads a policy file. Throws `PolicyInvalid`. */
export function parsePolicy(text: string): Policy {
  if (text.length > MAX_FILE_CHARACTERS) throw new PolicyInvalid('the policy is too long')
  // oxlint-disable-next-line no-control-regex -- tlog-policy forbids them
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text))
    throw new PolicyInvalid('the policy has control characters')
  if (text !== '' && !text.endsWith('\n'))
    throw new PolicyInvalid('the last line of the policy has no line break: it may be cut off')
  const reader = new PolicyReader()
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '')
    if (words.length === 0 || words[0]?.startsWith('#') === true) continue
    try {
      reader.take(words)
    } catch (error) {
      if (!(error instanceof PolicyInvalid || error instanceof NoteInvalid)) throw error
      throw new PolicyInvalid(`line ${i + 1}: ${error.message}`, { cause: error })
    }
  }
  return reader.policy()
}

class PolicyReader {
  readonly #logs: string[] = []
  readonly #witnesses: Witness[] = []
  readonly #groups: Group[] = []
  /** Names that may still become the member of a group: each of them once. */
  readonly #free = new Map<string, boolean>()
  readonly #keys = new Set<string>()
  #quorum: string | undefined

  take([kind = '', ...rest]: readonly string[]): void {
    if (kind === 'log') this.#log(rest)
    else if (kind === 'witness') this.#witness(rest)
    else if (kind === 'group') this.#group(rest)
    else if (kind === 'quorum') this.#setQuorum(rest)
    else throw new PolicyInvalid('begins with none of log, witness, group and quorum')
  }

  policy(): Policy {
    if (this.#quorum === undefined) throw new PolicyInvalid('the policy has no quorum line')
    return { logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum: this.#quorum }
  }

  #log(words: readonly string[]): void {
    const [vkey = ''] = words
    if (words.length < 1 || words.length > 2) throw new PolicyInvalid('a log is a key and perhaps an address')
    this.#claimKey('logs', parseLogKey(vkey))
    this.#logs.push(vkey)
  }

  #witness(words: readonly string[]): void {
    const [name = '', vkey = '', url] = words
    if (words.length < 2 || words.length > 3)
      throw new PolicyInvalid('a witness is a name, a key and perhaps an address')
    if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
      throw new PolicyInvalid('the address of the witness is none')
    const key = parseWitnessKey(vkey)
    this.#claimName(name)
    this.#claimKey('witnesses', key)
    this.#witnesses.push({ name, key, url: url?.replace(/\/+$/, '') })
  }

  #group(words: readonly string[]): void {
    const [name = '', rule = '', ...members] = words
    if (members.length === 0) throw new PolicyInvalid('a group is a name, a number, and its members')
    for (const member of members) {
      if (this.#free.get(member) !== true)
        throw new PolicyInvalid(
          this.#free.has(member) ? 'a member is in a group already' : 'a member is not defined above',
        )
      this.#free.set(member, false)
    }
    const numeric = /^[1-9]\d{0,4}$/.test(rule) ? Number(rule) : 0
    const threshold = rule === 'all' ? members.length : rule === 'any' ? 1 : numeric
    if (threshold < 1 || threshold > members.length)
      throw new PolicyInvalid('the number of a group is any, all, or from 1 to the number of its members')
    this.#claimName(name)
    this.#groups.push({ name, threshold, members })
  }

  #setQuorum(words: readonly string[]): void {
    const [name = ''] = words
    if (words.length !== 1) throw new PolicyInvalid('a quorum is one name')
    if (this.#quorum !== undefined) throw new PolicyInvalid('there is a quorum already')
    if (name !== NONE && !this.#free.has(name)) throw new PolicyInvalid('the quorum is not defined above')
    this.#quorum = name
  }

  #claimName(name: string): void {
    if (name === NONE || this.#free.has(name)) throw new PolicyInvalid('the name is taken')
    this.#free.set(name, true)
  }

  /** The same key under two names would count twice. */
  #claimKey(kind: string, { key }: Verifier): void {
    const spelled = `${kind} ${key.export({ format: 'der', type: 'spki' }).toString('base64')}`
    if (this.#keys.has(spelled)) throw new PolicyInvalid('the same key stands on another line')
    this.#keys.add(spelled)
  }
}

export interface Cosigned {
  readonly witness: string
  /** Unix seconds. */
  readonly time: number
}

/** Whose cosignatures under the note verify, in the order of the policy. Throws `NoteInvalid`. */
export function cosignersOf(policy: Policy, note: string): Cosigned[] {
  const { text, signatures } = parseNote(note)
  return policy.witnesses.flatMap(({ name, key }) => {
    const time = cosignedAt(text, signatures, key)
    return time === undefined ? [] : [{ witness: name, time }]
  })
}

/** Whether these witnesses are as many as the policy wants. */
export function hasQuorum({ groups, quorum }: Policy, witnesses: Iterable<string>): boolean {
  if (quorum === NONE) return true
  const witnessed = new Set(witnesses)
  // Members are defined above their group, so that one pass is enough.
  for (const { name, threshold, members } of groups)
    if (members.filter((member) => witnessed.has(member)).length >= threshold) witnessed.add(name)
  return witnessed.has(quorum)
}

/**
 * Checks a signed checkpoint against a policy: by one of its logs (`vkey` when it names none), and by a quorum
 * of its witnesses. Throws `NoteInvalid` with the reason.
 */
export function checkPolicy(
  policy: Policy,
  note: string,
  vkey?: string,
): { readonly checkpoint: Checkpoint; readonly vkey: string; readonly cosigned: readonly Cosigned[] } {
  const logs = policy.logs.length > 0 ? policy.logs : vkey === undefined ? [] : [vkey]
  const [origin] = parseNote(note).text.split('\n', 1)
  const own = logs.filter((log) => parseLogKey(log).name === origin)
  if (own.length === 0) throw new NoteInvalid('the checkpoint is of a log that the policy does not name')
  const opened = firstThatOpens(note, own)
  const cosigned = cosignersOf(policy, note)
  const names = cosigned.map(({ witness }) => witness)
  if (!hasQuorum(policy, names))
    throw new NoteInvalid(
      `the checkpoint is cosigned by ${names.length === 0 ? 'no witness' : names.join(', ')}, which is no quorum of the policy (${policy.quorum})`,
    )
  return { ...opened, cosigned }
}

/** A log may have an old and a new key at the same time. */
function firstThatOpens(note: string, logs: readonly string[]): { checkpoint: Checkpoint; vkey: string } {
  let refusal: unknown
  for (const vkey of logs) {
    try {
      return { checkpoint: openSignedBy(note, vkey), vkey }
    } catch (error) {
      refusal = error
    }
  }
  throw refusal
}
