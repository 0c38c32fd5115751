/** `reach audit`: what anybody can check of a log without trusting whoever runs it. */
import path from 'node:path'
import type { Command } from 'commander'
import { cosigners, evidenceCommands } from './evidence.ts'
import { keepingCopies, openLogSource, writeWhole } from './log-source.ts'
import { openingsIn } from './openings.ts'
import type { Output } from './output.ts'
import { openingOptions, reviewCommands } from './review.ts'
import { NAMES_FILE, businessNames, reviewLog, type ReviewOptions } from './reviewed-log.ts'
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
      const source = keepingCopies(openLogSource(url), folder)
      const openings = new Map<string, string>()
      const kept = openingsIn(openLogSource(folder))
      const keep = async (file: string, text: string) => void openings.set(path.join(folder, file), text)
      const verified = await (
        options.openings === true
          ? reviewLog(source, options, { ...parts, see: () => undefined, kept, keep })
          : verifySource(source, options, parts)
      ).catch(async (error) => {
        await source.discard()
        throw error
      })
      await source.keep()
      for (const [file, text] of openings) await writeWhole(file, text)
      if (options.openings === true)
        await keepNames(folder, await businessNames(source, options, stateFolder))
      // Last, so that a copy that was broken off never looks whole.
      await writeWhole(path.join(folder, 'vkey'), `${verified.vkey}\n`)
      await writeWhole(path.join(folder, 'key-changes'), verified.changes)
      await writeWhole(path.join(folder, 'checkpoint'), verified.note)
      print(output, options, verified)
    })
}

async function keepNames(folder: string, names: ReadonlyMap<string, string>): Promise<void> {
  const businesses = [...names].map(([vendorId, name]) => ({ vendorId, name }))
  await writeWhole(path.join(folder, NAMES_FILE), `${JSON.stringify({ businesses }, null, 2)}\n`)
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
