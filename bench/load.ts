import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Load {
  readonly port: number
  /** Raw HTTP requests. Each is sent once: a DPoP proof that is used again measures a refusal. */
  readonly requests: readonly Buffer[]
  readonly connections: number
  readonly seconds: number
  /** Judges every n-th reply (100 when left out): parsing all of them would take the CPU from the server. */
  readonly judge?: (request: Buffer, body: string) => boolean
  readonly judgeEvery?: number
}

export interface LoadResult {
  readonly done: number
  /** How many of the requests were sent. */
  readonly used: number
  readonly bad: number
  /** The beginning of the first bad reply. */
  readonly sample: string
  /** Latencies in ms, ascending. */
  readonly latencies: readonly number[]
}

/**
 * Closed-loop load over raw sockets: each connection sends its next request when the reply to the last one is complete.
 * Tools for load cannot give every request its own proof cheaply. Rejects when the requests run out.
 */
export async function runLoad(load: Load, from = 0): Promise<LoadResult> {
  const state = { next: from, bad: 0, sample: '', latencies: [] as number[] }
  const end = performance.now() + load.seconds * 1000
  await Promise.all(Array.from({ length: load.connections }, () => runConnection(load, state, end)))
  const { next, latencies, bad, sample } = state
  return { done: latencies.length, used: next, bad, sample, latencies: latencies.toSorted((a, b) => a - b) }
}

interface State {
  next: number
  bad: number
  sample: string
  readonly latencies: number[]
}

async function runConnection(load: Load, state: State, end: number): Promise<void> {
  const socket = connect(load.port, '127.0.0.1').setNoDelay(true)
  try {
    while (performance.now() < end) {
      const request = load.requests[state.next++]
      if (request === undefined) throw new Error('the fresh requests ran out: make more')
      const sent = performance.now()
      const reply = await exchange(socket, request)
      state.latencies.push(performance.now() - sent)
      const judges = (state.latencies.length - 1) % (load.judgeEvery ?? 100) === 0
      if (reply.status !== 200 || (judges && load.judge?.(request, reply.body()) === false)) {
        state.bad++
        state.sample ||= reply.text().slice(0, 600)
      }
    }
  } finally {
    socket.destroy()
  }
}

interface Reply {
  readonly status: number
  readonly text: () => string
  readonly body: () => string
}

/** One request, one reply with a `Content-Length`. */
export function exchange(socket: Socket, request: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let missing: number | undefined
    let headEnd = 0
    const stop = () => socket.off('data', take).off('error', fail).off('close', fail)
    const fail = (error?: unknown) => {
      stop()
      reject(new Error('the connection ended before the reply', { cause: error }))
    }
    const take = (data: Buffer) => {
      parts.push(data)
      if (missing === undefined) {
        const bytes = parts.length === 1 ? data : Buffer.concat(parts)
        headEnd = bytes.indexOf('\r\n\r\n') + 4
        if (headEnd === 3) return
        const length = /\r\ncontent-length: (\d+)/i.exec(bytes.toString('latin1', 0, headEnd))?.[1]
        missing = headEnd + Number(length) - bytes.length
      } else missing -= data.length
      if (missing > 0) return
      stop()
      const text = () => Buffer.concat(parts).toString()
      const status = Number(parts[0]?.toString('latin1', 9, 12))
      resolve({ status, text, body: () => Buffer.concat(parts).subarray(headEnd).toString() })
    }
    socket.on('data', take).on('error', fail).on('close', fail)
    socket.write(request)
  })
}

/** Value at the share `q` of sorted numbers. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
