import { readFileSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'

/** A file of ours: path from the root with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

interface Import {
  /** A path from the root for files of ours, else the name of the package or `node:` module. */
  readonly target: string
  readonly typeOnly: boolean
}

const skipped = new Set(['node_modules', 'dist', 'data', 'data-keys', '.git', 'results', '.ci'])

/** Every TypeScript and JavaScript file under `root`. */
export function readSources(root: string, folder = ''): SourceFile[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : readSources(root, path)
    return /\.(ts|tsx|mts|mjs|js)$/.test(path) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
  })
}

/** What breaks the rules of the house, one line each, beginning with the path. */
export function violations(files: readonly SourceFile[]): string[] {
  const found = files.flatMap((file) => [
    ...brokenImports(file).map((problem) => `${file.path}: ${problem}`),
    ...brokenText(file).map((problem) => `${file.path}: ${problem}`),
  ])
  return [...found, ...cycles(files).map((cycle) => `${cycle[0]}: imports itself: ${cycle.join(' > ')}`)]
}

const isTest = (path: string) => path.startsWith('test/')
const isTool = (path: string) => path.startsWith('scripts/') || path.endsWith('.config.ts')
/** Runs at a business, on its clock. */
const isSdk = (path: string) => path.startsWith('vendor-gateway/sdk/')
/** Programs: what they start gets clock and environment from them. */
const isMain = (path: string) =>
  /(^|\/)main\.tsx?$|^(bench|examples)\/|^vault-server\/pods\/child\.ts$/.test(path)

/** A file under one of `from` may not import what `target` describes, unless it is one of `except`. */
interface ImportRule {
  readonly from: RegExp
  readonly except?: RegExp
  readonly target: RegExp
  readonly why: string
}

const ours =
  /^(vault-server|vendor-gateway|consent-app|core|schemas|cli|tour|bench|test|scripts|examples|witness|sandbox)\//
const outsideTests = /^(?!test\/|bench\/|scripts\/)/

