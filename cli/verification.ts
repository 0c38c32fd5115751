/** Verifies a log for the commands of `reach audit`: whom to trust, what was seen before, and then every byte. */
import { NoteInvalid, parseVkey } from '#core/ledger/note.ts'
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
  const vkey = trusted?.vkey ?? options.vkey ?? (await servedKey(source))
  const kept = keptCheckpoints(stateFolder)
  const names = namesOf(vkey, {
    place: source.name,
    isGiven: options.vkey !== undefined || trusted !== undefined,
  })
  if (options.vkey === undefined && trusted === undefined && options.forget !== true)
    await demandSameKey(kept, vkey, names)
  const remembered = options.forget === true ? undefined : await kept.newest(vkey)
  const given = await Promise.all(options.old.map(readGiven))
  const read = async (file: string) => (file === 'checkpoint' ? note : source.read(file))
  const report = await verifyOrFail({
    read,
    vkey,
    earlier: [...given, ...(remembered === undefined ? [] : [remembered])],
    onBundle,
  })
  const text = new TextDecoder().decode(note)
  if (options.forget !== true) await kept.keep(vkey, text, names)
  return { report, note: text, vkey, cosigned: trusted?.cosigned, remembered: remembered !== undefined }
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
    const { name } = parseVkey(vkey)
    return isAddress(place) ? [name, place.replace(/^https?:\/\//, '').replace(/\/+$/, '')] : [name]
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error
    const [code, message] = isGiven ? [EXIT.usage, '--vkey:'] : [EXIT.failed, 'FAILED  vkey:']
    throw new CommandFailed(code, `${message} ${error.message}`, { cause: error })
  }
}

async function demandSameKey(kept: KeptCheckpoints, vkey: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const before = await kept.key(name)
    if (before !== undefined && before !== vkey)
      throw new CommandFailed(
        EXIT.failed,
        `FAILED  vkey: ${name} had another key when it was verified here before; compare this one with the operator's, then pass --vkey`,
      )
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
  // No other spelling than the one line it is: whatever else is in there was put there.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/\n$/, '')
}
