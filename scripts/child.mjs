// One child at a time, in a process group of its own, so that stopping it stops all that it started.
import { spawn, spawnSync } from 'node:child_process'
import { constants } from 'node:os'

const windows = process.platform === 'win32'
const leash = new URL('./leash.mjs', import.meta.url).href

let child
let graceMs = 0
let stoppedAt = 0

/**
 * Runs a Node script (`command` is a Node, unless `leashed` is false) and resolves with its exit code, or 128
 * and the number of the signal that ended it. Through `leash.mjs` it ends also when this process is killed
 * outright.
 */
export function run(command, args, { graceMs: grace, options, leashed = true }) {
  return new Promise((resolve) => {
    graceMs = grace
    const stdio = leashed ? [...options.stdio, 'ipc'] : options.stdio
    const withLeash = leashed ? ['--import', `${leash}?graceMs=${grace}`, ...args] : args
    child = spawn(command, withLeash, { detached: !windows, ...options, stdio })
    child.once('error', (error) => {
      console.error(error.message)
      child = undefined
      resolve(1)
    })
    child.once('exit', (code, signal) => {
      signalGroup('SIGKILL') // What it started and did not end.
      child = undefined
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

/** Whether a signal asked to stop: then nothing new shall begin. */
export function isStopping() {
  return stoppedAt > 0
}

/** Passes signals on to the group. With no child under way `leave` is called at once. */
export function onStop(leave) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C reaches us from the terminal and again from npm: only a later one is a second wish.
      const again = stoppedAt > 0 && Date.now() - stoppedAt > 1_000
      if (stoppedAt > 0 && !again) return
      stoppedAt = Date.now()
      if (child === undefined) return leave(128 + constants.signals[signal])
      signalGroup(again ? 'SIGKILL' : signal)
      setTimeout(() => signalGroup('SIGKILL'), graceMs)
    })
  }
  // Nobody may be left to read what we say.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

function signalGroup(signal) {
  if (child === undefined) return
  if (windows) {
    spawnSync('taskkill', ['/pid', String(child.pid), '/t', '/f'])
    return
  }
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
