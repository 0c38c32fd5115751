import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Load {
  readonly port: number
  /** Raw HTTP requests. Each is sent once: a DPoP proof that is used again measures a refusal. */
  readonly requests: readonly Buffer[]
  readonly connections: number
  /** `Infinity`: until all requests were sent. */
  readonly seconds: number
  /**
   * Open loop: so many requests are due each second, whether or not those before were answered, and latency counts from
   * when a request was due. Closed loop when left out: each connection sends when it has its reply.
   */
  readonly perSecond?: number
  /** Judges every n-th reply (100 when left out): parsing all of them would take the CPU from the server. */
  readonly judge?: (reply: Judged) => boolean
  readonly judgeEvery?: number
  /** 200 when left out. */
  readonly isExpected?: (reply: Pick<Judged, 'n' | 'status' | 'sentAt'>) => boolean
}

export interface Judged {
  /** Which of the requests it answers. */
  readonly n: number
  readonly status: number
  readonly body: string
  /** As `performance.now` had it. */
  readonly sentAt: number
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
 * Load over raw sockets: tools for load cannot give every request its own proof cheaply. Rejects when the requests run
 * out.
 */
export async function runLoad(load: Load, from = 0): Promise<LoadResult> {
  const begin = performance.now()
  const state: State = { from, next: from, bad: 0, sample: '', latencies: [], begin }
  await Promise.all(Array.from({ length: load.connections }, () => runConnection(load, state)))
  const { next, latencies, bad, sample } = state
  return { done: latencies.length, used: next, bad, sample, latencies: latencies.toSorted((a, b) => a - b) }
}

interface State {
  readonly from: number
  next: number
  bad: number
  sample: string
  readonly latencies: number[]
  readonly begin: number
}

async function runConnection(load: Load, state: State): Promise<void> {
  const socket = connect(load.port, '127.0.0.1').setNoDelay(true)
  const end = state.begin + load.seconds * 1000
  try {
    while (performance.now() < end) {
      const n = state.next++
      const request = load.requests[n]
      if (request === undefined && load.seconds === Infinity) return
      if (request === undefined) throw new Error('the fresh requests ran out: make more')
      const due = await dueAt(load, state, n)
      if (due >= end) return
      const sentAt = performance.now()
      const reply = await exchange(socket, request)
      state.latencies.push(performance.now() - (load.perSecond === undefined ? sentAt : due))
      const { status } = reply
      const judges = (state.latencies.length - 1) % (load.judgeEvery ?? 100) === 0
      const isGood =
        (load.isExpected?.({ n, status, sentAt }) ?? status === 200) &&
        (!judges || (load.judge?.({ n, status, body: reply.body(), sentAt }) ?? true))
      if (isGood) continue
      state.bad++
      state.sample ||= reply.text().slice(0, 600)
    }
  } finally {
    socket.destroy()
  }
}

async function dueAt({ perSecond }: Load, { begin, from }: State, n: number): Promise<number> {
  if (perSecond === undefined) return performance.now()
  const due = begin + ((n - from) * 1000) / perSecond
  const wait = due - performance.now()
  if (wait > 0) await sleep(wait)
  return due
}

interface Reply {
  readonly status: number
  readonly text: () => string
  readonly body: () => string
}

/** One request, one reply with a `Content-Length` or in chunks. */
export function exchange(socket: Socket, request: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let isEnd: ((bytes: number, last: Buffer) => boolean) | undefined
    let headEnd = 0
    let bytes = 0
    const stop = () => socket.off('data', take).off('error', fail).off('close', fail)
    const fail = (error?: unknown) => {
      stop()
      reject(new Error('the connection ended before the reply', { cause: error }))
    }
    const take = (data: Buffer) => {
      parts.push(data)
      bytes += data.length
      if (isEnd === undefined) {
        const all = parts.length === 1 ? data : Buffer.concat(parts)
        headEnd = all.indexOf('\r\n\r\n') + 4
        if (headEnd === 3) return
        isEnd = endOf(all.toString('latin1', 0, headEnd), headEnd)
      }
      if (!isEnd(bytes, data)) return
      stop()
      const text = () => Buffer.concat(parts).toString()
      const status = Number(parts[0]?.toString('latin1', 9, 12))
      resolve({ status, text, body: () => Buffer.concat(parts).subarray(headEnd).toString() })
    }
    socket.on('data', take).on('error', fail).on('close', fail)
    socket.write(request)
  })
}

/** When a reply with this head is complete. What comes in chunks ends with a trailer, of which no row has the form. */
function endOf(head: string, headEnd: number): (bytes: number, last: Buffer) => boolean {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length !== undefined) return (bytes) => bytes >= headEnd + Number(length)
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return () => true
  let tail = ''
  return (_bytes, last) => {
    tail = (tail + last.toString('latin1', Math.max(0, last.length - 300))).slice(-300)
    return /\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(tail)
  }
}

/** Value at the share `q` of sorted numbers. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
