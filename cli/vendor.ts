/** `reach vendor`: which businesses may ask. */
import type { Command } from 'commander'
import { parser } from '#core/http/validate.ts'
import type { VendorRow } from '../vault-server/operator/vendors.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

interface JsonOption {
  readonly json?: boolean
}

export function vendorCommands(
  program: Command,
  { output, settings }: { output: Output; settings: () => OperatorSettings },
): void {
  const vendor = program.command('vendor').description('admit businesses, suspend and reinstate them')
  const parseAdmission = parser('api/vendor-admission.json')

  vendor
    .command('add')
    .description('admit a business; it registers itself with what is printed')
    .requiredOption('--name <name>', 'its legal name, as customers will see it')
    .option('--website <url>', 'its web site')
    .option('--contact <text>', 'e-mail address or web page for questions about data')
    .option('--privacy-policy <url>', 'its privacy policy')
    .option('--jurisdiction <code>', 'country whose law it is under, two letters')
    .option('--json', 'print JSON')
    .action(async ({ json, ...business }: JsonOption & Record<string, string>) => {
      const admission = parseAdmission(business)
      const added = await asOperator(settings(), (vendors) => vendors.add(admission))
      if (json === true) return output.json(added)
      output.line(
        `Admitted as ${added.vendorId}. Hand this to its engineers; it is good once, within 7 days:\n`,
      )
      output.line(`  registration endpoint  ${added.registrationEndpoint}`)
      output.line(`  admission code         ${added.admissionCode}`)
      output.line(`  software statement     ${added.softwareStatement}`)
    })

  vendor
    .command('list')
    .description('all businesses and how they stand')
    .option('--json', 'print JSON')
    .action(async ({ json }: JsonOption) => {
      const rows = await asOperator(settings(), async (vendors) => {
        const all: VendorRow[] = []
        for (let page = await vendors.list(); page.length > 0;) {
          all.push(...page)
          page = await vendors.list({ after: page.at(-1)?.vendorId ?? '' })
        }
        return all
      })
      if (json === true) return output.json(rows)
      if (rows.length === 0) output.line('No business yet. Admit one: reach vendor add --name "Corner Shop"')
      for (const row of rows) output.line(`${row.vendorId}  ${row.state.padEnd(9)}  ${row.name}`)
    })

  const acts = [
    ['show', 'one business'],
    ['suspend', 'stop every release to a business at once'],
    ['reinstate', 'let a suspended business read again, as far as its customers still allow'],
    ['readmit', 'hand out a new admission code to a business that has not registered'],
  ] as const
  for (const [act, description] of acts)
    vendor
      .command(act)
      .description(description)
      .argument('<vendorId>')
      .option('--json', 'print JSON')
      .action(async (vendorId: string, { json }: JsonOption) => {
        const result = await asOperator(settings(), (vendors): Promise<object> => vendors[act](vendorId))
        if (json === true) return output.json(result)
        for (const [name, value] of Object.entries(result)) output.line(`${name.padEnd(22)} ${String(value)}`)
      })
}
