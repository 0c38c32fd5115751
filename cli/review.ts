/** `reach audit join | replay | show | search | sample | erasures | export | reconcile | watch`: what lies behind the entries. */
import { hash } from 'node:crypto'
import path from 'node:path'
import type { Command } from 'commander'
import { isAskedFor, vendorIn } from '#core/domain/audit.ts'
import { Replay } from '#core/domain/replay.ts'
import type { Finding } from '#core/domain/replay.ts'
import { formatTime } from '#core/domain/times.ts'
import { joinVault } from './auditor-key.ts'
import { readGiven } from './evidence.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { exporter, formats, isOfConsents, type Format } from './export-files.ts'
import { filterFrom, time, type FilterOptions } from './filter-options.ts'
import { isAddress, openLogSource, writeWhole } from './log-source.ts'
import type { ProvenEntry } from './openings.ts'
import { inert } from './output.ts'
import { compareReceipts } from './receipts.ts'
import { dialectIds } from '#core/domain/dialects/dialects.ts'
import { comparedIn, compareLists, parseList } from './reconcile.ts'
import {
  businessNames,
  reviewLog,
  type Reviewed,
  type ReviewOptions,
  type ReviewParts,
} from './reviewed-log.ts'
import { drawSample } from './sample.ts'
import { watchLog } from './watch.ts'

type Shared = (command: Command) => Command

interface ReceiptOptions {
  readonly keys?: string
  readonly dialect?: string
  readonly into?: string
}

