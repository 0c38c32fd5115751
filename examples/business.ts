/**
 * `npm run example`: plays a business against the Reach that runs on this machine, step by step, in a
 * terminal. The operator's step (admission) and the customer's step (the decision in the browser) stay with
 * the people whose steps they are.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import readline from 'node:readline/promises'
import { parseArgs, promisify, styleText } from 'node:util'
import { openShop, registerShop } from './shop.ts'

const { values: options } = parseArgs({
  options: {
    vault: { type: 'string', default: 'http://localhost:3100' },
    gateway: { type: 'string', default: 'http://localhost:3200' },
    port: { type: 'string', default: '3400' },
    'admission-code': { type: 'string' },
    'software-statement': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`npm run example -- [--vault URL] [--gateway URL] [--port N]
                  [--admission-code CODE --software-statement JWT]   from the operator; else asked for on this machine`)
  process.exit(0)
}

const STEPS = 6
let step = 0
const say = (text: string): void => console.log(`${styleText('bold', `[${++step}/${STEPS}]`)} ${text}`)

async function askOperator(): Promise<{ admissionCode: string; softwareStatement: string }> {
  const { 'admission-code': admissionCode, 'software-statement': softwareStatement } = options
  if (admissionCode !== undefined && softwareStatement !== undefined)
    return { admissionCode, softwareStatement }
  const cli = path.join(import.meta.dirname, '..', 'cli', 'main.ts')
  const words = ['vendor', 'add', '--name', 'Corner Shop', '--contact', 'privacy@shop.example', '--json']
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    cli,
    ...words,
  ])
  return JSON.parse(stdout) as { admissionCode: string; softwareStatement: string }
}

/** Waits for the browser to come back; answers it with one plain line. */
async function waitForBrowser(redirectUri: string): Promise<URL> {
  const server = createServer()
  server.listen(Number(options.port), 'localhost')
  await once(server, 'listening')
  try {
    for (;;) {
      const [request, response] = await once(server, 'request')
      const url = new URL(request.url, redirectUri)
      const isCallback = url.pathname === new URL(redirectUri).pathname
      response.writeHead(isCallback ? 200 : 404, {
        'content-type': 'text/plain; charset=utf-8',
        connection: 'close',
      })
      response.end(
        isCallback
          ? 'Thank you. You can close this page; the shop goes on in its terminal.'
          : 'Nothing here.',
      )
      if (isCallback) return url
    }
  } finally {
    server.close()
  }
}

const redirectUri = `http://localhost:${options.port}/callback`
const admission = await askOperator()
say('The operator has admitted the shop.')

const registration = await registerShop({ issuer: `${options.vault}/oauth`, redirectUri, ...admission })
say(`The shop has registered its own keys as client ${registration.clientId}.`)

const shop = await openShop(registration)
const { url, pending } = await shop.ask({
  items: [
    {
      purpose: 'dpv:DeliveryOfGoods',
      fields: ['profile.name', 'contact.address'],
      why: 'To deliver what you order.',
      required: true,
    },
    {
      purpose: 'dpv:AgeVerification',
      fields: ['profile.ageOver18'],
      why: 'To sell you wine only if you are of age.',
      required: false,
    },
    {
      purpose: 'dpv:ServicePersonalisation',
      fields: ['diet.allergies', 'sizes.shoe'],
      why: 'To show you what suits you.',
      required: false,
    },
  ],
  retention: 'P90D',
  recipients: [{ name: 'Parcel Service', role: 'delivers the parcel' }],
  until: new Date(Date.now() + 120 * 86_400_000),
})
say(
  `The shop asks. Open this address as the customer and decide (it is good for a minute):\n\n      ${url.href}\n`,
)

const customer = await shop.redeem(await waitForBrowser(redirectUri), pending)
say(`The customer allowed something. The shop knows her as ${customer.subject} and nothing else:`)
console.log(JSON.stringify(customer.granted, null, 2))

const read = async (): Promise<void> => {
  for (const { fields, purpose } of grantedItems(customer.granted)) {
    const response = await shop.read(options.gateway, customer, fields, purpose)
    console.log(`\n      ${purpose} -> ${response.status}`)
    console.log(JSON.stringify(await response.json(), null, 2))
  }
}

function grantedItems(details: unknown): { purpose: string; fields: string[] }[] {
  return (details as { items: { purpose: string; fields: string[] }[] }[]).flatMap(({ items }) => items)
}

say('The shop reads what was granted; each answer names its entry in the log.')
await read()

say(
  'Now withdraw in the consent app (Relationships), then press Enter here: the token is still good, the customer is gone.',
)
const terminal = readline.createInterface({ input: process.stdin, output: process.stdout })
await terminal.question('')
terminal.close()
await read()
