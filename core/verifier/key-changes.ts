/** How a verifier that trusts one key of a log comes to its next one: by a note that both keys signed, and by nothing else. */
import { fromBase64, toHex, utf8, type Bytes } from './bytes.ts'
import { NotProven, readLogKey, type LogKey } from './checkpoint.ts'

interface Change {
  readonly from: string
  readonly to: string
}

const MAX_CHARACTERS = 200_000

/**
 * The verifier keys of the log that the trusted one vouches for, oldest first, itself among them: `earlier` signed before it, `later`
 * after it. `file` is the log's `key-changes`. Throws `NotProven` for anything in it that does not hold.
 */
export async function keysAround(
  trusted: string,
  file: string,
): Promise<{ readonly earlier: readonly string[]; readonly later: readonly string[] }> {
  if (file.length > MAX_CHARACTERS) throw new NotProven("the changes of the log's key are too many")
  const notes = file.split(/(?=^reach-log-key\/v1$)/m).filter((note) => note !== '')
  const changes = await Promise.all(notes.map(readChange))
  const next = new Map(changes.map(({ from, to }) => [from, to]))
  const previous = new Map(changes.map(({ from, to }) => [to, from]))
  if (next.size !== changes.length || previous.size !== changes.length)
    throw new NotProven("the log's key was changed twice")
  const walk = (steps: ReadonlyMap<string, string>): string[] => {
    const found: string[] = []
    for (let key = steps.get(trusted); key !== undefined && !found.includes(key); key = steps.get(key))
      found.push(key)
    return found
  }
  return { earlier: walk(previous).toReversed(), later: walk(next) }
}

async function readChange(note: string): Promise<Change> {
  const form =
    /^(reach-log-key\/v1\n(\S+)\nfrom (\S+)\nto (\S+)\nuntil \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n)\n((?:\u2014 \S+ \S+\n)+)$/
  const [, text = '', origin, from = '', to = '', lines = ''] = form.exec(note) ?? []
  if (text === '' || from === to) throw new NotProven("a change of the log's key is malformed")
  const signatures = lines.split('\n').slice(0, -1)
  for (const vkey of [from, to]) {
    const key = await readLogKey(vkey)
    if (key.name !== origin || !(await isSignedBy(key, text, signatures)))
      throw new NotProven("a change of the log's key is not signed by both keys")
  }
  return { from, to }
}

async function isSignedBy(
  { name, id, key }: LogKey,
  text: string,
  lines: readonly string[],
): Promise<boolean> {
  const own = lines
    .map((line) => line.split(' '))
    .filter(([, signer]) => signer === name)
    .map(([, , base64 = '']) => fromBase64(base64))
    .filter((line): line is Bytes => line !== undefined && toHex(line.subarray(0, 4)) === id)
  const checked = await Promise.all(
    own.map((line) => crypto.subtle.verify('Ed25519', key, line.slice(4), utf8(text))),
  )
  return checked.length > 0 && checked.every(Boolean)
}

/** The keys that a log serves as `vkey`, one on each line, newest first; lines of kinds that are not known here are passed over. */
export async function servedKeys(file: string): Promise<string[]> {
  const lines = file.split('\n').filter((line) => line !== '')
  const known = await Promise.all(
    lines.map((line) =>
      readLogKey(line).then(
        () => line,
        () => undefined,
      ),
    ),
  )
  const keys = known.filter((line) => line !== undefined)
  if (keys.length === 0) throw new NotProven("the log's key is malformed or of an unknown kind")
  return keys
}
