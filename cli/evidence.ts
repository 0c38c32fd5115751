/** `reach audit prove | check | compare`: evidence of single entries, and of two heads of one log. */
import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { sizeOf, type Checkpoint } from '#core/ledger/checkpoint.ts'
import { openSignedBy } from '#core/ledger/cosignature.ts'
import { isConsistent, consistencyProof, TILE_WIDTH } from '#core/ledger/merkle.ts'
import { NoteInvalid } from '#core/ledger/note.ts'
import { checkPolicy, parsePolicy, PolicyInvalid, type Cosigned, type Policy } from '#core/ledger/policy.ts'
import { checkProof, parseProof, ProofInvalid, proveEntry } from '#core/ledger/proof.ts'
import { parseBundle, tilePath } from '#core/ledger/tiles.ts'
import { tileReader, type ReadLogFile } from '#core/ledger/verify.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { isAddress, openLogSource, type LogSource } from './log-source.ts'
import { openingsIn, proveOpenings, type ProvenEntry } from './openings.ts'
import type { Output } from './output.ts'

interface TrustOptions {
  readonly vkey?: string
  readonly policy?: string
}

/** Adds the commands to `audit`. */
export function evidenceCommands(audit: Command, { output }: { output: Output }): void {
  audit
    .command('prove')
    .argument('<place>', "address of the log's prefix or a folder with its files")
    .argument('<index>', 'number of the entry')
    .description(
      'print a proof (.tlog-proof) that the entry is in the log, with what it says where the folder opens it',
    )
    .action(async (place: string, index: string) => {
      output.line((await prove(place, index)).trimEnd())
    })

  audit
    .command('check')
    .argument('<proof>', 'a .tlog-proof file')
    .option('--vkey <key>', "the log's verifier key")
    .option('--policy <file>', 'a tlog-policy file: which logs and witnesses to trust')
    .option('--receipt <file>', 'the signed receipt (.jws) that the entry must commit to')
    .option('--json', 'print the report as JSON')
    .description('check a proof offline: the entry, the path, the signature of the log and of its witnesses')
    .action(async (file: string, options: TrustOptions & { receipt?: string; json?: boolean }) => {
      await check(file, options, output)
    })

  audit
    .command('compare')
    .argument('<place>', "address of the log's prefix or a folder with its files")
    .argument('<first>', 'a checkpoint')
    .argument('<second>', 'another one of the same log')
    .option('--vkey <key>', "the log's verifier key")
    .option('--policy <file>', 'a tlog-policy file: which logs and witnesses to trust')
    .description(
      'say whether two checkpoints are of one history; if not, both together prove that the log lied',
    )
    .action(async (place: string, first: string, second: string, options: TrustOptions) => {
      await compare(openLogSource(place), { first, second }, options, output)
    })
}

async function prove(place: string, index: string): Promise<string> {
  const number = /^(?:0|[1-9]\d{0,15})$/.test(index) ? Number(index) : undefined
  if (number === undefined) throw new CommandFailed(EXIT.usage, 'the index must be a number')
  const source = openLogSource(place)
  const { name, read } = source
  const checkpoint = await readText(read, 'checkpoint', name)
  const log = {
    tile: tileReader(read),
    bundle: (at: number, width: number) => read(tilePath({ level: 'entries', index: at, width })),
  }
  try {
    const opened = isAddress(place) ? undefined : await openedIn(source, number, sizeOf(checkpoint))
    const shown = opened && { openings: { ops: opened.salt }, facts: opened.line }
    return await proveEntry(log, { index: number, checkpoint, openings: {}, ...shown })
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof NoteInvalid)) throw cause
    throw new CommandFailed(EXIT.failed, `FAILED  ${name}: ${cause.message}`, { cause })
  }
}

/** The entry as a copy made with `mirror --openings` opens it; undefined where it does not. */
async function openedIn(source: LogSource, index: number, size: number): Promise<ProvenEntry | undefined> {
  const bundle = Math.floor(index / TILE_WIDTH)
  const first = bundle * TILE_WIDTH
  const width = Math.min(TILE_WIDTH, size - first)
  if (width <= 0) return undefined
  const text = await openingsIn(source)(bundle, width)
  const leaves = await source.read(tilePath({ level: 'entries', index: bundle, width }))
  const entries = text === undefined || leaves === undefined ? undefined : parseBundle(leaves)
  return entries && proveOpenings(text ?? '', first, entries).find((entry) => entry.index === index)
}

