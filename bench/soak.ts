/**
 * `node bench/soak.ts [--queries N]`: so many queries with subjects, tokens, keys and proofs that were never used before, and
 * what the heap of the gateway holds after each eighth of them. Every cache is bounded, so it stops growing; ends with 1
 * when the last quarter added more than a bounded memory of proofs may.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { newBusiness, newKey } from './business.ts'
import { vaultUrl } from './house.ts'
import { nonceOf, pick, singleRequest } from './requests.ts'
import { ServerProcess } from './server-process.ts'

const { values: options } = parseArgs({ options: { queries: { type: 'string', default: '20000' } } })
const queries = Number(options.queries)
const PARTS = 8
const PER_TOKEN = 4
const AT_ONCE = 4_000
/** Of a proof that is remembered until it is too old; nothing else may grow with the number of queries. */
const BYTES_PER_PROOF = 160
/** What the engine itself adds or drops between two looks: compiled code, caches of its own. */
const NOISE = 12 * 1024 * 1024

const issuerKey = newKey()
await using server = await ServerProcess.start(issuerKey, { customers: 200, vendors: 8 })
const { seats, gateways } = server.ready
const port = gateways.der
const gatewayUrl = `http://127.0.0.1:${port}`
const issuer = { url: `${vaultUrl}/oauth`, audience: gatewayUrl, key: issuerKey }

/** Half of them ask for somebody whom nobody knows. */
async function makeRequests(count: number): Promise<Buffer[]> {
  const nonce = await nonceOf(newBusiness(issuer, pick(seats).clientId), gatewayUrl, port)
  const requests: Buffer[] = []
  while (requests.length < count) {
    const seat = pick(seats)
    const business = newBusiness(issuer, seat.clientId)
    for (let i = 0; i < PER_TOKEN; i++) {
      const subject = i % 2 === 0 ? pick(seat.subjects) : randomBytes(32).toString('base64url')
      requests.push(singleRequest(business, subject, { gatewayUrl, nonce }))
    }
  }
  return requests
}

const heaps: number[] = []
for (let part = 0; part < PARTS; part++) {
  for (let left = Math.ceil(queries / PARTS); left > 0; left -= AT_ONCE) {
    await server.measure(undefined, 'soak', {
      port,
      requests: await makeRequests(Math.min(left, AT_ONCE)),
      connections: 32,
      seconds: Infinity,
      isExpected: ({ status }) => status === 200 || status === 404,
      isOffRecord: true,
    })
  }
  heaps.push(await server.memory())
  console.log(
    `${Math.ceil((queries * (part + 1)) / PARTS)} queries: ${megabytes(heaps.at(-1) ?? 0)} MB in use`,
  )
}
const added = (heaps.at(-1) ?? 0) - (heaps.at(-3) ?? 0)
const allowed = (queries / 4) * BYTES_PER_PROOF + NOISE
console.log(`the last quarter added ${megabytes(added)} MB; ${megabytes(allowed)} MB are allowed`)
if (added > allowed) process.exitCode = 1

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