/** Adds the commands to `audit`. `shared` adds the options of every command that verifies. */
export function reviewCommands(
  audit: Command,
  { shared, ...parts }: ReviewParts & { shared: Shared; stopped: () => Promise<void> },
): void {
  const { output, stateFolder } = parts
  const reviewing = (name: string): Command =>
    openingOptions(shared(audit.command(name))).argument(
      '<place>',
      "address of the log's prefix, or a folder made with mirror --openings",
    )
  const filtering = (command: Command): Command =>
    command
      .option('--type <types>', 'only these types of entries, with commas between')
      .option('--vendor <ids>', 'only what names these businesses, with commas between')
      .option('--purpose <purpose>', 'only this purpose, such as dpv:CustomerCare')
      .option('--grant <id>', 'only this grant')
      .option('--from <date>', 'only entries from here on (2027-01-31 or RFC 3339)')
      .option('--to <date>', 'only entries before this')

  audit
    .command('join')
    .argument('<vault>', 'address of the vault')
    .argument('<invitation>', "the operator's invitation; good once")
    .description('redeem an invitation and keep the key here')
    .action(async (vault: string, invitation: string) => {
      output.json(await joinVault(vault, invitation, stateFolder))
    })

  reviewing('replay')
    .option('--as-of <date>', 'say how every consent stood then; a day is its end (UTC)')
    .description(
      'play the log again: every release under a live consent, within its budget, numbered without a gap',
    )
    .action((place: string, options: ReviewOptions & { asOf?: string }) => replay(place, options, parts))

  reviewing('show')
    .argument('<index>', 'number of the entry')
    .description('one entry, opened')
    .action(async (place: string, index: string, options: ReviewOptions) => {
      const number = /^(?:0|[1-9]\d{0,15})$/.test(index) ? Number(index) : Number.NaN
      if (Number.isNaN(number)) throw new CommandFailed(EXIT.usage, 'the index must be a number')
      const { found, reviewed } = await collect(place, options, parts, (entry) => entry.index === number)
      if (found.length === 0)
        throw new CommandFailed(
          EXIT.usage,
          `the log has ${reviewed.report.checkpoint.size} entries; ${number} is not among those opened`,
        )
      tell(parts, options, reviewed, found)
    })

  filtering(reviewing('search'))
    .description('entries that fit, oldest first')
    .action(async (place: string, options: ReviewOptions & FilterOptions) => {
      const filter = filterFrom(options)
      const { found, reviewed } = await collect(place, options, parts, ({ fact }) => isAskedFor(fact, filter))
      tell(parts, options, reviewed, found)
    })

  filtering(reviewing('sample'))
    .requiredOption('-n, --number <count>', 'how many')
    .description('draw entries that anybody can draw again, from the root hash')
    .action(async (place: string, options: ReviewOptions & FilterOptions & { number: string }) => {
      const count = /^[1-9]\d{0,6}$/.test(options.number) ? Number(options.number) : 0
      if (count === 0) throw new CommandFailed(EXIT.usage, '--number must be a whole number above 0')
      const filter = filterFrom(options)
      const { found, reviewed } = await collect(place, options, parts, ({ fact }) => isAskedFor(fact, filter))
      const drawn = drawSample(found, count, reviewed.report.checkpoint.root)
      tell(parts, options, reviewed, drawn, { population: found.length })
    })

  reviewing('erasures')
    .description('who was forgotten, and when: each erasure that began, and its end')
    .action(async (place: string, options: ReviewOptions) => {
      const { found, reviewed } = await collect(place, options, parts, ({ fact }) =>
        fact.type.startsWith('eras'),
      )
      tell(parts, options, reviewed, found)
      const of = (type: 'erasure-begun' | 'erased') =>
        new Set(found.flatMap(({ fact }) => (fact.type === type ? [fact.erasure] : [])))
      const [begun, ended] = [of('erasure-begun'), of('erased')]
      demandNone('not-finished', 'erasures began and did not end', begun, ended)
      demandNone('erasure-unknown', 'erasures ended that did not begin', ended, begun)
    })

  filtering(reviewing('export'))
    .argument('<folder>', 'where the files and manifest.json go')
    .requiredOption('--format <format>', formats.join(', '))
    .description('write entries or reports, with a manifest that makes them reproducible')
    .action((place: string, folder: string, options: ReviewOptions & FilterOptions & { format: string }) =>
      writeExport(place, folder, options, parts),
    )

  reviewing('reconcile')
    .argument('<vendor>', 'id of the business')
    .argument(
      '<list>',
      'CSV of what it received: a head line, with index, and as far as it has them grant, seq, purpose, fields, time',
    )
    .description("compare a business's own list of what it received with the log, and name every difference")
    .action(async (place: string, vendor: string, list: string, options: ReviewOptions) => {
      const rows = parseList(await readGiven(list))
      const { found, reviewed } = await collect(
        place,
        options,
        parts,
        ({ fact }) => fact.type === 'disclosed' || fact.type === 'vendor-admitted',
      )
      const differences = compareLists(rows, found, vendor)
      // Of a business that nobody admitted there is nothing that could differ.
      if (differences.length === 0 && !found.some(({ fact }) => vendorIn(fact) === vendor))
        throw new CommandFailed(EXIT.usage, `the log knows no business ${vendor}`)
      if (options.json === true) output.json({ ...about(reviewed), listed: rows.length, differences })
      else
        for (const { line, index, what } of differences)
          output.line(`${line === undefined ? 'log' : `line ${line}`}  entry ${index}  ${what}`)
      if (differences.length > 0)
        throw new CommandFailed(
          EXIT.finding,
          `FINDING  ${differences.length} differences between ${list} and the log`,
        )
      if (options.json !== true)
        output.line(
          `ok  ${rows.length} rows of the list and the releases of the log agree, by ${comparedIn(rows).join(', ')}`,
        )
    })

  reviewing('receipts')
    .argument('<folder>', 'receipts (*.jws, with *.tlog-proof) as a pod holds them in vrm/receipts/')
    .option('--keys <file>', "the vault's keys (JWKS of /api/receipts/keys): also that it signed them")
    .option('--dialect <id>', `write each that agrees in another form: ${dialectIds.join(', ')}`)
    .option('--into <folder>', 'where those files go')
    .description('compare receipts with the log, and name every difference')
    .action(async (place: string, folder: string, options: ReviewOptions & ReceiptOptions) => {
      const { keys, into } = options
      const dialect = dialectIds.find((known) => known === options.dialect)
      if (dialect === undefined && options.dialect !== undefined)
        throw new CommandFailed(EXIT.usage, `--dialect is one of ${dialectIds.join(', ')}`)
      if ((dialect === undefined) !== (into === undefined))
        throw new CommandFailed(EXIT.usage, 'give --dialect and --into together')
      const decided = ['granted', 'changed', 'refused']
      const { found, reviewed } = await collect(place, options, parts, ({ fact }) =>
        decided.includes(fact.type),
      )
      const { receipts, differences, ...counts } = await compareReceipts(folder, found, {
        keys,
        into,
        ...(dialect && { dialect }),
      })
      if (options.json === true) output.json({ ...about(reviewed), receipts, ...counts, differences })
      else for (const { file, what } of differences) output.line(`${inert(file)}  ${what}`)
      if (differences.length > 0)
        throw new CommandFailed(
          EXIT.finding,
          `FINDING  ${differences.length} of ${receipts} receipts differ from the log`,
        )
      if (options.json === true) return
      const { signed, proven, written, unsaid } = counts
      output.line(
        `ok  ${receipts} receipts are what the log says; ${signed} signatures checked${keys === undefined ? ' (give --keys)' : ''}, ${proven} held against their entry by the proof beside them`,
      )
      if (dialect !== undefined)
        output.line(
          `    ${written} written as ${dialect}${unsaid === 0 ? '' : `; it has no word for ${unsaid} refusals`}`,
        )
    })

  shared(audit.command('watch'))
    .argument('<url>', "address of the log's prefix")
    .option('--every <seconds>', 'how often to look', '60')
    .option('--times <count>', 'end after so many looks')
    .description('look again and again that the log only grows, and keep every checkpoint')
    .action((url: string, options: ReviewOptions & { every: string; times?: string }) =>
      watchLog(openLogSource(url), options, parts),
    )
}

