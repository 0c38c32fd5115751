/** `reach vendor`: which businesses may ask. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { maxLogoBytes } from '#core/domain/logo.ts'
import { parser } from '#core/http/validate.ts'
import type { VendorOperator, VendorRow } from '../vault-server/operator/vendors.ts'
import { ask } from './ask.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { asOperator, type OperatorSettings } from './operator.ts'
import type { Output } from './output.ts'

interface JsonOption {
  readonly json?: boolean
}

type ChangeOptions = JsonOption & Readonly<Record<string, string>>
type AddOptions = ChangeOptions & { readonly sandbox?: boolean }

interface Parts {
  readonly output: Output
  readonly settings: () => OperatorSettings
}

export function vendorCommands(program: Command, parts: Parts): void {
  const vendor = program
    .command('vendor')
    .description(
      'admit businesses, correct what is told of them, prove their domains, suspend, reinstate and remove them',
    )
  addCommand(vendor, parts)
  listCommand(vendor, parts)
  showingCommands(vendor, parts)
  codeCommands(vendor, parts)
}

/** Who it is, beside its name. */
function withIdentity(command: Command): Command {
  return command
    .option('--legal-name <name>', 'its name in the register of companies, where that is another')
    .option('--website <url>', 'its web site; the host of it can be proven')
    .option('--contact <text>', 'e-mail address or web page for questions about data')
    .option('--data-protection-contact <text>', 'e-mail address or web page of its data protection officer')
    .option('--privacy-policy <url>', 'its privacy policy')
    .option('--jurisdiction <code>', 'country whose law it is under, two letters')
    .option('--logo <file>', 'its logo: PNG, JPEG or WebP, at most 64 KiB, 16 to 1024 pixels a side')
}

function addCommand(vendor: Command, { output, settings }: Parts): void {
  withIdentity(vendor.command('add'))
    .description('admit a business; it registers itself with what is printed')
    .requiredOption('--name <name>', 'its name, as customers will see it')
    .option('--sandbox', 'admit it to the sandbox only, with a key to play sample customers')
    .option('--json', 'print JSON')
    .action(async ({ json, logo, sandbox, ...business }: AddOptions) => {
      const admission = parser('api/vendor-admission.json')({ ...business, ...(await pictureIn(logo)) })
      const act = sandbox === true ? 'addToSandbox' : 'add'
      const added = await asOperator(settings(), (operator): Promise<Code> => operator[act](admission))
      printCode(output, added, { json, head: `Admitted as ${added.vendorId}. Hand this to its engineers` })
    })
}

/** Base64 of a file that can be a logo by its size; what is in it, the operator's side looks at. */
async function pictureIn(file: string | undefined): Promise<{ logo?: string }> {
  if (file === undefined) return {}
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CommandFailed(EXIT.usage, `${file} cannot be read`, { cause })
  })
  if (bytes.byteLength > maxLogoBytes) throw new CommandFailed(EXIT.usage, `${file} is larger than 64 KiB`)
  return { logo: bytes.toString('base64') }
}

function listCommand(vendor: Command, { output, settings }: Parts): void {
  vendor
    .command('list')
    .description('all businesses and how they stand')
    .option('--json', 'print JSON')
    .action(async ({ json }: JsonOption) => {
      const rows = await asOperator(settings(), listAll)
      if (json === true) return output.json(rows)
      if (rows.length === 0) output.line('No business yet. Admit one: reach vendor add --name "Corner Shop"')
      for (const { vendorId, state, name, domain } of rows)
        output.line(`${vendorId}  ${state.padEnd(9)}  ${name}${domain === undefined ? '' : `  (${domain})`}`)
    })
}

async function listAll(vendors: VendorOperator): Promise<VendorRow[]> {
  const all: VendorRow[] = []
  for (let page = await vendors.list(); page.length > 0;) {
    all.push(...page)
    page = await vendors.list({ after: page.at(-1)?.vendorId ?? '' })
  }
  return all
}

