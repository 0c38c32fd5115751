/** Verifies a log for the commands of `reach audit`: whom to trust, what was seen before, and then every byte. */
import { openCheckpoint } from '#core/ledger/checkpoint.ts'
import { parseLogKey } from '#core/ledger/cosignature.ts'
import { keysAround, splitKeyChanges } from '#core/ledger/log-keys.ts'
import { NoteInvalid } from '#core/ledger/note.ts'
import { checkPolicy, type Cosigned } from '#core/ledger/policy.ts'
import { LogInvalid, type LogReport, verifyLog } from '#core/ledger/verify.ts'
import { readGiven, readPolicy } from './evidence.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { type KeptCheckpoints, keptCheckpoints } from './kept-checkpoints.ts'
import { isAddress, type LogSource } from './log-source.ts'

export interface VerifyOptions {
  readonly vkey?: string
  readonly policy?: string
  readonly old: readonly string[]
  readonly forget?: boolean
  readonly json?: boolean
}

export interface Verified {
  readonly report: LogReport
  /** The signed checkpoint that all of it was read at. */
  readonly note: string
  readonly vkey: string
  /** What leads from one key of the log to the next, as it was served. */
  readonly changes: string
  readonly cosigned: readonly Cosigned[] | undefined
  /** Whether the checkpoint that was kept here is among the earlier ones. */
  readonly remembered: boolean
}

/** Throws `CommandFailed` (failed, unreachable, usage) unless all of it holds. */
export async function verifySource(
  source: LogSource,
  options: VerifyOptions,
  { stateFolder, onBundle }: { stateFolder: string; onBundle?: Parameters<typeof verifyLog>[0]['onBundle'] },
): Promise<Verified> {
  // The same note is verified and kept, whatever the log signs meanwhile.
  const note = await source.read('checkpoint')
  const trusted = options.policy === undefined ? undefined : await underPolicy(options.policy, note, options)
  const known = trusted?.vkey ?? options.vkey ?? (await servedKey(source))
  const kept = keptCheckpoints(stateFolder)
  const names = namesOf(known, {
    place: source.name,
    isGiven: options.vkey !== undefined || trusted !== undefined,
  })
  const served = new TextDecoder().decode(await source.read('key-changes'))
  // A change that was seen here once is not forgotten when it is served no more, nor taken beside another one of the same key.
  const changes = options.forget === true ? served : joined(await kept.changes(known), served)
  const keys = orFailed(() => keysAround(known, changes))
  if (options.vkey === undefined && trusted === undefined && options.forget !== true)
    await demandSameKey(kept, keys, names)
  const seen = options.forget === true ? [] : await notesUnder(kept, keys)
  // A policy says by itself which keys count. Else never back: of a key that was followed by another here, nothing new is believed.
  const latest = keys.findLast((key) => key === known || seen.some((one) => one.vkey === key)) ?? known
  const vkey = trusted?.vkey ?? signerOf(note, latest, keys)
  const earlierKeys = keys.filter((one) => one !== vkey)
  const remembered = seen.map((one) => one.note)
  const given = await Promise.all(options.old.map(readGiven))
  const read = async (file: string) => (file === 'checkpoint' ? note : source.read(file))
  const report = await verifyOrFail({
    read,
    vkey,
    earlier: [...given, ...remembered],
    earlierKeys,
    onBundle,
  })
  const text = new TextDecoder().decode(note)
  if (options.forget !== true) await kept.keep({ vkey, note: text, names, keys, changes })
  return {
    report,
    note: text,
    vkey,
    changes,
    cosigned: trusted?.cosigned,
    remembered: remembered.length > 0,
  }
}

/** Which of the trusted logs this is, and who cosigned it. */
async function underPolicy(
  file: string,
  note: Uint8Array | undefined,
  { vkey }: VerifyOptions,
): Promise<ReturnType<typeof checkPolicy>> {
  const policy = await readPolicy(file)
  try {
    return checkPolicy(policy, new TextDecoder().decode(note), vkey)
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error
    throw new CommandFailed(EXIT.failed, `FAILED  checkpoint: ${error.message}`, { cause: error })
  }
}

/** Under which the key of a log is remembered: its origin, and its address where it has one. */
function namesOf(vkey: string, { place, isGiven }: { place: string; isGiven: boolean }): string[] {
  try {
    const { name } = parseLogKey(vkey)
    return isAddress(place) ? [name, place.replace(/^https?:\/\//, '').replace(/\/+$/, '')] : [name]
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error
    const [code, message] = isGiven ? [EXIT.usage, '--vkey:'] : [EXIT.failed, 'FAILED  vkey:']
    throw new CommandFailed(code, `${message} ${error.message}`, { cause: error })
  }
}

/** The newest of the keys after the known one that signed the note; the known one when none of them did. */
function signerOf(note: Uint8Array | undefined, known: string, keys: readonly string[]): string {
  const text = new TextDecoder().decode(note)
  const later = keys.slice(keys.indexOf(known) + 1).toReversed()
  return later.find((vkey) => isSignedBy(text, vkey)) ?? known
}

function isSignedBy(note: string, vkey: string): boolean {
  try {
    openCheckpoint(note, vkey)
    return true
  } catch (error) {
    if (error instanceof NoteInvalid) return false
    throw error
  }
}

/** The checkpoints that are kept under these keys. */
async function notesUnder(
  kept: KeptCheckpoints,
  vkeys: readonly string[],
): Promise<{ vkey: string; note: string }[]> {
  const notes = await Promise.all(vkeys.map(async (vkey) => ({ vkey, note: await kept.newest(vkey) })))
  return notes.flatMap(({ vkey, note }) => (note === undefined ? [] : [{ vkey, note }]))
}

/** Two files of changes as one, each note once. */
function joined(...files: readonly string[]): string {
  return [...new Set(files.flatMap(splitKeyChanges))].join('')
}

/** `keys`: those that lead to the log's own, itself among them. */
async function demandSameKey(
  kept: KeptCheckpoints,
  keys: readonly string[],
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const before = await kept.key(name)
    if (before !== undefined && !keys.includes(before))
      throw new CommandFailed(
        EXIT.failed,
        `FAILED  vkey: ${name} had another key when it was verified here before; compare this one with the operator's, then pass --vkey`,
      )
  }
}

function orFailed<Result>(act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error
    throw new CommandFailed(EXIT.failed, `FAILED  key-changes: ${error.message}`, { cause: error })
  }
}

async function verifyOrFail(options: Parameters<typeof verifyLog>[0]): Promise<LogReport> {
  try {
    return await verifyLog(options)
  } catch (error) {
    if (error instanceof LogInvalid)
      throw new CommandFailed(EXIT.failed, `FAILED  ${error.message}`, { cause: error })
    throw error
  }
}

/** The key the log itself names: good for the first look only, so it says so in the report. */
async function servedKey(source: LogSource): Promise<string> {
  const bytes = await source.read('vkey')
  if (bytes === undefined)
    throw new CommandFailed(
      EXIT.unreachable,
      `${source.name} has no vkey: not the prefix of a log, or give --vkey`,
    )
  // No other spelling than its lines, the newest key first: whatever else is in there was put there.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/\n$/, '')
  const lines = text.split('\n')
  return lines.every((line) => /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/.test(line))
    ? (lines[0] ?? '')
    : text
}
