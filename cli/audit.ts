/** `reach audit`: what anybody can check of a log without trusting whoever runs it. */
import path from 'node:path'
import type { Command } from 'commander'
import { sizeOf } from '#core/ledger/checkpoint.ts'
import { NoteInvalid } from '#core/ledger/note.ts'
import { cosigners, evidenceCommands } from './evidence.ts'
import { keepingCopies, openLogSource, writeWhole, type CopyingSource } from './log-source.ts'
import { openingsIn, type ReadOpenings } from './openings.ts'
import type { Output } from './output.ts'
import { openingOptions, reviewCommands } from './review.ts'
import {
  NAMES_FILE,
  businessNames,
  openOpenings,
  reviewLog,
  type Reviewed,
  type ReviewOptions,
  type ReviewParts,
} from './reviewed-log.ts'
import { verifySource, type Verified, type VerifyOptions } from './verification.ts'

/** Adds the audit commands. `stateFolder` holds the checkpoints that are kept from one run to the next. */
export function auditCommands(
  program: Command,
  { output, stateFolder, stopped }: { output: Output; stateFolder: string; stopped: () => Promise<void> },
): void {
  const parts = { output, stateFolder }
  const audit = program.command('audit').description('check the public log')
  const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value]

  const shared = (command: Command): Command =>
    command
      .option(
        '--vkey <key>',
        "the log's verifier key, from a source you trust; else the one it names, if that is still the same",
      )
      .option('--policy <file>', 'a tlog-policy file: which logs to trust, and whose cosignatures they need')
      .option(
        '--old <file>',
        'an earlier checkpoint that must lie on the same history (may be repeated)',
        collect,
        [],
      )
      .option('--forget', 'do not demand or keep the checkpoint and the key of the last run')
      .option('--json', 'print the report as JSON')

  openingOptions(shared(audit.command('verify')))
    .argument('<place>', "address of the log's prefix (https://vault.example/log) or a folder with its files")
    .option(
      '--openings',
      'also that every entry is opened, and that each opening is what its entry commits to',
    )
    .description('recompute the whole log and compare it with what it serves, and with earlier checkpoints')
    .action(async (place: string, options: ReviewOptions & { openings?: boolean }) => {
      const source = openLogSource(place)
      const verified =
        options.openings === true
          ? await reviewLog(source, options, { ...parts, see: () => undefined })
          : await verifySource(source, options, parts)
      print(output, options, verified)
    })

  evidenceCommands(audit, { output })
  reviewCommands(audit, { ...parts, shared, stopped })

  openingOptions(shared(audit.command('mirror')))
    .argument('<url>', "address of the log's prefix")
    .argument('<folder>', 'where the verified copy goes; run again to bring it up to date')
    .option('--openings', 'with what opens the entries, as far as your invitation goes')
    .description('copy the log into a folder, verifying every byte on the way')
    .action(async (url: string, folder: string, options: ReviewOptions & { openings?: boolean }) => {
      if (options.openings !== true) {
        const { old, proven } = await copiedBefore(folder)
        const source = keepingCopies(openLogSource(url), { folder, proven })
        const continuing = { ...options, old: [...options.old, ...old] }
        const verified = await verifySource(source, continuing, parts).catch(discarding(source))
        await source.keep()
        await keepHead(folder, verified)
        return print(output, options, verified)
      }
      const asked = await openOpenings(openLogSource(url), options, stateFolder)
      const copied = await copyOpened(url, folder, { options, parts, asked })
      // The look at what was copied is an entry by now. Where nothing else came, the copy goes on to it and is whole.
      const isAll = copied.opened === copied.report.checkpoint.size
      const whole = isAll ? await copyOpened(url, folder, { options, parts, asked, isAgain: true }) : copied
      print(output, options, whole.opened === whole.report.checkpoint.size ? whole : copied)
    })
}

