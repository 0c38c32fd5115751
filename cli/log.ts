/** `reach log`: what the operator does about the log itself. */
import type { Command } from 'commander'
import { CommandFailed, EXIT } from './exit.ts'
import { recoverFrom } from './recover.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

const USUAL_OVERLAP_DAYS = '30'

export function logCommands(
  program: Command,
  { output, settings }: { output: Output; settings: () => OperatorSettings },
): void {
  const log = program.command('log').description('change the key of the log, or get a lost log back')
  log
    .command('rotate-key')
    .description('make a new key of the log; the old one signs beside it for a while and vouches for it')
    .option('--overlap <days>', 'how long both sign; 0 when the old key was stolen', USUAL_OVERLAP_DAYS)
    .option('--json', 'print JSON')
    .action(async ({ overlap, json }: { overlap: string; json?: boolean }) => {
      if (!/^(?:0|[1-9]\d{0,2})$/.test(overlap) || Number(overlap) > 400)
        throw new CommandFailed(EXIT.usage, '--overlap must be a number of days, 400 at most')
      const rotated = await asOperator(settings(), (operator) => operator.log.rotateKey(Number(overlap)))
      if (json === true) return output.json(rotated)
      output.line('The log has a new key. Publish it where you published the one before:\n')
      output.line(`  ${rotated.vkey}\n`)
      output.line(
        Number(overlap) === 0
          ? 'The key before signs nothing more.'
          : `Until ${new Date(rotated.until).toISOString()} the key before signs beside it.`,
      )
      output.line('Policies and witnesses that name the key before need a line with the new one by then.')
    })
  log
    .command('recover')
    .argument('<mirror>', 'folder made by `reach audit mirror --openings`')
    .description(
      'get the log back when the database was lost or put back to an earlier copy; stop Reach first',
    )
    .option('--json', 'print JSON')
    .action(async (mirror: string, { json }: { json?: boolean }) => {
      const recovered = await recoverFrom(settings(), mirror)
      if (json === true) return output.json(recovered)
      const { first, end, grants, businesses, auditors, blocks, erasures, erasuresCut } = recovered
      output.line(`The log has its ${end} entries again; ${end - first} came from the mirror.`)
      output.line(
        `What they changed is lost, so what they name has stopped: ${grants} permissions have ended, ${businesses} businesses are suspended, ${auditors} auditors revoked.`,
      )
      if (blocks > 0)
        output.line(`${blocks} times a customer blocked a business, and that has to be done again.`)
      if (erasures > 0)
        output.line(`${erasures} customers were erased; what was sealed for them stays closed.`)
      if (erasuresCut > 0)
        output.line(
          `${erasuresCut} customers were about to be erased. Nobody can tell who, so every permission of everybody has ended: ask all, and erase them again.`,
        )
    })
}
