import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { events } from '#core/events.ts'
import { importsOf, isKnownPlace, readSources, violations } from './house-rules.ts'

const files = readSources(join(import.meta.dirname, '..'))

test('the house keeps its rules', () => {
  expect(violations(files)).toEqual([])
})

test('every file lies where rules apply', () => {
  expect(files.length).toBeGreaterThan(100)
  expect(files.map(({ path }) => path).filter((path) => !isKnownPlace(path))).toEqual([])
})

test('every event that can be logged is logged somewhere', () => {
  const text = files
    .filter(({ path }) => /^(core|vault-server|vendor-gateway|tour)\//.test(path))
    .filter(({ path }) => path !== 'core/events.ts')
    .map((file) => file.text)
    .join('\n')
  const isLogged = (event: string) =>
    new RegExp(`log\\.(debug|info|warn|error)\\([^,)]*'${event}'`).test(text)
  expect(Object.keys(events).filter((event) => !isLogged(event))).toEqual([])
})

// A rule that nothing can break guards nothing: each is broken here once, and nearly broken once.
describe('the rule bites:', () => {
  const importing = (name: string) => `import { x } from '${name}'\n`

  const broken: readonly (readonly [path: string, text: string, problem: string])[] = [
    ['vault-server/server.ts', importing('../vendor-gateway/server.ts'), 'never import each other'],
    [
      'vault-server/server.ts',
      `const x = await import('../vendor-gateway/server.ts')`,
      'never import each other',
    ],
    [
      'vendor-gateway/server.ts',
      `import type { X } from '../vault-server/server.ts'`,
      'never import each other',
    ],
    ['core/jobs/worker.ts', importing('../../vault-server/server.ts'), 'built on it'],
    ['core/jobs/worker.ts', importing('../../scripts/test.ts'), 'built on it'],
    ['core/domain/grant.ts', importing('#core/records/grants.ts'), 'the domain imports'],
    ['core/domain/grant.ts', importing('node:crypto'), 'the domain imports'],
    ['core/domain/grant.ts', importing('jose'), 'the domain imports'],
    ['core/ledger/leaf.ts', importing('#core/domain/grant.ts'), 'bytes, not consent'],
    ['core/ledger/leaf.ts', importing('../records/grants.ts'), 'bytes, not consent'],
    ['vendor-gateway/vendor/query.ts', importing('#core/pods/pod.ts'), 'one exit for data'],
    ['vendor-gateway/vendor/query.ts', `import type { Pod } from '#core/pods/pod.ts'`, 'one exit for data'],
    ['vault-server/customer/session.ts', importing('oidc-provider'), 'belongs to vault-server/oauth'],
    ['vault-server/oauth/provider.ts', importing('@inrupt/solid-client'), '@inrupt packages belong'],
    ['examples/shop.ts', importing('@inrupt/solid-client'), '@inrupt packages belong'],
    ['examples/diet-app.ts', importing('#core/pods/rdf.ts'), 'somebody else'],
    ['examples/diet-app.ts', importing('../vendor-gateway/server.ts'), 'somebody else'],
    ['main.ts', importing('@solid/community-server'), 'the pod server belongs'],
    ['core/records/grants.ts', importing('level'), 'level belongs'],
    ['core/ledger/level-rows.ts', importing('pg'), 'pg belongs'],
    ['consent-app/app.tsx', importing('#core/records/grants.ts'), 'the consent app uses'],
    ['consent-app/app.tsx', importing('node:fs'), 'the consent app uses'],
    ['vendor-gateway/sdk/client.ts', importing('../vendor/query.ts'), 'the SDK imports nothing'],
    ['vendor-gateway/sdk/client.ts', importing('#core/domain/grant.ts'), 'the SDK imports nothing'],
    ['tour/main.ts', importing('../test/world.ts'), 'nothing is built on tests'],
    ['core/keys.ts', 'const home = process.env.HOME', 'environment'],
    ['core/keys.ts', `const home = process.env['HOME']`, 'environment'],
    ['core/keys.ts', 'const { env } = process', 'environment'],
    ['core/keys.ts', 'readConfig(process.env)', 'environment'],
    ['cli/main.ts', 'const home = process.env.HOME', 'hand it on'],
    ['cli/main.ts', 'const { HOME } = process.env\nconst { env } = process', 'hand it on'],
    ['core/keys.ts', 'const at = Date.now()', 'clock'],
    ['core/keys.ts', 'const now = Date.now', 'clock'],
    ['core/keys.ts', 'const at = new Date()', 'clock'],
    ['core/domain/grant.ts', 'const id = Math.random()', 'not pure'],
    ['core/domain/grant.ts', 'const id = crypto.randomUUID()', 'not pure'],
    ['core/keys.ts', 'process.exit(1)', 'ends the process'],
    ['core/keys.ts', 'export default function keys() {}', 'default export'],
    ['core/keys.ts', `export { x } from './x.ts'`, 'barrels'],
    ['core/keys.ts', `export * from './x.ts'`, 'barrels'],
    ['core/keys.ts', `export type { X } from './x.ts'`, 'barrels'],
    ['core/keys.ts', 'let x: any', 'any'],
    ['core/keys.ts', 'const x = y as any\n', 'any'],
    ['core/keys.ts', 'const x: Record<string, any> = {}', 'any'],
    ['core/keys.ts', '// @ts-ignore\nx()', 'silences'],
    ['core/keys.ts', '// @ts-expect-error: because', 'silences'],
    ['core/keys.ts', '/* oxlint-disable */', 'silences'],
    ['core/keys.ts', '// oxlint-disable-next-line no-eval', 'silences'],
    ['core/keys.ts', '// TODO later', 'undone'],
    ['test/unit/keys.test.ts', `test.skip('x', () => {})`, 'leaves a test out'],
    ['test/unit/keys.test.ts', `describe.only('x', () => {})`, 'leaves a test out'],
    ['test/unit/keys.test.ts', `vi.mock('#core/keys.ts')`, 'mocks'],
    ['core/utils.ts', '', 'says nothing'],
    ['core/helpers/keys.ts', '', 'says nothing'],
    ['core/ledger/index.ts', '', 'says nothing'],
    ['core/keyStore.ts', '', 'kebab-case'],
    ['core/keys.ts', 'x()\n'.repeat(401), '401 lines'],
  ]
  test.each(broken.map(([path, text, problem]) => ({ path, text, problem })))(
    '$path: $problem',
    ({ path, text, problem }) => {
      expect(violations([{ path, text }])).toEqual([expect.stringContaining(problem)])
    },
  )

  test.each([
    ['vault-server/server.ts', importing('#core/pods/pod.ts')],
    ['vendor-gateway/vendor/release.ts', importing('#core/pods/pod.ts')],
    ['core/domain/grant.ts', importing('#schemas/types.gen.ts') + importing('./request.ts')],
    ['core/domain/grant.ts', 'const at = new Date(now)'],
    ['core/ledger/level-rows.ts', importing('level') + importing('node:fs')],
    [
      'consent-app/app.tsx',
      importing('#core/domain/grant.ts') + importing('react') + importing('./data/me.ts'),
    ],
    ['vendor-gateway/sdk/client.ts', importing('./url.ts') + importing('jose')],
    ['core/config.ts', 'const { HOME } = process.env'],
    ['main.ts', 'const now = Date.now'],
    ['main.ts', 'const config = readConfig(process.env, root)'],
    ['scripts/build.ts', 'process.env.CI'],
    ['vitest.config.ts', 'export default {}'],
    ['core/keys.ts', '/** Not process.env, and no Date.now(). */\n// new Date() is refused\nconst many = 1'],
    ['core/keys.ts', '// any key will do, as any other'],
    ['core/keys.ts', '// oxlint-disable-next-line no-control-regex -- the format forbids them'],
    ['core/keys.ts', 'x()\n'.repeat(400)],
    ['test/world.ts', importing('level') + importing('oidc-provider')],
  ])('but not on %s (%#)', (path, text) => {
    expect(violations([{ path, text }])).toEqual([])
  })

  test('a ring of imports', () => {
    const ring = [
      { path: 'core/a.ts', text: `import { b } from './b.ts'` },
      { path: 'core/b.ts', text: `import { c } from '#core/c.ts'` },
      { path: 'core/c.ts', text: `import type { X } from './d.ts'\nconst a = await import('./a.ts')` },
      { path: 'core/d.ts', text: `import { b } from './b.ts'` },
    ]
    expect(violations(ring)).toEqual([
      expect.stringContaining('core/a.ts > core/b.ts > core/c.ts > core/a.ts'),
    ])
    expect(violations(ring.filter(({ path }) => path !== 'core/a.ts'))).toEqual([])
  })

  test('every form of an import is read', () => {
    const text = `import 'a'
import type { B } from "b/deep"
import c, {
  d,
} from '@scope/c/deep'
export { e } from '#core/e.ts'
const f = await import('./f.ts')
const g = require('node:g')
// import h from 'h'`
    expect(importsOf('core/x/y.ts', text)).toEqual([
      { target: 'a', typeOnly: false },
      { target: 'b', typeOnly: true },
      { target: '@scope/c', typeOnly: false },
      { target: 'core/e.ts', typeOnly: false },
      { target: 'core/x/f.ts', typeOnly: false },
      { target: 'node:g', typeOnly: false },
    ])
  })
})
