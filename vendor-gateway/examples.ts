import type { OperationId } from './operations.ts'
import { webhookExamples } from './webhooks/examples.ts'

/** What an operation is asked with and answers, as an engineer would see it. Held to the schemas by a test. */
export interface OperationExample {
  readonly body?: unknown
  readonly reply?: unknown
  /** By media type, for the further forms of a reply. */
  readonly alternatives?: Readonly<Record<string, unknown>>
}

const subject = 'VVdsY0hZx3k2m9Q1w8n5b7v4c6X0zLpKjHgFdSaQwEr'
const grantId = 'lQTU0cVb1n9aYx2Wk3mJ5w'
const requestId = 'Yq4Zb0aV2mJxw1v0cQnT3g'
const asOf = '4711.1795600000000'
const checkpoint =
  'vault.example/log\n4712\nq9XcWq0Z7yqH2rVbJm3k1AfTg5pLs8uEoDiNvBxCzKs=\n\n— vault.example/log x+Yz0A…\n'

const data = { 'profile.name': 'Zoë Ångström', 'contact.country': 'SE' }
const log = {
  origin: 'vault.example/log',
  index: 4711,
  checkpoint,
  salts: { subject: 'kXJ0m3bQvT7yWc2nZr8sLa', data: 'Hd5fPq9xUe1oGi6wYt4jNc' },
}
const disclosure = { subject, grant_id: grantId, data, log }
const refusedRow = { subject: 'q0nT3gYq4Zb0aV2mJxw1v0cQ', error: 'later' }
const items = [{ id: 'item-1', purpose: 'dpv:DeliveryOfGoods', fields: ['profile.name', 'contact.country'] }]
const grant = {
  grant_id: grantId,
  request_id: requestId,
  subject,
  state: 'active',
  items,
  valid_from: '2026-11-22T09:00:00.000Z',
  until: '2027-02-20T09:00:00.000Z',
  reads: 3,
}

export const examples: Readonly<Record<OperationId, OperationExample>> = {
  ...webhookExamples,
  readSubject: {
    reply: disclosure,
    alternatives: {
      'application/ld+json': { '@context': 'https://gateway.example/v1/context.jsonld', ...disclosure },
    },
  },
  querySubjects: {
    body: {
      purpose: 'dpv:DeliveryOfGoods',
      fields: ['profile.name', 'contact.country'],
      subjects: [subject, refusedRow.subject],
    },
    reply: { rows: [disclosure, refusedRow] },
    alternatives: {
      // One of the lines: an example is one value.
      'application/x-ndjson': { summary: { subjects: 2, released: 1, unavailable: 0, later: 1 } },
    },
  },
  listGrants: { reply: { grants: [grant], as_of: asOf } },
  readGrant: {
    reply: {
      ...grant,
      state: 'withdrawn',
      ended_at: '2026-12-01T10:00:00.000Z',
      ended_by: 'customer',
      replaced_by: 'n9aYx2Wk3mJ5wlQTU0cVb1',
    },
  },
  endGrant: {},
  listRequests: {
    reply: {
      requests: [
        {
          request_id: requestId,
          status: 'allowed',
          received_at: '2026-11-22T08:58:00.000Z',
          expires_at: '2026-11-22T09:58:00.000Z',
          decided_at: '2026-11-22T09:00:00.000Z',
          grant_id: grantId,
        },
      ],
      as_of: asOf,
    },
  },
  checkRequest: {
    body: {
      authorization_details: [
        {
          type: 'urn:reach:access-request:1',
          items: [
            {
              purpose: 'dpv:AgeVerification',
              fields: ['profile.birthDate'],
              why: 'To sell you wine only if you are of age.',
              required: true,
            },
          ],
          retention: 'P30D',
          recipients: [],
          until: '2027-02-01T00:00:00Z',
        },
      ],
    },
    reply: {
      acceptable: true,
      errors: [],
      advice: [
        {
          code: 'answer-would-do',
          kind: 'over-asking',
          pointer: '/authorization_details/0/items/0/fields/0',
          detail: 'an answer may do in place of the data',
          instead: ['profile.ageOver18'],
        },
      ],
      preview: {
        language: 'en',
        items: [
          {
            id: 'item-1',
            required: true,
            asks: 'Wine Shop asks to read your birth date to check your age, until 1 Feb 2027.',
            learns: [],
            why: 'To sell you wine only if you are of age.',
          },
        ],
        retention: 'Wine Shop says it keeps what it read for 30 days.',
        recipients: 'Wine Shop says it gives it to nobody else.',
        ending: 'You can stop this at any time. Wine Shop can then no longer read.',
      },
    },
  },
  readProof: {
    reply: `c2sp.org/tlog-proof@v1\nextra eyJlbnRyeSI6IkFR…\nindex 4711\nq9XcWq0Z7yqH2rVbJm3k1AfTg5pLs8uEoDiNvBxCzKs=\n\n${checkpoint}`,
  },
  readCatalogue: {
    reply: {
      categories: [
        {
          id: 'profile',
          title: 'Profile',
          description: 'Who you are.',
          fields: [
            {
              id: 'profile.name',
              title: 'Name',
              description: 'Your full name.',
              sensitivity: 'ordinary',
              dpv: 'pd:Name',
              schema: { type: 'string' },
            },
          ],
        },
      ],
      purposes: [{ id: 'dpv:DeliveryOfGoods', title: 'Deliver goods' }],
    },
  },
  readContext: {
    reply: {
      version: 1,
      '@context': {
        '@version': 1.1,
        data: '@nest',
        'profile.name': { '@id': 'http://www.w3.org/2006/vcard/ns#fn' },
      },
    },
  },
  readMetadata: {
    reply: {
      resource: 'https://gateway.example',
      authorization_servers: ['https://vault.example/oauth'],
      dpop_bound_access_tokens_required: true,
    },
  },
  readOpenApi: { reply: { openapi: '3.1.0', info: { title: 'Reach vendor gateway', version: '1' } } },
}
