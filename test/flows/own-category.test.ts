/** A category that an operator adds with one file: edited, kept as RDF, asked for, allowed and read like any other. */
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addCatalogueFolder } from '#core/catalogue-folder.ts'
import type { Categories, DecisionResult, Disclosure } from '../../schemas/types.gen.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { accessRequest, ask, redeem, registerBusiness } from '../business.ts'
import { decide, openPage } from '../consent.ts'
import { freePorts } from '../free-ports.ts'
import { programEnvironment } from '../program-environment.ts'
import { VaultBrowser } from '../vault.ts'

const root = join(import.meta.dirname, '../..')
const terms = 'https://garden.example/terms#'
const words = (en: string, de?: string) => ({ en, ...(de === undefined ? {} : { de }) })
const part = (title: string, predicate: string) => ({
  title: words(title),
  rdf: { predicate: terms + predicate, as: 'literal' },
})

/** The whole of what the operator writes. */
const garden = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'fields/garden.json',
  title: 'Garden',
  type: 'object',
  additionalProperties: false,
  reach: {
    category: 'garden',
    group: 'more',
    order: 100,
    file: 'garden.ttl',
    title: words('Garden', 'Garten'),
    description: words('What grows where you live.', 'Was bei Ihnen wächst.'),
    derived: {
      mature: {
        title: words('Garden over 5 years'),
        description: words('Yes or no. The day it was laid out stays with you.'),
        rule: words('It was laid out at least five years ago, by the date in UTC.'),
        type: 'boolean',
        from: ['garden.laidOut'],
        dpv: 'pd:Ownership',
        sensitivity: 'ordinary',
        compute: { rule: 'age-over', years: 5 },
      },
    },
  },
  properties: {
    plants: {
      type: 'array',
      maxItems: 20,
      uniqueItems: true,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 80, reach: part('Name', 'plantName') },
          place: {
            type: 'string',
            enum: ['sun', 'shade'],
            reach: {
              ...part('Place', 'place'),
              choices: { sun: words('In the sun', 'In der Sonne'), shade: words('In the shade') },
            },
          },
          count: { type: 'integer', minimum: 1, maximum: 999, reach: part('Count', 'count') },
        },
      },
      reach: {
        title: words('Plants', 'Pflanzen'),
        description: words('What you grow.'),
        dpv: 'pd:PersonalPossession',
        sensitivity: 'ordinary',
        rdf: { predicate: `${terms}grows`, as: 'node', type: `${terms}Planting` },
      },
    },
    laidOut: {
      type: 'string',
      format: 'date',
      reach: {
        title: words('Laid out on'),
        description: words('The day the garden was begun.'),
        dpv: 'pd:Ownership',
        sensitivity: 'ordinary',
        rdf: { predicate: `${terms}laidOut`, as: 'literal', datatype: 'xsd:date' },
      },
    },
  },
}

let folder: string
let settings: Record<string, string>
let reach: ChildProcess | undefined