const importRules: readonly ImportRule[] = [
  { from: /^vault-server\//, target: /^vendor-gateway\//, why: 'the servers never import each other' },
  { from: /^vendor-gateway\//, target: /^vault-server\//, why: 'the servers never import each other' },
  {
    from: /^core\//,
    target: /^(?!core\/|schemas\/)[a-z-]+\/[^.]*\.tsx?$/,
    why: 'core knows nothing of what is built on it',
  },
  {
    from: /^core\/domain\//,
    target: /^(?!core\/domain\/|schemas\/)/,
    why: 'the domain imports schemas and itself only: no I/O, no clock, no randomness',
  },
  {
    from: /^core\/verifier\//,
    target: /^(?!core\/verifier\/)/,
    why: 'the verifier runs in browsers too, and shares no code with what it verifies',
  },
  {
    from: /^core\/ledger\//,
    target: /^(core\/(?!ledger\/)|schemas\/)/,
    why: 'the ledger knows bytes, not consent',
  },
  {
    from: /^vendor-gateway\//,
    except: /^vendor-gateway\/vendor\/release\.ts$/,
    target: /^core\/pods\//,
    why: 'only release.ts reads pods: one exit for data',
  },
  {
    from: outsideTests,
    except: /^vault-server\/oauth\//,
    target: /^oidc-provider$/,
    why: 'oidc-provider belongs to vault-server/oauth',
  },
  {
    from: outsideTests,
    except: /^(core\/pods|vault-server\/(customer|pods))\/|^examples\/diet-/,
    target: /^@inrupt\//,
    why: '@inrupt packages belong to core/pods, vault-server/{customer,pods} and the Solid app in examples',
  },
  {
    from: /^examples\/diet-/,
    target: /^(#|(?!examples\/diet-)[a-z-]+\/.*\.(ts|json)$)/,
    why: 'the Solid app in examples is somebody else’s and knows nothing of ours',
  },
  {
    from: outsideTests,
    except: /^vault-server\/pods\//,
    target: /^@solid\/community-server$/,
    why: 'the pod server belongs to vault-server/pods',
  },
  {
    from: outsideTests,
    except: /^core\/ledger\/level-/,
    target: /^(level|classic-level|abstract-level)$/,
    why: 'level belongs to its adapter',
  },
  { from: outsideTests, except: /^core\/ledger\/pg-/, target: /^pg$/, why: 'pg belongs to its adapter' },
  {
    from: /^consent-app\//,
    except: /\.config\.ts$/,
    target: /^(node:|(?!consent-app\/|core\/(domain|verifier)\/|schemas\/)[a-z-]+\/.*\.tsx?$)/,
    why: 'the consent app uses schemas, the domain and the verifier only',
  },
  {
    from: /^vendor-gateway\/sdk\//,
    target: /^(?!vendor-gateway\/sdk\/|core\/verifier\/|schemas\/types\.gen\.ts$)[a-z-]+\/.*\.(ts|json)$/,
    why: 'the SDK imports nothing of ours but the verifier, which its package brings along',
  },
  { from: outsideTests, target: /^(test|bench)\//, why: 'nothing is built on tests' },
]

function brokenImports({ path, text }: SourceFile): string[] {
  return importsOf(path, text).flatMap(({ target }) => {
    const broken = importRules.filter(
      ({ from, except, target: refused }) =>
        from.test(path) && except?.test(path) !== true && refused.test(target),
    )
    return broken.map(({ why }) => `imports ${target}, but ${why}`)
  })
}

/** Imports, re-exports, dynamic imports and requires with a literal name. */
export function importsOf(path: string, text: string): Import[] {
  const statement =
    /(?:^|[;\n])\s*(?:import|export)\s+(type\s)?[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[;\n])\s*import\s*['"]([^'"]+)['"]|\b(?:import|require|resolve)\(\s*['"]([^'"]+)['"]/g
  return [...code(text).matchAll(statement)].map(([, type, from, bare, dynamic]) => ({
    target: resolveName(path, from ?? bare ?? dynamic ?? ''),
    typeOnly: type !== undefined,
  }))
}

function resolveName(path: string, name: string): string {
  if (name.startsWith('#')) return name.slice(1)
  if (name.startsWith('.')) return posix.join(posix.dirname(path), name)
  if (name.startsWith('node:')) return name
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}

/** The text without its comments, so that what is spoken of does not count as done. */
function code(text: string): string {
  return text.replaceAll(/^\s*\/\*[^]*?\*\//gm, '').replaceAll(/(^|\s)\/\/.*$/gm, '')
}

interface TextRule {
  readonly applies: (path: string) => boolean
  readonly pattern: RegExp
  readonly problem: string
}

const textRules: readonly TextRule[] = [
  {
    applies: (path) => path !== 'core/config.ts' && !isTest(path) && !isTool(path) && !isMain(path),
    pattern: /\bprocess\s*(\.|\?\.)\s*env\b|\benv\b[^=\n]*\}?\s*=\s*process\b|import\.meta\.env\b/,
    problem: 'reads the environment; only core/config.ts does',
  },
  {
    applies: isMain,
    pattern: /\bprocess\s*(\.|\?\.)\s*env\s*(\.|\?\.|\[|as\b)|\}\s*=\s*process\b/,
    problem: 'reads the environment; it may only hand it on',
  },
  {
    applies: (path) => !isTest(path) && !isTool(path) && !isMain(path) && !isSdk(path),
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bnew Date\b(?!\()|(?<!new )\bDate\(\s*\)/,
    problem: 'reads the clock; it comes as an argument',
  },
  {
    applies: (path) => path.startsWith('core/domain/'),
    pattern: /\bMath\.random\b|\bcrypto\.|\bfetch\(|\bset(Timeout|Interval)\(|\bperformance\./,
    problem: 'is not pure',
  },
  {
    applies: (path) => !isTest(path) && !isTool(path) && !isMain(path),
    pattern: /\bprocess\.exit\(/,
    problem: 'ends the process; set the exit code and dispose',
  },
  {
    applies: (path) => !path.endsWith('.config.ts') && !path.endsWith('.d.ts'),
    pattern: /^\s*export\s+default\b|\bas default\b/m,
    problem: 'has a default export',
  },
  {
    applies: () => true,
    pattern: /^\s*export\s+(type\s+)?(\*|\{[^}]*\})(\s+as\s+\w+)?\s+from\b/m,
    problem: 'exports what another file has: no barrels',
  },
  {
    applies: () => true,
    pattern: /(:|\bas|<|\||,)\s*any\b(?=\s*(\[|[;,)>=|&\n]|$))|\bas unknown as any\b/m,
    problem: 'uses any',
  },
  { applies: () => true, pattern: /\bvi\.(mock|fn|spyOn|stub\w+)\(/, problem: 'mocks' },
  {
    applies: () => true,
    pattern: /\b(describe|test|it)\.(skip|only|todo|fails|skipIf|runIf)\b/,
    problem: 'leaves a test out',
  },
]

/** Looked for in comments too. */
const marks: readonly (readonly [RegExp, string])[] = [
  // One line may silence one rule of the linter with a reason behind it.
  [
    /@ts-(ignore|expect-error|nocheck)|(eslint|oxlint)-disable(?!-next-line [\w/-]+ -- \w)/,
    'silences a tool',
  ],
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'leaves work undone'],
]

const maxLines = 400
const bannedNames = /(^|\/)(utils?|helpers?|common|misc|shared|index)(\/|\.[a-z]+$)/

function brokenText({ path, text }: SourceFile): string[] {
  const found: string[] = []
  if (path.endsWith('.gen.ts')) return found
  const lines = text.split('\n').length - 1
  if (lines > maxLines) found.push(`has ${lines} lines, more than ${maxLines}`)
  if (bannedNames.test(path)) found.push('has a name that says nothing')
  if (!/^[a-z0-9./-]+$/.test(path)) found.push('is not named in kebab-case')
  const isAboutRules = /^test\/(house-rules|architecture\.test)\.ts$/.test(path)
  if (isAboutRules) return found
  const source = code(text)
  for (const { applies, pattern, problem } of textRules)
    if (applies(path) && pattern.test(source)) found.push(problem)
  for (const [pattern, problem] of marks) if (pattern.test(text)) found.push(problem)
  return found
}

/** Rings of imports that are there at run time, each told once. */
function cycles(files: readonly SourceFile[]): string[][] {
  const paths = new Set(files.map(({ path }) => path))
  const graph = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(path, text)
        .filter(({ target, typeOnly }) => !typeOnly && paths.has(target))
        .map(({ target }) => target),
    ]),
  )
  const found: string[][] = []
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): void => {
    const begin = way.indexOf(path)
    if (begin >= 0) found.push([...way.slice(begin), path])
    if (begin >= 0 || done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...way, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

/** Whether a path belongs to a folder that the rules know, so that a new one gets its rules. */
export function isKnownPlace(path: string): boolean {
  return ours.test(path) || /^[a-z-]+(\.config)?\.ts$/.test(path)
}
