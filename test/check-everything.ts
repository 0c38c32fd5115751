/** What must hold after every flow, whatever it was about. */
import { readFile, readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { expect } from 'vitest'
import { replay } from '#core/domain/replay.ts'
import type { LoggedFact } from '#core/domain/replay.ts'
import { verifyLog } from '#core/ledger/verify.ts'
import type { ReadLogFile } from '#core/ledger/verify.ts'
import type { LedgerReader } from '#core/ledger/ledger.ts'
import type { Grant } from '#schemas/types.gen.ts'
import { findCanaries } from './canaries.ts'
import { loggedFacts } from './logged-facts.ts'
import type { World } from './world.ts'

/** What was planted to be found, and where people were sent. */
export interface Planted {
  readonly world: World
  /** Values, WebIDs, pod names, addresses, passwords. */
  readonly secrets: readonly string[]
  /** Of businesses. */
  readonly names: readonly string[]
  readonly fields: readonly string[]
  readonly redirects: readonly string[]
}

/**
 * The public log verifies from its first leaf over HTTP; its facts replay without a finding and agree with
 * the state; no job is lost; and nothing planted is where it must not be.
 */
export async function checkEverything(planted: Planted): Promise<void> {
  const { world } = planted
  await world.settle()
  const files = await verifiedFiles(`${world.config.vaultUrl}/log`)
  const facts = await loggedFacts(world.reach.ledger)
  expect(replay(facts)).toEqual([])
  await checkGrants(world.reach.ledger, facts)
  await checkJobs(world.reach.ledger)
  await checkCanaries(planted, files)
}

/** Every file of the public log. */
async function verifiedFiles(prefix: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const read: ReadLogFile = async (path) => {
    const response = await fetch(`${prefix}/${path}`)
    if (!response.ok) return undefined
    const bytes = new Uint8Array(await response.arrayBuffer())
    files.set(path, bytes)
    return bytes
  }
  const vkey = Buffer.from((await read('vkey')) ?? [])
  await verifyLog({ read, vkey: vkey.toString().trim() })
  return files
}

/** Each grant has its entries, and the log tells the state that it is in. */
async function checkGrants(reader: LedgerReader, facts: readonly LoggedFact[]): Promise<void> {
  const rows = await reader.list<Grant>('grant/', { limit: 10_000 })
  for (const { value: grant } of rows) {
    const told = facts.flatMap(({ fact }) => ('grant' in fact && fact.grant === grant.grantId ? [fact] : []))
    const types = told.map(({ type }) => type)
    expect(types.filter((type) => type === 'granted')).toHaveLength(1)
    expect(types.includes('redeemed')).toBe(grant.redeemed)
    expect(types.some((type) => type === 'withdrawn' || type === 'relinquished')).toBe(
      grant.state === 'withdrawn',
    )
    const turns = ['paused', 'resumed', 'withdrawn', 'relinquished', 'expired', 'unredeemed']
    expect(types.findLast((type) => turns.includes(type)) === 'paused').toBe(grant.state === 'paused')
    expect(await reader.count(`grant-seq/${grant.grantId}`)).toBe(
      types.filter((type) => type === 'disclosed').length,
    )
  }
}

/** A job is done, or stands in the queue with all it needs; none was laid aside. */
async function checkJobs(reader: LedgerReader): Promise<void> {
  const limit = 10_000
  expect(await reader.list('job-dead/', { limit })).toEqual([])
  const queued = await reader.list<{ id: string }>('job/', { limit })
  const payloads = await reader.list('job-payload/', { limit })
  expect(payloads.map(({ key }) => key.slice('job-payload/'.length)).toSorted()).toEqual(
    queued.map(({ value }) => value.id).toSorted(),
  )
}

async function checkCanaries(planted: Planted, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const { world, fields } = planted
  const people = [...planted.secrets, ...planted.names]
  const everything = [...people, ...fields]
  const places: [name: string, bytes: Uint8Array, canaries: readonly string[]][] = [
    ...[...files].map(([path, bytes]): (typeof places)[number] => [`log/${path}`, bytes, everything]),
    ['log lines', Buffer.from(world.lines.join('')), everything],
    ['metrics', Buffer.from(await world.metrics()), everything],
    // The address of the business itself names it; nobody but the business is sent there with more.
    ['redirects', Buffer.from(planted.redirects.join('\n')), [...planted.secrets, ...fields]],
  ]
  const { dataFolder, keysFolder } = world.config
  for (const file of [...(await filesIn(dataFolder)), ...(await filesIn(keysFolder))]) {
    if (file.startsWith(join(dataFolder, 'pods') + sep)) continue
    places.push([file, Buffer.concat([await readFile(file), Buffer.from(file)]), everything])
  }
  for (const [place, bytes, canaries] of places)
    expect(findCanaries(bytes, canaries), `planted texts in ${place}`).toEqual([])
}

export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}
