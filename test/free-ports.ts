import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that a system gives to whoever names none: only who asks for one of these by its number takes it. */
const FIRST = 20_000
const COUNT = 12_000
/** Workers of one run have ids that are near each other, and begin far apart. */
let next = (process.pid * 4_999) % COUNT

/** Ports of this machine, all different, that are free and stay so until somebody asks for them. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let tried = 0; ports.length < count; tried++) {
    if (tried === COUNT) throw new Error('no port is free')
    const port = FIRST + (next++ % COUNT)
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

/** At all addresses. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port)
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  await once(server.close(), 'close')
  return true
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  if (port === undefined) throw new Error('no port')
  return port
}