/** What shows a business as it stands then. */
function showingCommands(vendor: Command, { output, settings }: Parts): void {
  const acts = [
    ['show', 'one business'],
    ['suspend', 'stop every release to a business at once'],
    ['reinstate', 'let a suspended business read again, as far as its customers still allow'],
  ] as const
  const show = (row: VendorRow, json: boolean | undefined): void => {
    if (json === true) return output.json(row)
    for (const [name, value] of Object.entries(row)) output.line(`${name.padEnd(22)} ${plain(name, value)}`)
  }
  for (const [act, description] of acts)
    vendor
      .command(act)
      .description(description)
      .argument('<vendorId>')
      .option('--json', 'print JSON')
      .action(async (vendorId: string, { json }: JsonOption) =>
        show(await asOperator(settings(), (vendors) => vendors[act](vendorId)), json),
      )
  vendor
    .command('remove')
    .description('part with a business for good: nothing is released any more, and all its permissions end')
    .argument('<vendorId>')
    .option('--yes', 'do not ask for its name first')
    .option('--json', 'print JSON')
    .action(async (vendorId: string, { json, yes }: JsonOption & { yes?: boolean }) => {
      if (yes !== true) await confirm(await asOperator(settings(), (vendors) => vendors.show(vendorId)))
      show(await asOperator(settings(), (vendors) => vendors.remove(vendorId)), json)
    })
  withIdentity(vendor.command('change'))
    .description('correct what customers are told of a business; another web site has to be proven anew')
    .argument('<vendorId>')
    .option('--json', 'print JSON')
    .action(async (vendorId: string, { json, logo, ...identity }: ChangeOptions) => {
      const corrected = parser('api/vendor-change.json')({ ...identity, ...(await pictureIn(logo)) })
      show(await asOperator(settings(), (vendors) => vendors.change(vendorId, corrected)), json)
    })
  vendor
    .command('prove')
    .description("look whether the website's host serves /.well-known/reach-vendor.json for this business")
    .argument('<vendorId>')
    .option('--domain <host>', 'the domain to prove: the host of its website, which is taken when left out')
    .option('--json', 'print JSON')
    .action(async (vendorId: string, { json, domain }: JsonOption & { domain?: string }) =>
      show(await asOperator(settings(), (vendors) => vendors.prove(vendorId, domain)), json),
    )
}

/** Nobody brings a business back: its id alone is soon pasted into the wrong line. */
async function confirm({ name }: VendorRow): Promise<void> {
  const said = await ask(`This parts with ${name} for good. Its name, to go on: `)
  if (said?.trim() !== name)
    throw new CommandFailed(EXIT.usage, 'Nothing was done: say the name of the business, or --yes.')
}

/** What hands out a new admission code. */
function codeCommands(vendor: Command, { output, settings }: Parts): void {
  const acts = [
    ['readmit', 'readmit', 'hand out a new admission code to a business that has not registered'],
    [
      'rotate-keys',
      'rotateKeys',
      'end the keys and tokens of a business at once, and hand out a code to register new keys with',
    ],
  ] as const
  for (const [word, act, description] of acts)
    vendor
      .command(word)
      .description(description)
      .argument('<vendorId>')
      .option('--json', 'print JSON')
      .action(async (vendorId: string, { json }: JsonOption) => {
        const code = await asOperator(settings(), (vendors) => vendors[act](vendorId))
        printCode(output, code, { json, head: 'Hand this to its engineers' })
      })
}

type Code = Awaited<ReturnType<VendorOperator['add']>> & { readonly sandboxKey?: string }

function printCode(output: Output, code: Code, how: { json: boolean | undefined; head: string }): void {
  if (how.json === true) return output.json(code)
  output.line(`${how.head}; it is good once, within 7 days:\n`)
  output.line(`  registration endpoint  ${code.registrationEndpoint}`)
  output.line(`  admission code         ${code.admissionCode}`)
  output.line(`  software statement     ${code.softwareStatement}`)
  if (code.sandboxKey !== undefined) output.line(`  sandbox key            ${code.sandboxKey}`)
}

function plain(name: string, value: unknown): string {
  if (typeof value === 'number' && /(At|Since)$/.test(name)) return new Date(value).toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
