/** `reach audit`: what anybody can check of a log without trusting whoever runs it. */
import path from 'node:path'
import type { Command } from 'commander'
import { NoteInvalid, parseVkey } from '#core/ledger/note.ts'
import { checkPolicy, type Cosigned } from '#core/ledger/policy.ts'
import { LogInvalid, type LogReport, verifyLog } from '#core/ledger/verify.ts'
import { cosigners, evidenceCommands, readGiven, readPolicy } from './evidence.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { type KeptCheckpoints, keptCheckpoints } from './kept-checkpoints.ts'
import { isAddress, keepingCopies, type LogSource, openLogSource, writeWhole } from './log-source.ts'
import type { Output } from './output.ts'

interface VerifyOptions {
  readonly vkey?: string
  readonly policy?: string
  readonly old: readonly string[]
  readonly forget?: boolean
  readonly json?: boolean
}

/** Adds the audit commands. `stateFolder` holds the checkpoints that are kept from one run to the next. */
export function auditCommands(
  program: Command,
  { output, stateFolder }: { output: Output; stateFolder: string },
): void {
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

  shared(audit.command('verify'))
    .argument('<place>', "address of the log's prefix (https://vault.example/log) or a folder with its files")
    .description('recompute the whole log and compare it with what it serves, and with earlier checkpoints')
    .action(async (place: string, options: VerifyOptions) => {
      await verify(openLogSource(place), options, { output, stateFolder })
    })

  evidenceCommands(audit, { output })

  shared(audit.command('mirror'))
    .argument('<url>', "address of the log's prefix")
    .argument('<folder>', 'where the verified copy goes; run again to bring it up to date')
    .description('copy the log into a folder, verifying every byte on the way')
    .action(async (url: string, folder: string, options: VerifyOptions) => {
      const source = keepingCopies(openLogSource(url), folder)
      const { note, vkey } = await verify(source, options, { output, stateFolder }).catch(async (error) => {
        await source.discard()
        throw error
      })
      await source.keep()
      // Last, so that a copy that was broken off never looks whole.
      await writeWhole(path.join(folder, 'vkey'), `${vkey}\n`)
      await writeWhole(path.join(folder, 'checkpoint'), note)
    })
}

async function verify(
  source: LogSource,
  options: VerifyOptions,
  { output, stateFolder }: { output: Output; stateFolder: string },
): Promise<{ note: string; vkey: string }> {
  // The same note is verified and kept, whatever the log signs meanwhile.
  const note = await source.read('checkpoint')
  const trusted = options.policy === undefined ? undefined : await underPolicy(options.policy, note, options)
  const vkey = trusted?.vkey ?? options.vkey ?? (await servedKey(source))
  const kept = keptCheckpoints(stateFolder)
  const names = namesOf(vkey, {
    place: source.name,
    isGiven: options.vkey !== undefined || trusted !== undefined,
  })
  if (options.vkey === undefined && trusted === undefined && options.forget !== true)
    await demandSameKey(kept, vkey, names)
  const remembered = options.forget === true ? undefined : await kept.newest(vkey)
  const given = await Promise.all(options.old.map(readGiven))
  const read = async (file: string) => (file === 'checkpoint' ? note : source.read(file))
  const report = await verifyOrFail({
    read,
    vkey,
    earlier: [...given, ...(remembered === undefined ? [] : [remembered])],
  })
  const text = new TextDecoder().decode(note)
  if (options.forget !== true) await kept.keep(vkey, text, names)
  print(output, options, { report, vkey, cosigned: trusted?.cosigned, remembered: remembered !== undefined })
  return { note: text, vkey }
}

/** Which of the trusted logs this is, and who cosigned it. */
async function underPolicy(
  file: string,
  note: Uint8Array | undefined,
  { vkey }: VerifyOptions,
): Promise<ReturnType<typeof checkPolicy>> {
  const policy = await readPolicy(file)
  try {
    return checkPolicy(policy, new TextDecoder().decode(note), vkey)
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error
    throw new CommandFailed(EXIT.failed, `FAILED  checkpoint: ${error.message}`, { cause: error })
  }
}

/** Under which the key of a log is remembered: its origin, and its address where it has one. */
function namesOf(vkey: string, { place, isGiven }: { place: string; isGiven: boolean }): string[] {
  try {
    const { name } = parseVkey(vkey)
    return isAddress(place) ? [name, place.replace(/^https?:\/\//, '').replace(/\/+$/, '')] : [name]
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error
    const [code, message] = isGiven ? [EXIT.usage, '--vkey:'] : [EXIT.failed, 'FAILED  vkey:']
    throw new CommandFailed(code, `${message} ${error.message}`, { cause: error })
  }
}

async function demandSameKey(kept: KeptCheckpoints, vkey: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const before = await kept.key(name)
    if (before !== undefined && before !== vkey)
      throw new CommandFailed(
        EXIT.failed,
        `FAILED  vkey: ${name} had another key when it was verified here before; compare this one with the operator's, then pass --vkey`,
      )
  }
}

async function verifyOrFail(options: Parameters<typeof verifyLog>[0]): Promise<LogReport> {
  try {
    return await verifyLog(options)
  } catch (error) {
    if (error instanceof LogInvalid)
      throw new CommandFailed(EXIT.failed, `FAILED  ${error.message}`, { cause: error })
    throw error
  }
}

/** The key the log itself names: good for the first look only, so it says so in the report. */
async function servedKey(source: LogSource): Promise<string> {
  const bytes = await source.read('vkey')
  if (bytes === undefined)
    throw new CommandFailed(
      EXIT.unreachable,
      `${source.name} has no vkey: not the prefix of a log, or give --vkey`,
    )
  // No other spelling than the one line it is: whatever else is in there was put there.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/\n$/, '')
}

function print(
  output: Output,
  options: VerifyOptions,
  {
    report,
    vkey,
    cosigned,
    remembered,
  }: { report: LogReport; vkey: string; cosigned: readonly Cosigned[] | undefined; remembered: boolean },
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
  if (cosigned !== undefined) output.line(`    ${cosigners(cosigned)}`)
  else if (options.vkey === undefined)
    output.line(
      "    the verifier key came with the log: compare it once with the operator's, then pass --vkey",
    )
}