/** Options of what needs openings. */
export function openingOptions(command: Command): Command {
  return command
    .option('--reason <words>', 'why; needed at a vault, which logs it and tells the customers')
    .option('--key-file <file>', 'the key of your account at the vault; else the one that join kept')
    .option('--partial', 'go on although your invitation does not cover every entry')
}

/** Throws `CommandFailed` (finding) for what one set has and the other lacks. */
function demandNone(code: string, what: string, one: ReadonlySet<string>, other: ReadonlySet<string>): void {
  const only = [...one].filter((id) => !other.has(id))
  if (only.length > 0)
    throw new CommandFailed(EXIT.finding, `FINDING  ${code}: ${only.length} ${what}: ${only.join(', ')}`)
}

async function collect(
  place: string,
  options: ReviewOptions,
  parts: ReviewParts,
  fits: (entry: ProvenEntry) => boolean,
): Promise<{ found: ProvenEntry[]; reviewed: Reviewed }> {
  const found: ProvenEntry[] = []
  const reviewed = await reviewLog(openLogSource(place), options, {
    ...parts,
    see: (entry) => void (fits(entry) && found.push(entry)),
  })
  return { found, reviewed }
}

function about({ report: { checkpoint }, opened }: Reviewed) {
  const { origin, size, root } = checkpoint
  return { origin, size, root: root.toString('base64'), opened }
}

function tell(
  { output }: ReviewParts,
  { json }: ReviewOptions,
  reviewed: Reviewed,
  entries: readonly ProvenEntry[],
  more: object = {},
): void {
  if (json === true) {
    const told = entries.map(({ index, fact, line, salt }) => ({ index, facts: fact, line, salt }))
    return output.json({ ok: true, ...about(reviewed), ...more, entries: told })
  }
  for (const { index, line } of entries) output.line(`${index}  ${line}`)
  const { origin, size, opened } = about(reviewed)
  output.remark(`ok  ${entries.length} entries of ${origin} with ${size} (${opened} opened), each proven`)
}