/** Copies what verifies, with its openings; `isAgain`: only when every entry is opened. */
async function copyOpened(
  url: string,
  folder: string,
  {
    options,
    parts,
    asked,
    isAgain = false,
  }: { options: ReviewOptions; parts: ReviewParts; asked: ReadOpenings; isAgain?: boolean },
): Promise<Reviewed> {
  const { old, proven } = await copiedBefore(folder)
  const source = keepingCopies(openLogSource(url), { folder, proven })
  const continuing = { ...options, old: [...options.old, ...old], ...(isAgain && { partial: true }) }
  const openings = new Map<string, string>()
  const verified = await reviewLog(source, continuing, {
    ...parts,
    asked,
    see: () => undefined,
    kept: openingsIn(openLogSource(folder)),
    keep: async (file, text) => void openings.set(path.join(folder, file), text),
  }).catch(discarding(source))
  if (isAgain && verified.opened < verified.report.checkpoint.size) return verified
  await source.keep()
  for (const [file, text] of openings) await writeWhole(file, text, 0o600)
  await keepNames(folder, await businessNames(source, options, parts.stateFolder))
  await keepHead(folder, verified)
  return verified
}

/** Checkpoint of a copy made before, which the log must continue whoever asks now, and how many entries of it were proven then. */
async function copiedBefore(folder: string): Promise<{ old: readonly string[]; proven: number }> {
  const note = await openLogSource(folder).read('checkpoint')
  if (note === undefined) return { old: [], proven: 0 }
  const old = [path.join(folder, 'checkpoint')]
  try {
    return { old, proven: sizeOf(new TextDecoder().decode(note)) }
  } catch (error) {
    if (error instanceof NoteInvalid) return { old, proven: 0 }
    throw error
  }
}

const discarding = (source: CopyingSource) => async (error: unknown) => {
  await source.discard()
  throw error
}

/** Last, so that a copy that was broken off never looks whole. */
async function keepHead(folder: string, { vkey, changes, note }: Verified): Promise<void> {
  await writeWhole(path.join(folder, 'vkey'), `${vkey}\n`)
  await writeWhole(path.join(folder, 'key-changes'), changes)
  await writeWhole(path.join(folder, 'checkpoint'), note)
}

async function keepNames(folder: string, names: ReadonlyMap<string, string>): Promise<void> {
  const businesses = [...names].map(([vendorId, name]) => ({ vendorId, name }))
  await writeWhole(path.join(folder, NAMES_FILE), `${JSON.stringify({ businesses }, null, 2)}\n`, 0o600)
}

function print(
  output: Output,
  options: VerifyOptions,
  { report, vkey, cosigned, remembered, ...more }: Verified & { readonly opened?: number },
): void {
  const { checkpoint, tiles, bundles, earlier } = report
  const root = checkpoint.root.toString('base64')
  if (options.json === true) {
    output.json({
      ok: true,
      origin: checkpoint.origin,
      size: checkpoint.size,
      root,
      tiles,
      bundles,
      earlier,
      vkey,
      ...(more.opened !== undefined && { opened: more.opened }),
      ...(cosigned === undefined ? {} : { cosigned }),
    })
    return
  }
  output.line(`ok  ${checkpoint.origin} with ${checkpoint.size} entries, root ${root}`)
  output.line(
    `    signature, ${bundles} entry bundles and ${tiles} hash tiles agree, and the root follows from the entries`,
  )
  output.line(
    earlier === 0
      ? `    first look: nothing earlier to compare with${options.forget === true ? '' : '; the checkpoint is kept for the next time'}`
      : `    consistent with ${earlier} earlier checkpoint${earlier === 1 ? '' : 's'}${remembered ? ', the one kept here among them' : ''}`,
  )
  if (more.opened !== undefined)
    output.line(`    ${more.opened} of ${checkpoint.size} entries are opened, each by what it commits to`)
  if (cosigned !== undefined) output.line(`    ${cosigners(cosigned)}`)
  else if (options.vkey === undefined)
    output.line(
      "    the verifier key came with the log: compare it once with the operator's, then pass --vkey",
    )
}