async function check(
  file: string,
  options: TrustOptions & { receipt?: string; json?: boolean },
  output: Output,
): Promise<void> {
  const trust = await openTrust(options)
  const receipt = options.receipt === undefined ? undefined : await readGiven(options.receipt)
  const text = await readGiven(file)
  const { index, checkpoint, cosigned, facts } = orFailed(() => {
    const proof = parseProof(text)
    const head = trust.open(proof.checkpoint)
    checkProof(proof, head.checkpoint, receipt === undefined ? {} : { data: receipt.trimEnd() })
    return { index: proof.index, facts: proof.facts, ...head }
  })
  const { origin, size } = checkpoint
  if (options.json === true)
    return output.json({ ok: true, origin, index, size, cosigned, facts, receipt: receipt !== undefined })
  output.line(`ok  entry ${index} is in ${origin} with ${size} entries`)
  output.line(`    ${cosigners(cosigned)}`)
  if (facts !== undefined) output.line(`    it says ${facts}`)
  if (receipt !== undefined) output.line('    the entry commits to exactly this receipt')
}

/** In words, with the times. */
export function cosigners(cosigned: readonly Cosigned[]): string {
  if (cosigned.length === 0) return 'signed by the log; by no witness that was asked for'
  const each = cosigned.map(({ witness, time }) => `${witness} at ${new Date(time * 1000).toISOString()}`)
  return `signed by the log, and cosigned by ${each.join(', ')}`
}

async function compare(
  { name, read }: LogSource,
  files: { first: string; second: string },
  options: TrustOptions,
  output: Output,
): Promise<void> {
  const trust = await openTrust(options)
  const notes = [await readGiven(files.first), await readGiven(files.second)]
  const heads = notes.map((note) => orFailed(() => trust.open(note).checkpoint))
  const [older, newer] = heads.toSorted((a, b) => a.size - b.size)
  if (older === undefined || newer === undefined || older.origin !== newer.origin)
    throw new CommandFailed(EXIT.usage, 'the checkpoints are of two logs')
  const isOne =
    older.size === newer.size
      ? older.root.equals(newer.root)
      : isConsistent(older, newer, await proofFrom(read, older.size, newer.size, name))
  if (isOne) {
    output.line(`ok  sizes ${older.size} and ${newer.size} of ${older.origin} are of one history`)
    return
  }
  for (const note of notes) output.line(note)
  const isPlain = older.size === newer.size
  throw new CommandFailed(
    EXIT.failed,
    isPlain
      ? `FAILED  the log signed two trees of ${older.size} entries: the two checkpoints above prove it`
      : `FAILED  what ${name} serves does not lead from one checkpoint to the other; keep both, they are signed`,
  )
}

async function proofFrom(
  read: ReadLogFile,
  first: number,
  second: number,
  name: string,
): Promise<Uint8Array[]> {
  try {
    return await consistencyProof(first, second, tileReader(read))
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new CommandFailed(EXIT.failed, `FAILED  ${name}: ${cause.message}`, { cause })
  }
}

interface Trust {
  /** Throws `NoteInvalid`. */
  open(note: string): { readonly checkpoint: Checkpoint; readonly cosigned: readonly Cosigned[] }
}

/** Whom to believe has to be said: what comes with the evidence proves nothing. */
async function openTrust({ vkey, policy }: TrustOptions): Promise<Trust> {
  if (policy !== undefined) {
    const read = await readPolicy(policy)
    return { open: (note) => checkPolicy(read, note, vkey) }
  }
  if (vkey === undefined)
    throw new CommandFailed(EXIT.usage, 'give --vkey or --policy: whose signature counts')
  return { open: (note) => ({ checkpoint: openSignedBy(note, vkey), cosigned: [] }) }
}

export async function readPolicy(file: string): Promise<Policy> {
  const text = await readGiven(file)
  try {
    return parsePolicy(text)
  } catch (cause) {
    if (!(cause instanceof PolicyInvalid)) throw cause
    throw new CommandFailed(EXIT.usage, `${file}: ${cause.message}`, { cause })
  }
}

/** No list that anybody hands over is larger; what has no end would fill the memory. */
const MAX_GIVEN_BYTES = 128 * 1024 * 1024

/** A file that the user named. */
export async function readGiven(file: string): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of createReadStream(file) as AsyncIterable<Buffer>) {
      size += part.length
      if (size > MAX_GIVEN_BYTES) break
      parts.push(part)
    }
  } catch (cause) {
    throw new CommandFailed(EXIT.usage, `${file} cannot be read`, { cause })
  }
  if (size > MAX_GIVEN_BYTES) throw new CommandFailed(EXIT.usage, `${file} is too large`)
  return Buffer.concat(parts).toString()
}

async function readText(read: ReadLogFile, file: string, name: string): Promise<string> {
  const bytes = await read(file)
  if (bytes === undefined) throw new CommandFailed(EXIT.unreachable, `${name} has no ${file}`)
  return new TextDecoder().decode(bytes)
}

function orFailed<Result>(act: () => Result): Result {
  try {
    return act()
  } catch (cause) {
    if (!(cause instanceof NoteInvalid || cause instanceof ProofInvalid)) throw cause
    throw new CommandFailed(EXIT.failed, `FAILED  ${cause.message}`, { cause })
  }
}
