/** `reach audit watch`: a monitor that sees a log rewritten or rewound, and keeps what proves it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandFailed, EXIT } from './exit.ts'
import type { LogSource } from './log-source.ts'
import type { ReviewParts } from './reviewed-log.ts'
import { verifySource, type VerifyOptions } from './verification.ts'

/**
 * Verifies the log again and again, each time against the checkpoint of the time before. Ends when asked to, after `times` looks, or
 * at once (failed) when something does not hold. What is not reachable is said, and tried again.
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
  let unreachable: CommandFailed | undefined
  for (let look = 1; !stop.signal.aborted; look++) {
    try {
      const { report } = await verifySource(source, options, { stateFolder })
      const { origin, size, root } = report.checkpoint
      unreachable = undefined
      if (options.json === true) output.json({ ok: true, origin, size, root: root.toString('base64') })
      else output.line(`ok  ${origin} with ${size} entries, root ${root.toString('base64')}`)
    } catch (error) {
      if (!(error instanceof CommandFailed) || error.exitCode !== EXIT.unreachable) throw error
      unreachable = error
      output.remark(error.message)
    }
    if (look >= times) break
    await sleep(every * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  if (unreachable !== undefined && !stop.signal.aborted) throw unreachable
}

function wholeNumber(text: string, option: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new CommandFailed(EXIT.usage, `${option} must be a whole number above 0`)
  return Number(text)
}
