import { connect } from 'node:net'
import { proofFor } from './business.ts'
import type { Business } from './business.ts'
import { exchange } from './load.ts'

/** What all businesses of the benchmark ask for. */
export const asked = {
  purpose: 'dpv:DeliveryOfGoods',
  fields: ['profile.name', 'contact.email', 'contact.phone', 'contact.country', 'interests.topics'],
} as const

/** A business with the subjects that it may ask for. */
export interface Asking extends Business {
  readonly subjects: readonly string[]
  /** By round. */
  readonly leaving: readonly (readonly string[])[]
}

/** Where the requests go. */
export interface Target {
  readonly gatewayUrl: string
  readonly nonce: string
}

export const pick = <Item>(items: readonly Item[]): Item => {
  const item = items[Math.floor(Math.random() * items.length)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}

const query = `fields=${asked.fields.join()}&purpose=${asked.purpose}`

function head(business: Business, line: string, target: Target, accept = 'application/json'): string {
  const [method = '', path = ''] = line.split(/[ ?]/)
  const url = target.gatewayUrl + path
  return (
    `${line} HTTP/1.1\r\nHost: ${new URL(target.gatewayUrl).host}\r\nAccept: ${accept}\r\n` +
    `Authorization: DPoP ${business.token}\r\nDPoP: ${proofFor(business, { method, url, nonce: target.nonce })}\r\n`
  )
}

/** Requests for random customers of random businesses, each with its own proof. */
export function singleRequests(
  businesses: readonly Asking[],
  count: number,
  target: Target,
  path?: string,
): Buffer[] {
  return Array.from({ length: Math.ceil(count) }, () => {
    const business = pick(businesses)
    return singleRequest(business, pick(business.subjects), target, path)
  })
}

export function singleRequest(
  business: Business,
  subject: string,
  target: Target,
  path = '/v1/subjects',
): Buffer {
  return Buffer.from(`${head(business, `GET ${path}/${subject}?${query}`, target)}\r\n`)
}

export function batchRequests(
  businesses: readonly Asking[],
  count: number,
  target: Target & { size: number; accept?: string },
): Buffer[] {
  return Array.from({ length: Math.ceil(count) }, () => {
    const business = pick(businesses)
    const from = Math.floor(Math.random() * (business.subjects.length - target.size + 1))
    const body = JSON.stringify({ ...asked, subjects: business.subjects.slice(from, from + target.size) })
    return Buffer.from(
      `${head(business, 'POST /v1/query', target, target.accept)}Content-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    )
  })
}

/** The nonce that proofs need now: asked for as every client does, by a request without a good one. */
export async function nonceOf(business: Business, gatewayUrl: string, port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  try {
    const request = `${head(business, 'GET /v1/grants', { gatewayUrl, nonce: 'none' })}\r\n`
    const reply = await exchange(socket, Buffer.from(request))
    const nonce = /\r\ndpop-nonce: (\S+)/i.exec(reply.text())?.[1]
    if (nonce === undefined) throw new Error(`no nonce in: ${reply.text()}`)
    return nonce
  } finally {
    socket.destroy()
  }
}
