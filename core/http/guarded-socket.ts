import type { Duplex } from 'node:stream'
import { Agent, WebSocket } from 'undici'
import type { buildConnector } from 'undici'

/** Of messages, pings and all else. Who has more to say in a minute wants to keep us busy. */
const BYTES_A_MINUTE = 64 * 1024
/** How long the other side may take to close it, too. */
const CLOSE_MS = 1_000

/** A WebSocket over connections of `connect`, with messages of at most `maxBytes`, that ends when it is told to. */
export class GuardedSocket extends WebSocket {
  readonly #held: { connection?: Duplex }

  constructor(
    url: string,
    {
      connect,
      timeoutMs,
      maxBytes,
    }: { connect: buildConnector.connector; timeoutMs: number; maxBytes: number },
  ) {
    const held: { connection?: Duplex } = {}
    const dispatcher = new Agent({
      connect: (target, done) =>
        connect(target, (...result) => {
          if (result[1] !== null) held.connection = result[1]
          done(...result)
        }),
      headersTimeout: timeoutMs,
      webSocket: { maxPayloadSize: maxBytes },
    })
    super(url, { dispatcher })
    this.#held = held
    let bytes = 0
    const minutes = setInterval(() => (bytes = 0), 60_000).unref()
    this.addEventListener('open', () => {
      held.connection?.on('data', ({ byteLength }: Uint8Array) => {
        bytes += byteLength
        if (bytes > BYTES_A_MINUTE) held.connection?.destroy()
      })
    })
    this.addEventListener('close', () => {
      clearInterval(minutes)
      void dispatcher.destroy()
    })
  }

  override close(code?: number, reason?: string): void {
    super.close(code, reason)
    // Nobody needs to answer to be rid of us.
    setTimeout(() => this.#held.connection?.destroy(), CLOSE_MS).unref()
  }
}
