/**
 * `npm run example`: plays a business against the Reach that runs on this machine, step by step, with the client library
 * (vendor-gateway/sdk). The operator's step and the customer's steps stay with the people whose steps they are; with
 * `--sandbox` they are played as well, and nobody has to do anything.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs, promisify, styleText } from 'node:util'
import { Reach } from '../vendor-gateway/sdk/client.ts'
import { ReachError } from '../vendor-gateway/sdk/errors.ts'
import { generateKey } from '../vendor-gateway/sdk/keys.ts'
import { register } from '../vendor-gateway/sdk/registration.ts'

const { values: options } = parseArgs({
  options: {
    vault: { type: 'string', default: 'http://localhost:3100' },
    gateway: { type: 'string', default: 'http://localhost:3200' },
    port: { type: 'string', default: '3400' },
    sandbox: { type: 'boolean', default: false },
    'admission-code': { type: 'string' },
    'software-statement': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`npm run example -- [--sandbox] [--vault URL] [--gateway URL] [--port N]
                  [--admission-code CODE --software-statement JWT]   from the operator; else asked for on this machine`)
  process.exit(0)
}

for (const [name, metadata] of [
  ['vault', '/oauth/.well-known/openid-configuration'],
  ['gateway', '/.well-known/oauth-protected-resource'],
] as const) {
  const answer = await fetch(options[name] + metadata).catch(() => undefined)
  if (answer?.ok === true) continue
  console.error(`No Reach answers at ${options[name]}: \`npm start\` runs one, --${name} names another.`)
  process.exit(1)
}

interface Admission {
  readonly admissionCode: string
  readonly softwareStatement: string
}

/** Whoever the business meets: people, or the sandbox in their place. */
interface Others {
  readonly vault: string
  readonly gateway: string
  admit(): Promise<Admission>
  /** The customer's browser goes to `url`; gives where it comes back to. */
  decide(url: URL): Promise<URL>
  withdraw(grantId: string): Promise<void>
}

const redirectUri = `http://localhost:${options.port}/callback`
const others = options.sandbox ? played() : people()
const { vault, gateway } = others

function people(): Others {
  return {
    vault: options.vault,
    gateway: options.gateway,
    async admit() {
      const { 'admission-code': admissionCode, 'software-statement': softwareStatement } = options
      if (admissionCode !== undefined && softwareStatement !== undefined)
        return { admissionCode, softwareStatement }
      const cli = path.join(import.meta.dirname, '..', 'cli', 'main.ts')
      const words = ['vendor', 'add', '--name', 'Corner Shop', '--contact', 'privacy@shop.example', '--json']
      const node = ['--disable-warning=ExperimentalWarning', cli, ...words]
      return JSON.parse((await promisify(execFile)(process.execPath, node)).stdout) as Admission
    },
    async decide(url) {
      tell(`Open this address as the customer and decide (it is good for a minute):\n\n      ${url.href}\n`)
      return await browserComesBack()
    },
    async withdraw() {
      tell('Now withdraw in the consent app, under Relationships. The shop looks at its grants meanwhile.')
    },
  }
}

/** The sandbox: credentials at once, and a customer who does as she is told. */
function played(): Others {
  const base = `${options.gateway}/sandbox`
  let key = ''
  let customer = ''
  async function call<Reply>(to: string, body: object): Promise<Reply> {
    const headers = {
      'content-type': 'application/json',
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
    }
    const response = await fetch(base + to, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`the sandbox answers ${response.status}: ${await response.text()}`)
    return (await response.json()) as Reply
  }
  return {
    vault: `${options.vault}/sandbox`,
    gateway: base,
    async admit() {
      const made = await call<Admission & { sandboxKey: string }>('/v1/businesses', { name: 'Corner Shop' })
      key = made.sandboxKey
      customer = (await call<{ customerId: string }>('/v1/customers', {})).customerId
      return made
    },
    async decide(url) {
      const decision = { url: url.href, answer: 'allow-all' }
      const to = `/v1/customers/${customer}/decisions`
      return new URL((await call<{ location: string }>(to, decision)).location)
    },
    async withdraw(grantId) {
      await call(`/v1/customers/${customer}/grants/${grantId}`, { act: 'withdraw' })
    },
  }
}

