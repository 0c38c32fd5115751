/** `reach auditor`: who may look behind the entries of the log. */
import type { Command } from 'commander'
import { parser } from '#core/http/validate.ts'
import type { AuditorRow } from '../vault-server/operator/auditors.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

interface InviteOptions {
  readonly name: string
  readonly vendors?: string
  readonly from?: string
  readonly to?: string
  readonly fields?: string
  readonly expires: string
  readonly json?: boolean
}

export function auditorCommands(
  program: Command,
  { output, settings }: { output: Output; settings: () => OperatorSettings },
): void {
  const auditor = program
    .command('auditor')
    .description('invite auditors, see how far they may look, and revoke them')
  auditor
    .command('invite')
    .description('let an auditor look behind entries; each look is an entry that customers see')
    .requiredOption('--name <name>', 'of the person or the firm')
    .requiredOption('--expires <date>', 'when the account ends (2027-01-31 or RFC 3339), 400 days at most')
    .option('--vendors <ids>', 'only what names these businesses, with commas between')
    .option('--from <date>', 'only entries from here on')
    .option('--to <date>', 'only entries before this')
    .option('--fields <members>', 'of facts show only these members, such as vendor,grant,purpose,fields')
    .option('--json', 'print JSON')
    .action(async ({ json, vendors, from, to, fields, expires, name }: InviteOptions) => {
      const invitation = parser('api/auditor-invitation.json')({
        name,
        expires: moment(expires),
        ...(vendors !== undefined && { businesses: words(vendors) }),
        ...(fields !== undefined && { shown: words(fields) }),
        ...(from !== undefined && { from: moment(from) }),
        ...(to !== undefined && { to: moment(to) }),
      })
      const invited = await asOperator(settings(), ({ auditors }) => auditors.invite(invitation))
      if (json === true) return output.json(invited)
      output.line(
        `Invited as ${invited.auditorId}. Hand this over; it is good once, within 7 days, in one of two ways:\n`,
      )
      const [vault] = invited.link.split('/audit/join#')
      output.line(`  in a browser       ${invited.link}`)
      output.line(`  on a command line  reach audit join ${vault} ${invited.invitation}`)
    })
  auditor
    .command('list')
    .description('all auditors, how far they may look and how they stand')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const rows = await asOperator(settings(), ({ auditors }) => auditors.list())
      if (json === true) return output.json(rows)
      if (rows.length === 0)
        output.line('No auditor yet. Invite one: reach auditor invite --name ... --expires ...')
      for (const row of rows) output.line(inWords(row))
    })
  auditor
    .command('revoke')
    .description('end the account of an auditor at once')
    .argument('<auditorId>')
    .option('--json', 'print JSON')
    .action(async (auditorId: string, { json }: { json?: boolean }) => {
      const row = await asOperator(settings(), ({ auditors }) => auditors.revoke(auditorId))
      if (json === true) return output.json(row)
      output.line(inWords(row))
    })
}

function inWords({ auditorId, name, state, expiresAt, scope }: AuditorRow): string {
  const until = new Date(expiresAt).toISOString()
  const limits = Object.keys(scope).length === 0 ? 'everything' : JSON.stringify(scope)
  return `${auditorId}  ${state.padEnd(8)} until ${until}  ${name}  (${limits})`
}

function words(text: string): string[] {
  return text.split(',').map((word) => word.trim())
}

/** A day is its beginning in UTC. */
export function moment(text: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text
}
