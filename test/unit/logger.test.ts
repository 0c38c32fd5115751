import { describe, expect, test } from 'vitest'
import { DomainError } from '#core/domain/errors.ts'
import { createLogger, describeError } from '#core/logger.ts'
import type { LogFields } from '#core/logger.ts'
import { createMetrics } from '#core/metrics.ts'

function capture(options: Partial<Parameters<typeof createLogger>[0]> = {}) {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  return { lines, log: createLogger({ level: 'info', stream, ...options }) }
}

const canaries = [
  'https://alice.pods.example/profile/card#me',
  'alice@example.org',
  'Alice Liddell',
  'a/b',
  'Ä',
  '',
]

describe('a log line', () => {
  test('has the fields it was given, in JSON, with time and level', () => {
    const { log, lines } = capture()
    log.info('request', { method: 'GET', route: '/v1/subjects/:subject', status: 200, ms: 3 })
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T.*Z$/),
      event: 'request',
      method: 'GET',
      route: '/v1/subjects/:subject',
      status: 200,
      ms: 3,
    })
  })

  test.each(['/', '/v1/grants/:grant', '/tile/*place', '/{*page}'])(
    'has the route %s as it is written',
    (route) => {
      const { log, lines } = capture()
      log.info('request', { route })
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ route })
    },
  )

  test.each(canaries)('takes %o in no field and as no event', (canary) => {
    const { log, lines } = capture()
    const names = ['requestId', 'vendor', 'server', 'method', 'code', 'reason', 'kind', 'job', 'ms', 'route']
    for (const name of names) log.info('request', { [name]: canary } as LogFields)
    log.info('request', { [canary]: canary, unlisted: canary } as LogFields)
    log.info(canary as 'request')
    expect(lines).toHaveLength(names.length + 2)
    for (const line of lines.slice(0, names.length))
      expect(Object.values(JSON.parse(line))).toContain('refused')
    expect(lines.join('')).not.toMatch(/alice|unlisted|Ä|a\/b/i)
  })

  test('below the level is not written', () => {
    const { log, lines } = capture({ level: 'warn' })
    log.info('request')
    log.error('request-failed')
    expect(lines).toHaveLength(1)
  })
})

describe('an error', () => {
  test('is told as its chain of names, codes and places, without any message', () => {
    const canary = 'alice\n    at alice (file:///alice.ts:1:1)'
    const root = Object.assign(new TypeError(canary), { code: 'UND_ERR_SOCKET' })
    const chain = describeError(new DomainError('pod-unreachable', canary, { cause: root }))
    expect(chain).toMatchObject([
      { name: 'DomainError', code: 'pod-unreachable' },
      { name: 'TypeError', code: 'UND_ERR_SOCKET' },
    ])
    expect(chain[0]?.at.join()).toContain('logger.test.ts')
    expect(JSON.stringify(chain)).not.toContain('alice')
  })

  test('that is none, or that refers to itself, is told as well', () => {
    expect(describeError('alice')).toEqual([{ name: 'string', at: [] }])
    const circular = new Error('a')
    circular.cause = circular
    expect(describeError(circular)).toHaveLength(5)
    expect(describeError(Object.assign(new Error(), { code: 'a b@c' }))[0]).not.toHaveProperty('code')
  })
})

describe('metrics', () => {
  test('count every event, written or not, and time requests by route', async () => {
    const metrics = createMetrics()
    const { log } = capture({ level: 'silent', observe: metrics.observe })
    const fields = { server: 'gateway', method: 'GET', route: '/v1/grants', ms: 10 }
    log.info('request', { ...fields, status: 200 })
    log.info('request', { ...fields, status: 204 })
    log.warn('job-failed')
    const text = await metrics.text()
    expect(text).toContain('reach_events_total{event="request"} 2')
    expect(text).toContain('reach_events_total{event="job-failed"} 1')
    expect(text).toContain('reach_events_total{event="ledger-stopped"} 0')
    const counts = text.split('\n').filter((line) => line.startsWith('reach_request_seconds_count'))
    const labels = 'server="gateway",route="/v1/grants",method="GET",status="2xx"'
    expect(counts).toEqual([`reach_request_seconds_count{${labels}} 2`])
  })

  test('have no label that a client chooses', async () => {
    const metrics = createMetrics()
    const { log } = capture({ level: 'silent', observe: metrics.observe })
    for (const method of ['ALICE', 'BREW'])
      log.info('request', { server: 'vault', method, route: '/alice@example', status: 404, ms: 1 })
    const series = (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('reach_request_seconds_count'))
    expect(series).toEqual([expect.stringMatching(/method="other".*\} 2$/)])
    expect(series.join()).not.toMatch(/alice|brew/i)
  })
})