/** Waits at the redirect URI; answers the browser with one plain line. */
async function browserComesBack(): Promise<URL> {
  const server = createServer().listen(Number(options.port), 'localhost')
  await once(server, 'listening')
  try {
    for (;;) {
      const [request, response] = await once(server, 'request')
      const url = new URL(request.url, redirectUri)
      const isCallback = url.pathname === new URL(redirectUri).pathname
      const headers = { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }
      response.writeHead(isCallback ? 200 : 404, headers)
      response.end(isCallback ? 'Thank you. The shop goes on in its terminal.' : 'Nothing here.')
      if (isCallback) return url
    }
  } finally {
    server.close()
  }
}

const STEPS = 8
let done = 0

/** Says what is being done, and in its place what was done, when it is. */
async function step<Result>(
  doing: string,
  work: () => Promise<Result>,
  say: (result: Result) => string,
): Promise<Result> {
  const place = styleText('bold', `[${done + 1}/${STEPS}]`)
  const bar = styleText('cyan', '█'.repeat(done) + '░'.repeat(STEPS - done))
  if (process.stdout.isTTY) process.stdout.write(`${place} ${bar} ${doing} …`)
  const began = Date.now()
  const result = await work().catch((error: unknown) => {
    if (!(error instanceof Error)) throw error
    clearLine()
    console.error(`${place} ${styleText('red', '✗')} ${doing}: ${error.message}`)
    process.exit(1)
  })
  done++
  const took = styleText('dim', `${((Date.now() - began) / 1000).toFixed(1)} s`)
  clearLine()
  console.log(`${place} ${styleText('green', '✓')} ${say(result)} ${took}`)
  return result
}

function tell(text: string): void {
  clearLine()
  console.log(`      ${text}`)
}

function clearLine(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001B[K')
}

const admission = await step(
  'The operator admits the shop',
  () => others.admit(),
  () => 'The operator has admitted the shop.',
)

const keys = { assertionKey: await generateKey('shop-1'), dpopKey: await generateKey() }
const reach = await step(
  'The shop registers its keys',
  async () => {
    const { assertionKey } = keys
    const registrationEndpoint = `${vault}/oauth/reg`
    const to = { ...admission, registrationEndpoint }
    const { clientId } = await register(to, { redirectUris: [redirectUri], assertionKey })
    return Reach.open({ vault, gateway, clientId, redirectUri, ...keys })
  },
  () => 'The shop has registered keys of its own.',
)

const request = {
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
  until: new Date(Date.now() + 120 * 86_400_000).toISOString(),
}
await step(
  'The shop tries its request out',
  () => reach.check(request),
  ({ acceptable, advice }) =>
    `Its request is ${acceptable ? 'fine' : 'refused'}, with ${advice.length} pieces of advice.`,
)

const customer = await step(
  'The customer decides',
  async () => {
    const { url, pending } = await reach.ask(request)
    return reach.redeem(await others.decide(url), pending)
  },
  ({ subject }) => `The customer has decided. The shop knows her as ${subject} and nothing else.`,
)

const { items } = await step(
  'The shop looks at what she granted',
  () => reach.grant(customer.grantId),
  ({ items: granted, until }) => `She granted ${granted.length} of 3 purposes until ${until}.`,
)

await step(
  'The shop reads',
  () => Promise.all(items.map(({ purpose, fields }) => reach.read(customer, { purpose, fields }))),
  (replies) =>
    [
      'Each answer was held to the public log:',
      ...replies.map(({ data, log }) => `      entry ${log.index}: ${JSON.stringify(data)}`),
    ].join('\n'),
)

const [first] = items
if (first === undefined) throw new Error('a grant covers something')
await step(
  'The shop reads all its customers in one stream',
  async () => {
    const strangers = Array.from({ length: 99 }, (_, n) => `nobody-${n}`)
    const { purpose, fields } = first
    let released = 0
    for await (const row of reach.query({ purpose, fields }, [customer.subject, ...strangers]))
      if (!('error' in row)) released++
    return released
  },
  (released) => `Of 100 subjects ${released} answered; of a stranger one learns nothing.`,
)

await step(
  'The customer withdraws',
  async () => {
    await others.withdraw(customer.grantId)
    while ((await reach.grant(customer.grantId)).state !== 'withdrawn') await wait(2_000)
    const { purpose, fields } = first
    return reach.read(customer, { purpose, fields }).then(
      () => 'still there',
      (error: unknown) => {
        if (error instanceof ReachError) return error.code
        throw error
      },
    )
  },
  (code) => `She has withdrawn. The token is still good, the customer is gone: ${code}.`,
)