beforeAll(async () => {
  await buildConsentApp()
  folder = await mkdtemp(join(tmpdir(), 'reach-own-category-'))
  const [pods, vault, gateway, admin] = await freePorts(4)
  settings = {
    ...programEnvironment,
    REACH_DATA: join(folder, 'data'),
    REACH_KEYS: join(folder, 'keys'),
    REACH_STATE: join(folder, 'state'),
    REACH_CATALOGUE: join(folder, 'catalogue'),
    REACH_TOUR: 'off',
    REACH_PODS_URL: `http://localhost:${pods}`,
    REACH_VAULT_URL: `http://localhost:${vault}`,
    REACH_GATEWAY_URL: `http://localhost:${gateway}`,
    REACH_ADMIN_PORT: String(admin),
  }
  await mkdir(join(folder, 'catalogue'))
  await writeFile(join(folder, 'catalogue', 'garden.json'), JSON.stringify(garden))
})
afterAll(async () => {
  reach?.kill('SIGTERM')
  if (reach?.exitCode === null) await once(reach, 'close')
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function start(): Promise<void> {
  reach = spawn(process.execPath, [join(root, 'main.ts')], {
    env: settings,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  for await (const chunk of reach.stdout ?? []) {
    out += String(chunk)
    if (out.includes('The pods are ready')) return
  }
  throw new Error('it ended')
}

test('one file makes a category that is edited, kept, asked for, allowed and read', async () => {
  await start()
  const { REACH_VAULT_URL: vaultUrl = '', REACH_GATEWAY_URL: gatewayUrl = '' } = settings
  const browser = new VaultBrowser(vaultUrl)
  const person = { podName: 'vita', email: 'vita@example.org', password: 'white garden 1930' }
  expect((await browser.post('/api/vaults', person)).status).toBe(201)
  expect(await browser.post('/api/pod/connect')).toMatchObject({ status: 200, body: { ok: true } })

  const categories = async (language: string) =>
    (
      (await browser.get('/api/categories', { 'accept-language': language })).body as Categories
    ).categories.at(-1)
  expect(await categories('de')).toMatchObject({
    category: 'garden',
    group: 'more',
    title: 'Garten',
    schema: {
      properties: {
        plants: {
          title: 'Pflanzen',
          items: { properties: { place: { 'x-labels': { sun: 'In der Sonne', shade: 'In the shade' } } } },
        },
      },
    },
  })
  const values = {
    plants: [{ name: 'Iris', place: 'sun', count: 12 }, { name: 'Moss' }],
    laidOut: '1930-04-01',
  }
  const refused = await browser.put('/api/categories/garden', {
    etag: null,
    values: { plants: [{ count: 0 }] },
  })
  expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-input' } })
  const saved = await browser.put('/api/categories/garden', { etag: null, values })
  expect(saved).toMatchObject({ status: 200, body: { values } })
  expect((await categories('en'))?.derived).toMatchObject([{ field: 'garden.mature', value: true }])

  const pod = join(String(settings['REACH_DATA']), 'pods')
  const file = (await readdir(pod, { recursive: true })).find((path) => path.endsWith('vrm/garden.ttl'))
  const turtle = await readFile(join(pod, String(file)), 'utf8')
  expect(turtle).toContain(`<${terms}laidOut> "1930-04-01"`)
  expect(turtle).toContain(`a <${terms}Planting>`)

  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'cli/main.ts'), 'vendor', 'add', '--name', 'Seed Shop', '--json'],
    { env: settings, cwd: folder },
  )
  const shop = await registerBusiness(`${vaultUrl}/oauth`, JSON.parse(stdout))
  const purpose = 'dpv:ServicePersonalisation'
  const fields = ['garden.plants', 'garden.mature']
  const pending = await ask(
    shop,
    accessRequest({ items: [{ purpose, fields, why: 'To send you seeds that suit.', required: true }] }),
  )
  const page = await openPage({ url: vaultUrl }, browser, pending)
  expect(page.view.items[0]?.fields).toMatchObject([
    { field: 'garden.plants', title: 'Plants', value: values.plants },
    { field: 'garden.mature', value: true, rule: expect.stringContaining('five years') },
  ])
  const { returnTo } = (await decide(browser, page)).body as DecisionResult
  const { origin } = new URL(vaultUrl)
  const { url } = await browser.jar.follow(String(returnTo), (next) => next.origin !== origin)
  const tokens = await redeem(shop, url, pending)
  const reply = await oauth.fetchProtectedResource(
    shop.config,
    tokens.accessToken,
    new URL(`${gatewayUrl}/v1/subjects/${tokens.subject}?fields=${fields.join()}&purpose=${purpose}`),
    'GET',
    null,
    new Headers(),
    { DPoP: shop.DPoP },
  )
  expect(((await reply.json()) as Disclosure).data).toEqual({
    'garden.plants': values.plants,
    'garden.mature': true,
  })
  const catalogue = await (await fetch(`${gatewayUrl}/v1/catalogue`)).json()
  expect(JSON.stringify(catalogue)).toContain('garden.plants')
})

describe('a file that would not do is refused by name, before anything is opened', () => {
  const refusal = async (name: string, change: (file: typeof garden) => unknown) => {
    const own = await mkdtemp(join(folder, 'bad-'))
    const file = structuredClone(garden)
    const made = change({
      ...file,
      $id: `fields/${name}.json`,
      reach: { ...file.reach, category: name, file: `${name}.ttl` },
    })
    await writeFile(join(own, `${name}.json`), typeof made === 'string' ? made : JSON.stringify(made))
    try {
      addCatalogueFolder(own)
    } catch (error) {
      return (error as Error).message
    }
    return 'taken'
  }

  test.each([
    ['bad-json', () => '{', /cannot take bad-json\.json/],
    [
      'bad-other',
      (file: typeof garden) => ({ ...file, reach: { ...file.reach, file: 'x.ttl' } }),
      /must be bad-other/,
    ],
    [
      'bad-words',
      (file: typeof garden) => ({ ...file, reach: { ...file.reach, title: { de: 'Nur' } } }),
      /\/reach\/title\/en is missing/,
    ],
    [
      'bad-group',
      (file: typeof garden) => ({ ...file, reach: { ...file.reach, group: 'ours' } }),
      /\/reach\/group must be one of/,
    ],
    [
      'bad-term',
      (file: typeof garden) => JSON.stringify(file).replaceAll(`${terms}laidOut`, 'vrm:laidOut'),
      /vrm: is the vocabulary of Reach itself/,
    ],
    [
      'bad-twice',
      (file: typeof garden) => JSON.stringify(file).replaceAll(`${terms}count`, `${terms}place`),
      /count stands under the same property/,
    ],
    [
      'bad-class',
      (file: typeof garden) => JSON.stringify(file).replaceAll(`,"type":"${terms}Planting"`, ''),
      /must name the class/,
    ],
    ['bad-source', (file: typeof garden) => file, /garden\.laidOut is no field of bad-source/],
    ['profile', (file: typeof garden) => file, /already|exists/],
  ])('%s', async (name, change, message) => {
    expect(await refusal(name, change as (file: typeof garden) => unknown)).toMatch(message)
  })
})
