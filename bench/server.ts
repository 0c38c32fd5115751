/**
 * The server process of the benchmark: one filled house behind a gateway for each way of checking signatures, and bare
 * Express beside them. The parent asks over IPC for CPU time and for the state of the log.
 */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Express } from 'express'
import { leanExpress, listen } from '#core/http/server.ts'
import { checkLog } from '../test/check-log.ts'
import { createVendorGateway } from '../vendor-gateway/server.ts'
import { importKey } from './business.ts'
import { keySetOf, openHouse, vaultUrl } from './house.ts'
import type { Size, VendorSeat } from './house.ts'
import { signatureChecks } from './signatures.ts'
import type { SignatureWay } from './signatures.ts'

export type Question = 'stats' | 'verify' | 'stop'

export interface Ready {
  readonly seats: readonly VendorSeat[]
  readonly gateways: Readonly<Record<SignatureWay, number>>
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

async function serve(app: Express, port = 0): Promise<number> {
  return stack.use(await listen({ app, host: '127.0.0.1', port })).port
}

async function openGateway(way: SignatureWay): Promise<number> {
  const port = await freePort()
  const { app } = stack.use(
    await createVendorGateway({
      ...house.options,
      config: { vaultUrl, gatewayUrl: `http://127.0.0.1:${port}`, mode: 'production', outboundAllow: [] },
      tuning: { issuerKeys: keys, signatureCheck: signatureChecks[way], subjectsPerMinute: 1e9 },
    }),
  )
  return serve(app, port)
}

const text = { subject: 'x'.repeat(43), data: { 'profile.name': 'Ada' } }
const usual = express()
usual.get('/bare/:subject', (_request, response) => void response.json(text))
const lean = leanExpress()
const body = JSON.stringify(text)
lean.get('/bare/:subject', (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body)
})

const ready: Ready = {
  seats: house.seats,
  gateways: {
    der: await openGateway('der'),
    p1363: await openGateway('p1363'),
    jose: await openGateway('jose'),
  },
  bare: { default: await serve(usual), lean: await serve(lean) },
}

const answers: Record<Question, () => Promise<unknown>> = {
  stats: async (): Promise<Stats> => ({ cpu: process.cpuUsage(), entries: sizeOf(ledger.log.checkpoint()) }),
  verify: async () => (await checkLog(ledger.log)).checkpoint.size,
  stop: async () => {
    process.disconnect()
    await stack.disposeAsync()
  },
}
process.on('message', (question: Question) => {
  void answers[question]().then((answer) => process.connected && process.send?.(answer ?? null))
})
process.send?.(ready)

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
