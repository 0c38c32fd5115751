/** `reach audit watch`: a monitor that sees a log rewritten or rewound, and keeps what proves it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { hash } from 'node:crypto'
import path from 'node:path'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import { NoteInvalid, parseNote } from '#core/ledger/note.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { writeWhole, type LogSource } from './log-source.ts'
import type { ReviewParts } from './reviewed-log.ts'
import { verifySource, type VerifyOptions } from './verification.ts'

/**
 * Verifies the log again and again, each time against the checkpoint of the time before, and keeps every one that is served: of two
 * that contradict each other both are needed. Ends when asked to, after `times` looks, or at once (failed) when something does not hold.
 * What is not reachable is said, and tried again.
 */
export async function watchLog(
  source: LogSource,
  options: VerifyOptions & { every: string; times?: string },
  { output, stateFolder, stopped }: ReviewParts & { stopped: () => Promise<void> },
): Promise<void> {
  const every = wholeNumber(options.every, '--every')
  const times = options.times === undefined ? Infinity : wholeNumber(options.times, '--times')
  const stop = new AbortController()
  void stopped().then(() => stop.abort())
  const folder = path.join(stateFolder, 'watched', hash('sha256', source.name, 'hex').slice(0, 16))
  const kept = keepingCheckpoints(source, folder)
  let unreachable: CommandFailed | undefined
  for (let look = 1; !stop.signal.aborted; look++) {
    try {
      const { report } = await verifySource(kept, options, { stateFolder })
      const { origin, size, root } = report.checkpoint
      unreachable = undefined
      if (options.json === true) output.json({ ok: true, origin, size, root: root.toString('base64') })
      else output.line(`ok  ${origin} with ${size} entries, root ${root.toString('base64')}`)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      if (error.exitCode === EXIT.failed)
        throw new CommandFailed(EXIT.failed, `${error.message}; every checkpoint is kept in ${folder}`, {
          cause: error,
        })
      if (error.exitCode !== EXIT.unreachable) throw error
      unreachable = error
      output.remark(error.message)
    }
    if (look >= times) break
    await sleep(every * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  if (unreachable !== undefined && !stop.signal.aborted) throw unreachable
}

/** Each under its size and hash, before anything is held against it. */
function keepingCheckpoints({ name, read }: LogSource, folder: string): LogSource {
  return {
    name,
    async read(file) {
      const bytes = await read(file)
      const note = file === 'checkpoint' ? noteIn(bytes) : undefined
      if (note !== undefined)
        await writeWhole(
          path.join(folder, `${sizeOf(note)}-${hash('sha256', note, 'hex').slice(0, 16)}`),
          note,
        )
      return bytes
    },
  }
}

/** Of anything else there may be too much to keep. */
function noteIn(bytes: Uint8Array | undefined): string | undefined {
  const text = new TextDecoder().decode(bytes)
  try {
    sizeOf(parseNote(text).text)
    return text
  } catch (error) {
    if (error instanceof NoteInvalid) return undefined
    throw error
  }
}

function wholeNumber(text: string, option: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new CommandFailed(EXIT.usage, `${option} must be a whole number above 0`)
  return Number(text)
}
