/** `reach store`: what an operator does with the store of the ledger, while no Reach writes to it or beside those that do. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { storeOf } from '#core/config.ts'
import { createLogSigner, type LogSigner } from '#core/ledger/checkpoint.ts'
import { demandKeys, openKeyStore } from '#core/ledger/key-store.ts'
import { openLevelStore } from '#core/ledger/level-copy.ts'
import { NoteInvalid } from '#core/ledger/note.ts'
import { openPgStore, partsIn } from '#core/ledger/pg-copy.ts'
import { refusalOf } from '#core/ledger/pg-database.ts'
import { AlreadyEnrolled, enrolReplica } from '#core/ledger/pg-enrol.ts'
import { CopyRefused, MovedBefore, copyStore, type CopiedStore } from '#core/ledger/store-copy.ts'
import { placesOf } from '../house.ts'
import { CommandFailed, EXIT } from './exit.ts'
import type { OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

interface StoreParts {
  readonly output: Output
  readonly settings: () => OperatorSettings
}

/** The house, and those under it. */
const houses = ['', 'tour', 'sandbox']

export function storeCommands(program: Command, { output, settings }: StoreParts): void {
  const store = program.command('store').description('move the ledger to another store; let replicas in')
  store
    .command('copy')
    .description('move the ledger, verified, from one kind of store to the other; stop Reach first')
    .requiredOption('--from <store>', 'level, or postgres://...')
    .requiredOption('--to <store>', 'postgres://..., or level')
    .action(async (options: { from: string; to: string }) => {
      const [from, to] = [storeOf(options.from, '--from'), storeOf(options.to, '--to')]
      if ((from === undefined) === (to === undefined))
        throw new CommandFailed(EXIT.usage, 'One of --from and --to is level, the other an address.')
      await refusing(() => copy(settings(), output, { from, to }))
    })
  store
    .command('enrol')
    .description('let this replica in: verify the database, against a checkpoint from elsewhere')
    .option('--gateway', 'the gateway of this machine instead of its vault')
    .option('--checkpoint <file>', 'a checkpoint that was kept, instead of that of the vault that runs')
    .option('--trust', 'believe the database as it is')
    .action(async (options: EnrolOptions) => {
      await refusing(() => enrol(settings(), output, options))
    })
}

async function copy(
  { config }: OperatorSettings,
  output: Output,
  { from, to }: { from: string | undefined; to: string | undefined },
): Promise<void> {
  const there = from === undefined ? houses.filter((part) => hasLevel(config, part)) : await partsIn(from)
  if (!there.includes(''))
    throw new CommandFailed(EXIT.failed, 'There is no ledger in the store to copy from.')
  let moved = 0
  for (const part of there) {
    const { keysFolder, origin } = placesOf(config, part)
    demandKeys(keysFolder)
    const signer = createLogSigner(origin, await openKeyStore(keysFolder))
    await using source = await openStore(config, part, { url: from, isTarget: false })
    await using target = await openStore(config, part, { url: to, isTarget: true })
    const copied = await copyStore({
      from: source,
      to: target,
      signer,
      progress: (done, total) => output.progress(done, total),
    }).catch((error: unknown) => {
      // Done before this command was cut off at another of them.
      if (error instanceof MovedBefore && there.length > 1) return undefined
      throw error
    })
    if (copied === undefined) continue
    moved++
    const { rows, mark } = copied
    const name = part === '' ? 'The ledger' : `The ledger of the ${part}`
    output.line(
      `${name} has moved: ${rows} rows, ${mark.size} entries, root ${mark.root.toString('base64')}, read again and verified.`,
    )
  }
  if (moved === 0) throw new CommandFailed(EXIT.failed, 'All of it has moved before.')
  output.remark('Now set REACH_STORE to it. The store it came from does not open any more.')
}

type Places = Parameters<typeof placesOf>[0]

function hasLevel(config: Places, part: string): boolean {
  return existsSync(join(placesOf(config, part).levelFolder, 'CURRENT'))
}

async function openStore(
  config: Places,
  part: string,
  { url, isTarget }: { url: string | undefined; isTarget: boolean },
): Promise<CopiedStore> {
  const { levelFolder, levelAnchor, replicaAnchor } = placesOf(config, part)
  return url === undefined
    ? await openLevelStore({ folder: levelFolder, anchorFile: levelAnchor, isTarget })
    : await openPgStore({ url, part, anchorFile: replicaAnchor })
}

interface EnrolOptions {
  readonly gateway?: true
  readonly checkpoint?: string
  readonly trust?: true
}

async function enrol({ config }: OperatorSettings, output: Output, options: EnrolOptions): Promise<void> {
  if (config.storeUrl === undefined)
    throw new CommandFailed(EXIT.usage, 'REACH_STORE is not set: only replicas on a database are let in.')
  const replica = options.gateway === true ? 'replica-gateway' : 'replica'
  const { keysFolder, origin, replicaAnchor: anchorFile } = placesOf(config, '', replica)
  demandKeys(keysFolder)
  const signer: LogSigner = createLogSigner(origin, await openKeyStore(keysFolder))
  const checkpoint = options.trust === true ? undefined : await checkpointOf(config.vaultUrl, options)
  const mark = await enrolReplica({
    url: config.storeUrl,
    part: '',
    signer,
    anchorFile,
    checkpoint,
    progress: (done, total) => output.progress(done, total),
  }).finally(() => output.progress(0, 0))
  output.line(
    `Let in at ${mark.size} entries, root ${mark.root.toString('base64')}: this replica refuses a database that has less.`,
  )
}

async function checkpointOf(vaultUrl: string, { checkpoint }: EnrolOptions): Promise<string> {
  if (checkpoint !== undefined)
    return await readFile(checkpoint, 'utf8').catch((cause: unknown) => {
      throw new CommandFailed(EXIT.usage, `${checkpoint} cannot be read.`, { cause })
    })
  const reply = await fetch(`${vaultUrl}/log/checkpoint`, { signal: AbortSignal.timeout(10_000) }).catch(
    () => undefined,
  )
  if (reply?.ok !== true)
    throw new CommandFailed(
      EXIT.unreachable,
      `No vault answers at ${vaultUrl}: name a checkpoint that was kept (--checkpoint), or say --trust.`,
    )
  return await reply.text()
}

/** What the operator can do something about, in one line. */
async function refusing(act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (error instanceof CopyRefused || error instanceof AlreadyEnrolled)
      throw new CommandFailed(EXIT.failed, `${error.message}.`, { cause: error })
    if (error instanceof NoteInvalid)
      throw new CommandFailed(EXIT.failed, `The checkpoint is none of this log: ${error.message}.`, {
        cause: error,
      })
    // The connection may be lost in the middle.
    throw refusalOf(error)
  }
}
