/**
 * The server process of the benchmark: one filled house behind a gateway for each way of checking signatures, and bare
 * Express beside them. The parent asks over IPC for CPU time and for the state of the log.
 */
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import express from 'express'
import { leanExpress, listen } from '#core/http/server.ts'
import { opens } from '#core/ledger/leaf.ts'
import type { Ledger } from '#core/ledger/ledger.ts'
import { checkLog, provenEntry } from '../test/check-log.ts'
import { createVendorGateway } from '../vendor-gateway/server.ts'
import { importKey } from './business.ts'
import { answerAll } from './child.ts'
import { unrecorded } from './controls.ts'
import { keySetOf, openHouse, vaultUrl } from './house.ts'
import type { Size, VendorSeat } from './house.ts'
import { valuesOf } from './pods.ts'
import { asked } from './requests.ts'
import type { Disclosure } from '#schemas/types.gen.ts'
import { startProfile } from './profile.ts'
import type { Profile } from './profile.ts'
import { signatureChecks } from './signatures.ts'
import type { SignatureWay } from './signatures.ts'

export type Question =
  | 'ready'
  | 'stats'
  | 'verify'
  | 'memory'
  | 'withdraw'
  | 'leave the anchor out'
  | 'anchor'
  | 'profile'
  | 'end of profile'
  | 'stop'
  /** Replies of which each is held against the log: its entry is in the tree and commits to these very values. */
  | { readonly prove: readonly string[] }

/** Gateways that differ from the product in one thing. */
export type Variant = SignatureWay | 'unrecorded'

export interface Ready {
  readonly seats: readonly VendorSeat[]
  readonly gateways: Readonly<Record<Variant, number>>
  readonly bare: Readonly<Record<'default' | 'lean', number>>
}

export interface Stats {
  readonly cpu: NodeJS.CpuUsage
  readonly entries: number
}

const [size = '', issuerKey = ''] = process.argv.slice(2)
const stack = new AsyncDisposableStack()
const house = stack.use(await openHouse(JSON.parse(size) as Size))
const { ledger } = house.options
const keys = keySetOf({ key: importKey(issuerKey) })

async function serve(app: RequestListener, port = 0): Promise<number> {
  return stack.use(await listen({ app, host: '127.0.0.1', port })).port
}

async function openGateway(way: SignatureWay, over: Ledger = ledger): Promise<number> {
  const port = await freePort()
  const { app } = stack.use(
    await createVendorGateway({
      ...house.options,
      ledger: over,
      config: { vaultUrl, gatewayUrl: `http://127.0.0.1:${port}`, mode: 'production', outboundAllow: [] },
      tuning: { issuerKeys: keys, signatureCheck: signatureChecks[way], subjectsPerMinute: 1e9 },
    }),
  )
  return serve(app, port)
}

// As much JSON as a disclosure, so that the controls send what the gateway sends.
const text = {
  subject: 'x'.repeat(43),
  grant_id: 'x'.repeat(22),
  data: Object.fromEntries(asked.fields.map((id) => [id, valuesOf(0)[id]])),
  log: {
    origin: ledger.log.origin,
    index: 123_456,
    checkpoint: ledger.log.checkpoint(),
    salts: { subject: 'x'.repeat(22), data: 'x'.repeat(22) },
  },
}
const usual = express()
usual.get('/bare/:subject', (_request, response) => void response.json(text))
const lean = leanExpress()
const body = JSON.stringify(text)
lean.get('/bare/:subject', (_request, response) => {
  response
    .writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    .end(body)
})

const ready: Ready = {
  seats: house.seats,
  gateways: {
    der: await openGateway('der'),
    p1363: await openGateway('p1363'),
    jose: await openGateway('jose'),
    unrecorded: await openGateway('der', unrecorded(ledger)),
  },
  bare: { default: await serve(usual), lean: await serve(lean) },
}

let endProfile: (() => Promise<Profile>) | undefined
const answers: Record<Extract<Question, string>, () => Promise<unknown>> = {
  ready: async () => ready,
  stats: async (): Promise<Stats> => ({ cpu: process.cpuUsage(), entries: sizeOf(ledger.log.checkpoint()) }),
  withdraw: () => house.withdrawLeaving(),
  'leave the anchor out': async () => void (house.ledger.isAnchored = false),
  anchor: async () => void (house.ledger.isAnchored = true),
  profile: async () => void (endProfile = await startProfile()),
  'end of profile': async () => endProfile?.(),
  memory: async () => heapInUse(),
  verify: async () => (await checkLog(ledger.log)).checkpoint.size,
  stop: async () => {
    process.disconnect()
    await stack.disposeAsync()
  },
}
answerAll<Question>((question) =>
  typeof question === 'string' ? answers[question]() : prove(question.prove),
)

/** Gives how many were proven; fails at the first that is not. */
async function prove(replies: readonly string[]): Promise<number> {
  for (const reply of replies) {
    const { subject, log }: Disclosure = JSON.parse(reply)
    const [, data = ''] = /"data":(\{.*\}),"log":\{/.exec(reply) ?? []
    const entry = await provenEntry(ledger.log, log.index, log.checkpoint)
    if (!opens(entry, 'subject', log.salts.subject, subject) || !opens(entry, 'data', log.salts.data, data))
      throw new Error(`entry ${log.index} does not hold what was replied`)
  }
  return replies.length
}

/** Bytes of the heap that are still needed. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function sizeOf(checkpoint: string): number {
  return Number(checkpoint.split('\n')[1])
}

/** The address of a gateway stands in its tokens, so the port is needed before it listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