async function replay(
  place: string,
  options: ReviewOptions & { asOf?: string },
  parts: ReviewParts,
): Promise<void> {
  const { output } = parts
  const asOf = time(options.asOf?.replace(/^\d{4}-\d{2}-\d{2}$/, '$&T23:59:59.999Z'), '--as-of')
  const replayed = new Replay()
  let last = 0
  const reviewed = await reviewLog(openLogSource(place), options, {
    ...parts,
    see(entry) {
      last = Math.max(last, entry.fact.time)
      if (asOf === undefined || entry.fact.time <= asOf) replayed.see(entry)
    },
  })
  const { findings } = replayed
  const grants = asOf === undefined ? undefined : [...replayed.grants(asOf)]
  const counts: Record<string, number> = {}
  for (const { state } of replayed.grants(asOf ?? last)) counts[state] = (counts[state] ?? 0) + 1
  if (options.json === true)
    output.json({
      ok: findings.length === 0,
      ...about(reviewed),
      ...(asOf !== undefined && { asOf: formatTime(asOf) }),
      counts,
      findings,
      ...(grants && {
        grants: grants.map(({ reads, ...grant }) => ({ ...grant, ...(reads !== Infinity && { reads }) })),
      }),
    })
  else {
    for (const { state, grant, vendor, since } of grants ?? [])
      output.line(`${state.padEnd(11)}  ${grant}  ${vendor}  since ${formatTime(since)}`)
    for (const finding of findings) output.line(inWords(finding))
    const told = Object.entries(counts).map(([state, count]) => `${count} ${state}`)
    output.line(
      `${findings.length === 0 ? 'ok' : 'FINDING'}  ${reviewed.opened} entries replayed; consents: ${told.length === 0 ? 'none' : told.join(', ')}`,
    )
  }
  const closed = reviewed.report.checkpoint.size - reviewed.opened
  if (findings.length > 0)
    throw new CommandFailed(
      EXIT.finding,
      `FINDING  ${findings.length} entries that should not be there, or not like this${closed === 0 ? '' : `; ${closed} entries are closed to you, and what they hold may explain it`}`,
    )
}

function inWords({ index, code, grant }: Finding): string {
  return `entry ${index}  ${code}${grant === undefined ? '' : `  grant ${grant}`}`
}

async function writeExport(
  place: string,
  folder: string,
  options: ReviewOptions & FilterOptions & { format: string },
  parts: ReviewParts,
): Promise<void> {
  const format = formats.find((known): known is Format => known === options.format)
  if (format === undefined) throw new CommandFailed(EXIT.usage, `--format is one of ${formats.join(', ')}`)
  const filter = filterFrom(options)
  const isReport = isOfConsents(format)
  if (isReport && (filter.types ?? filter.purpose ?? filter.since) !== undefined)
    throw new CommandFailed(
      EXIT.usage,
      `${format} tells whole consents: it takes --vendor, --grant and --to, and nothing that leaves out their ends`,
    )
  const written = exporter(format)
  const reviewed = await reviewLog(openLogSource(place), options, {
    ...parts,
    see(entry) {
      const endsAny = isReport && entry.fact.type === 'log-recovered'
      if (endsAny || isAskedFor(entry.fact, filter)) written.see(entry)
    },
  })
  const { origin, size, root, opened } = about(reviewed)
  const names = await businessNames(openLogSource(place), options, parts.stateFolder)
  const files = written.files({ origin, size, root, checkpoint: reviewed.note, names })
  const listed = []
  for (const [name, { text, count }] of files) {
    await writeWhole(path.join(folder, name), text, 0o600)
    listed.push({ name, count, bytes: Buffer.byteLength(text), sha256: hash('sha256', text, 'hex') })
  }
  const manifest = {
    v: 1,
    format,
    origin,
    size,
    root,
    range: { first: 0, end: size },
    opened,
    filter,
    files: listed,
    checkpoint: reviewed.note,
    vkey: reviewed.vkey,
  }
  // Last, so that an export that was broken off never looks whole.
  await writeWhole(path.join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  if (options.json === true) return parts.output.json(manifest)
  for (const { name, count, sha256 } of listed) parts.output.line(`${name}  ${count} rows  sha256 ${sha256}`)
  parts.output.line(`ok  from entries 0 to ${size - 1} of ${origin}${isAddress(place) ? '' : ', offline'}`)
}
