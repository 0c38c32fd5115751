// npm passes on neither SIGTERM nor, of course, SIGKILL. In the chain npm -> sh -> this process, SIGTERM ends
// npm and sh (we get a new parent); SIGKILL ends npm alone (we keep sh). Where sh replaced itself by us, npm
// is our parent.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const windows = process.platform === 'win32'

/**
 * Calls back once when the npm that runs us is gone, however it ended. Without npm there is nothing to watch.
 */
export function whenNpmIsGone(callback) {
  if (windows || process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const npm = npmBehindShell(parent)
  const watch = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || isAlive(npm))) return
    clearInterval(watch)
    callback()
  }, 250)
  watch.unref()
}

function npmBehindShell(pid) {
  const { command, parent } = describe(pid) ?? {}
  return /^-?(ba|da|a|k|z)?sh$/.test(command ?? '') ? parent : undefined
}

/** A process that was killed but not yet waited for counts as gone. */
function isAlive(pid) {
  if (existsSync('/proc/self/stat')) {
    const state = describe(pid)?.state
    return state !== undefined && state !== 'Z'
  }
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** From /proc where there is one, else from `ps`; undefined where neither tells. */
function describe(pid) {
  try {
    const [, command, state, parent] =
      /^\d+ \((.*)\) (\S) (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return { command, state, parent: Number(parent) }
  } catch {
    if (existsSync('/proc/self/stat')) return undefined
  }
  const { stdout } = spawnSync('ps', ['-o', 'ppid=,state=,comm=', '-p', String(pid)], { encoding: 'utf8' })
  const [, parent, state, command] = /^\s*(\d+)\s+(\S+)\s+(?:\S*\/)?(\S+)/.exec(stdout ?? '') ?? []
  return parent === undefined ? undefined : { command, state, parent: Number(parent) }
}
