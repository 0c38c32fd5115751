import { spawn } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildStart, FromChild, ToChild } from './child-protocol.ts'

const MEMORY_MB = 1024
const STOP_MS = 3000

export interface RunningChild {
  /** Resolves when the process is gone, with a word for why; never rejects. */
  readonly ended: Promise<string>
  /** Asks it to end, and ends it at a deadline. */
  stop(): Promise<void>
}

/** Where Node keeps what it compiled, if it does: the folder that this process was given, which Node names by its own version within. */
function compiledBefore(): { NODE_COMPILE_CACHE?: string } {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) }
}

/** One run of the pod server's process. */
export function startChild(
  settings: ChildStart,
  listener: {
    onReady: () => void
    onFailure: (reason: string) => void
    onFull: () => void
    onReport: (report: Extract<FromChild, { type: 'changed' | 'beat' }>) => void
  },
): RunningChild {
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${MEMORY_MB}`, fileURLToPath(new URL('child.ts', import.meta.url))],
    // Of our environment it needs nothing. What it prints names pods and people, so nothing of it is kept.
    { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: compiledBefore(), cwd: import.meta.dirname },
  )
  const send = (message: ToChild) => {
    // A process that is gone cannot hear; `ended` tells.
    if (child.connected) child.send(message, () => undefined)
  }
  child.once('spawn', () => send(settings))
  child.on('message', (message: FromChild) => {
    if (message.type === 'ready') listener.onReady()
    else if (message.type === 'failed') listener.onFailure(message.reason)
    else if (message.type === 'full') listener.onFull()
    else listener.onReport(message)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (_code, signal) => resolve(signal?.toLowerCase() ?? 'exit'))
    // Also an error of the channel, which changes nothing as long as the process lives.
    child.on('error', () => {
      if (child.pid === undefined) resolve('not-started')
    })
  })
  return {
    ended,
    async stop() {
      send({ type: 'stop' })
      const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(deadline)
    },
  }
}
