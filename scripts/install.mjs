// What `npm start` needs on a bare machine: the locked packages, and among them the pinned Node.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isStopping, run } from './child.mjs'

const windows = process.platform === 'win32'

/** Written last: an interrupted install has none and is done again. */
const stampFile = (root) => join(root, 'node_modules', '.reach-installed')
const pinnedNode = (root) => join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node')

function pinnedVersion(root) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies.node
}

/** Where the registry has no Node for this platform, one of the same major that is there already will do. */
function systemNodeWorks(root) {
  return process.versions.node.split('.')[0] === pinnedVersion(root).split('.')[0]
}

export function nodeToUse(root) {
  return existsSync(pinnedNode(root)) ? pinnedNode(root) : process.execPath
}

function stamp(root) {
  return sha256(readFileSync(join(root, 'package-lock.json')), `${process.platform} ${process.arch}`)
}

export function isInstalled(root) {
  if (!existsSync(stampFile(root)) || readFileSync(stampFile(root), 'utf8') !== stamp(root)) return false
  return existsSync(pinnedNode(root)) || systemNodeWorks(root)
}

/**
 * Installs, unless another start of the same folder does: then waits for that one. Resolves with what went
 * wrong.
 */
export async function install(root) {
  const release = await acquireInstallLock(root)
  try {
    return isInstalled(root) ? undefined : await installNow(root)
  } finally {
    release()
  }
}

async function installNow(root) {
  console.error('Installing what Reach needs. This happens once and takes a minute or two ...')
  const began = Date.now()
  const progress = setInterval(() => {
    const seconds = Math.round((Date.now() - began) / 1_000)
    console.error(`  ${seconds} s, ${countPackages(root)} packages`)
  }, 5_000)
  try {
    // The build of the consent app needs the development packages, whatever NODE_ENV says.
    // Warnings about engines speak of the Node that runs npm, not of the pinned one.
    const flags = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
    const code = await npm(root, 'ci', ...flags)
    if (isStopping()) return 'Stopped while installing; the next start begins anew.'
    if (code !== 0) return 'npm could not install the packages; its messages stand above.'
    // Where install scripts are off, that of the package `node`, which brings the binary, has not run yet.
    if (!pinnedNodeWorks(root))
      await npm(root, 'rebuild', 'node', '--ignore-scripts=false', '--foreground-scripts')
  } finally {
    clearInterval(progress)
  }
  if (isStopping()) return 'Stopped while installing; the next start begins anew.'
  if (!pinnedNodeWorks(root) && !systemNodeWorks(root)) {
    const version = pinnedVersion(root)
    return `npm has no Node ${version} for this machine: install Node ${version.split('.')[0]} yourself and start again.`
  }
  writeFileSync(stampFile(root), stamp(root))
  console.error(`Installed in ${Math.round((Date.now() - began) / 1_000)} s.`)
  return undefined
}

function pinnedNodeWorks(root) {
  const { stdout } = spawnSync(pinnedNode(root), ['--version'], { encoding: 'utf8' })
  return stdout?.trim() === `v${pinnedVersion(root)}`
}

/** An interrupted npm would first roll back, for many seconds and for nothing: it is killed after one. */
function npm(root, ...args) {
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  const cli = process.env.npm_execpath
  if (cli !== undefined && /\.c?js$/.test(cli))
    return run(process.execPath, [cli, ...args], { graceMs: 1_000, options })
  return run('npm', args, { graceMs: 1_000, options: { ...options, shell: windows }, leashed: false })
}

function countPackages(root) {
  try {
    // npm makes all folders first and then fills them.
    const names = readdirSync(join(root, 'node_modules'))
    return names.filter((name) => existsSync(join(root, 'node_modules', name, 'package.json'))).length
  } catch {
    return 0
  }
}

/**
 * The lock is a listening socket named after the folder: the system frees it however its owner ends. Who
 * finds it taken connects to it and is told of its end by the connection's.
 */
async function acquireInstallLock(root) {
  const path = socketPath(`reach-install-${sha256(realpathSync(root)).slice(0, 16)}`)
  for (let told = false; ; told = true) {
    const release = await tryLock(path)
    if (release !== undefined) return release
    if (!told) console.error('Another start is installing in this folder; waiting for it ...')
    await untilFree(path)
  }
}

/**
 * Abstract names (Linux) and pipes (Windows) vanish with their owner; elsewhere the file may be left behind.
 */
function socketPath(name) {
  if (windows) return `\\\\.\\pipe\\${name}`
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
}

function tryLock(path) {
  const waiting = new Set()
  const server = createServer((socket) => waiting.add(socket.on('error', () => {})))
  const release = () => {
    server.close()
    for (const socket of waiting) socket.destroy()
  }
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(path, () => resolve(release))
  })
}

function untilFree(path) {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('error', (error) => {
      if (error.code === 'ECONNREFUSED' && path.endsWith('.sock')) rmSync(path, { force: true })
    })
    socket.once('close', () => setTimeout(resolve, 100))
  })
}

function sha256(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
