/** Stands between a replica and its database: holds all up, or loses connections at the commit, before or after the server got it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SOCKET = '.s.PGSQL.5432'
/** A simple query (message type Q) of the PostgreSQL protocol. */
const COMMIT = Buffer.from('commit\0')

export interface PgProxy extends AsyncDisposable {
  readonly url: string
  /** The next commit is lost: on its way there, or its answer on the way back. */
  lose(what: 'commit' | 'answer'): void
  /** How many were lost. */
  readonly lost: number
  /** Bytes that the server has sent. */
  readonly received: number
  /** What is sent waits here. */
  pause(isPaused: boolean): void
}

export async function proxyTo(url: string): Promise<PgProxy> {
  const target = new URL(url)
  const folder = await mkdtemp(join(tmpdir(), 'reach-px-'))
  const sockets = new Set<Socket>()
  let losing: 'commit' | 'answer' | undefined
  let lost = 0
  let received = 0
  let isPaused = false
  const server = createServer((client) => {
    const upstream = createConnection(join(target.searchParams.get('host') ?? '', SOCKET))
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      if (isPaused) socket.pause()
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let isLosingAnswer = false
    client.on('data', (bytes) => {
      if (losing === undefined || !bytes.includes(COMMIT)) return void upstream.write(bytes)
      lost++
      if (losing === 'commit') client.destroy()
      else {
        isLosingAnswer = true
        upstream.write(bytes)
      }
      losing = undefined
    })
    upstream.on('data', (bytes) => {
      received += bytes.length
      if (isLosingAnswer) client.destroy()
      else client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => void server.listen(join(folder, SOCKET), resolve))
  return {
    url: `postgres://reach@localhost${target.pathname}?host=${encodeURIComponent(folder)}`,
    lose(what) {
      losing = what
    },
    get lost() {
      return lost
    },
    get received() {
      return received
    },
    pause(paused) {
      isPaused = paused
      for (const socket of sockets)
        if (paused) socket.pause()
        else socket.resume()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => void server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
