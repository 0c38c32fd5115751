import { realpathSync } from 'node:fs'
import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { isPublicHost, sharesRegistrableDomain } from '#core/http/origin.ts'

/**
 * A setting that is missing, bad or not that of the data. The message is one line that names the setting and
 * never repeats its value.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly setting: string
  constructor(setting: string, problem: string) {
    super(`${setting} ${problem}`)
    this.setting = setting
  }
}

export type LogLevel = (typeof logLevels)[number]
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export type MailConfig =
  /** `url` holds the password of the account at the mail server: it is told to nobody. */
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }
  /** Each message as a file, for development. */
  | { readonly kind: 'folder'; readonly folder: string; readonly from: string }

interface CommonConfig {
  readonly mode: 'development' | 'production'
  /** Origins without a slash at the end: what browsers, businesses and tokens call the servers. */
  readonly vaultUrl: string
  readonly gatewayUrl: string
  /** Where the servers bind. `localhost` stands for both loopback addresses. Plain HTTP: TLS ends before. */
  readonly listen: {
    readonly host: string
    readonly vaultPort: number
    readonly gatewayPort: number
    readonly podsPort: number
  }
  /** Bound to loopback only. */
  readonly adminPort: number
  /** Absolute folders; neither lies within the other, so a copy of the data is never a copy of the keys. */
  readonly dataFolder: string
  readonly keysFolder: string
  /** `postgres://` address of the ledger's database, with its password; undefined for the embedded one. */
  readonly storeUrl: string | undefined
  /** Absolute folder with further categories of the catalogue. */
  readonly catalogueFolder: string | undefined
  /** Of the embedded pods, in whichever process they run. */
  readonly podOrigins: readonly string[]
  /** False: the embedded pods run in another process, which has the vault beside them. */
  readonly podsHere: boolean
  readonly tour: boolean
  /** A second house under `/sandbox`, in which businesses try themselves out on sample customers. */
  readonly sandbox: boolean
  /** How customers are written to; undefined when they are not. */
  readonly mail: MailConfig | undefined
  /** Last part of the log's origin; another one is another log. */
  readonly logName: string
  /** Whether served checkpoints have a line by an ML-DSA-44 key of the log as well. */
  readonly logMlDsa: boolean
  /** Absolute path of a tlog-policy file with the witnesses to ask; undefined when there are none. */
  readonly witnessFile: string | undefined
  /**
   * Exact origins that guarded requests may reach although they are private: our own, and those configured.
   */
  readonly outboundAllow: readonly string[]
  /** Of a file that moves from one pod to another. */
  readonly moveBytes: number
  readonly logLevel: LogLevel
  /** One line each, to be shown at start. */
  readonly warnings: readonly string[]
}

export type Config = CommonConfig &
  (
    | {
        readonly embeddedPods: true
        readonly podsUrl: string
        /** Further embedded pod servers, each with an origin of its own, and where they listen. */
        readonly podShards: readonly { readonly url: string; readonly port: number }[]
        /** What one embedded pod may hold. */
        readonly podBytes: number
      }
    | { readonly embeddedPods: false; readonly podsUrl: undefined }
  )

type Environment = Readonly<Record<string, string | undefined>>

const settings = [
  'REACH_MODE',
  'REACH_VAULT_URL',
  'REACH_GATEWAY_URL',
  'REACH_PODS_URL',
  'REACH_PODS_SHARDS',
  'REACH_PODS_HERE',
  'REACH_POD_MEGABYTES',
  'REACH_MOVE_MEGABYTES',
  'REACH_LISTEN_HOST',
  'REACH_VAULT_PORT',
  'REACH_GATEWAY_PORT',
  'REACH_PODS_PORT',
  'REACH_ADMIN_PORT',
  'REACH_DATA',
  'REACH_KEYS',
  'REACH_CATALOGUE',
  'REACH_STORE',
  'REACH_TOUR',
  'REACH_SANDBOX',
  'REACH_OUTBOUND_ALLOW',
  'REACH_LOG_LEVEL',
  'REACH_STATE',
  'REACH_LOG_NAME',
  'REACH_LOG_ML_DSA',
  'REACH_WITNESSES',
  'REACH_SMTP',
  'REACH_MAIL_FOLDER',
  'REACH_MAIL_FROM',
] as const
type Setting = (typeof settings)[number]

/**
 * Reads every setting once; nothing else in Reach reads the environment. An empty value counts as not set.
 * Relative folders begin at `root`. Throws `ConfigError`.
 */
export function readConfig(env: Environment, root: string): Config {
  const get = (name: Setting) => env[name]?.trim() || undefined
  const mode = oneOf('REACH_MODE', get('REACH_MODE'), ['development', 'production'], 'development')
  const production = mode === 'production'

  const origin = (name: Setting, fallback: string) => {
    const value = get(name)
    if (value !== undefined) return serverOrigin(name, value, production)
    if (production)
      throw new ConfigError(name, 'is missing: production needs the https address of this server')
    return fallback
  }
  const vaultUrl = origin('REACH_VAULT_URL', 'http://localhost:3100')
  const gatewayUrl = origin('REACH_GATEWAY_URL', 'http://localhost:3200')
  const podsUrl =
    get('REACH_PODS_URL') === 'off' ? undefined : origin('REACH_PODS_URL', 'http://localhost:3000')
  if (vaultUrl === gatewayUrl)
    throw new ConfigError('REACH_GATEWAY_URL', 'must be another origin than the vault')
  if (podsUrl === vaultUrl || podsUrl === gatewayUrl)
    throw new ConfigError('REACH_PODS_URL', 'must be another origin than the vault and the gateway')
  if (production && podsUrl !== undefined && sharesRegistrableDomain(podsUrl, vaultUrl))
    throw new ConfigError(
      'REACH_PODS_URL',
      'must be on another registrable domain than the vault: the last two labels of the host names must differ',
    )

  const listen = {
    host: listenHost(get('REACH_LISTEN_HOST')),
    vaultPort: portFor('REACH_VAULT_PORT', get('REACH_VAULT_PORT'), vaultUrl, 3100),
    gatewayPort: portFor('REACH_GATEWAY_PORT', get('REACH_GATEWAY_PORT'), gatewayUrl, 3200),
    podsPort: portFor('REACH_PODS_PORT', get('REACH_PODS_PORT'), podsUrl, 3000),
  }
  const adminPort = port('REACH_ADMIN_PORT', get('REACH_ADMIN_PORT') ?? '3300')
  refuseSharedPorts([
    ['REACH_VAULT_PORT', listen.vaultPort],
    ['REACH_GATEWAY_PORT', listen.gatewayPort],
    ...(podsUrl === undefined ? [] : [['REACH_PODS_PORT', listen.podsPort] as const]),
    ['REACH_ADMIN_PORT', adminPort],
  ])

  const dataFolder = resolve(root, get('REACH_DATA') ?? 'data')
  const catalogue = get('REACH_CATALOGUE')
  const keysFolder = resolve(root, get('REACH_KEYS') ?? 'data-keys')
  if (contains(dataFolder, keysFolder) || contains(keysFolder, dataFolder))
    throw new ConfigError(
      'REACH_KEYS',
      'must be a folder apart from REACH_DATA, so that no backup holds both',
    )

  const storeUrl = storeOf(get('REACH_STORE') ?? 'level')

  const podsHere = oneOf('REACH_PODS_HERE', get('REACH_PODS_HERE'), ['on', 'off'], 'on') === 'on'
  const tourUsual = production || !podsHere ? 'off' : 'on'
  const tour = oneOf('REACH_TOUR', get('REACH_TOUR'), ['on', 'off'], tourUsual) === 'on'
  if (tour && production) throw new ConfigError('REACH_TOUR', 'cannot be on in production')
  const sandboxUsual = production || podsUrl === undefined || !podsHere ? 'off' : 'on'
  const sandbox = oneOf('REACH_SANDBOX', get('REACH_SANDBOX'), ['on', 'off'], sandboxUsual) === 'on'
  if (sandbox && (podsUrl === undefined || !podsHere))
    throw new ConfigError('REACH_SANDBOX', 'needs embedded pods for its sample customers')
  const allowed = (get('REACH_OUTBOUND_ALLOW') ?? '').split(/[\s,]+/).filter((part) => part !== '')
  if (allowed.length > 0 && production)
    throw new ConfigError('REACH_OUTBOUND_ALLOW', 'cannot be used in production')
  const podShards = shardsOf(get('REACH_PODS_SHARDS'), { podsUrl, vaultUrl, gatewayUrl, listen, production })
  if (podShards.length > 0)
    refuseSharedPorts([
      ['REACH_VAULT_PORT', listen.vaultPort],
      ['REACH_GATEWAY_PORT', listen.gatewayPort],
      ['REACH_PODS_PORT', listen.podsPort],
      ['REACH_ADMIN_PORT', adminPort],
      ...podShards.map((shard) => ['REACH_PODS_SHARDS', shard.port] as const),
    ])
  const podOrigins = podsUrl === undefined ? [] : [podsUrl, ...podShards.map(({ url }) => url)]
  const outboundAllow = [
    ...new Set([vaultUrl, ...podOrigins, ...allowed.map((url) => exactOrigin('REACH_OUTBOUND_ALLOW', url))]),
  ]

  const witnessFile = get('REACH_WITNESSES')
  const logName = get('REACH_LOG_NAME') ?? 'log'
  if (!/^log(?:-[a-z0-9]{1,32})?$/.test(logName))
    throw new ConfigError('REACH_LOG_NAME', 'must be log, or log- with letters and digits, such as log-2')
  const common: CommonConfig = {
    mode,
    vaultUrl,
    gatewayUrl,
    listen,
    adminPort,
    dataFolder,
    keysFolder,
    storeUrl,
    catalogueFolder: catalogue === undefined ? undefined : resolve(root, catalogue),
    podOrigins,
    podsHere,
    tour,
    sandbox,
    mail: mailOf(get, { production, vaultUrl, root, dataFolder }),
    logName,
    logMlDsa: oneOf('REACH_LOG_ML_DSA', get('REACH_LOG_ML_DSA'), ['on', 'off'], 'off') === 'on',
    witnessFile: witnessFile === undefined ? undefined : resolve(root, witnessFile),
    outboundAllow,
    moveBytes: bytesOf('REACH_MOVE_MEGABYTES', get('REACH_MOVE_MEGABYTES') ?? '1024'),
    logLevel: oneOf('REACH_LOG_LEVEL', get('REACH_LOG_LEVEL'), logLevels, production ? 'info' : 'warn'),
    warnings: unknownSettings(env).map((name) => `${name} is not a setting of Reach and is ignored`),
  }
  const podBytes = bytesOf('REACH_POD_MEGABYTES', get('REACH_POD_MEGABYTES') ?? '256')
  return podsUrl === undefined
    ? { ...common, embeddedPods: false, podsUrl }
    : { ...common, embeddedPods: true, podsUrl, podShards, podBytes }
}

/**
 * Where a person's own tools remember things from one run to the next, such as the checkpoints of logs they
 * verified.
 */
export function stateFolder(env: Environment): string {
  return env['REACH_STATE'] || join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'reach')
}

/** A mail server; without one, in development, a folder. In production without one nobody is written to. */
function mailOf(
  get: (name: Setting) => string | undefined,
  at: { production: boolean; vaultUrl: string; root: string; dataFolder: string },
): MailConfig | undefined {
  const { production, vaultUrl, root, dataFolder } = at
  const from = get('REACH_MAIL_FROM') ?? `reach@${new URL(vaultUrl).hostname}`
  if (!/^[^\s@<>,;:"()\\]+@[^\s@<>,;:"()\\]+$/.test(from))
    throw new ConfigError('REACH_MAIL_FROM', 'must be one e-mail address')
  const url = get('REACH_SMTP')
  const folder = get('REACH_MAIL_FOLDER')
  if (url === undefined) {
    if (folder !== undefined && production)
      throw new ConfigError('REACH_MAIL_FOLDER', 'cannot be used in production')
    if (production) return undefined
    return {
      kind: 'folder',
      folder: folder === undefined ? join(dataFolder, 'mail') : resolve(root, folder),
      from,
    }
  }
  if (folder !== undefined)
    throw new ConfigError('REACH_MAIL_FOLDER', 'cannot be used together with REACH_SMTP')
  if (!/^smtps?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new ConfigError('REACH_SMTP', 'must be an address such as smtps://user:password@mail.example.org')
  return { kind: 'smtp', url, from }
}

function unknownSettings(env: Environment): string[] {
  const known: readonly string[] = settings
  return Object.keys(env).filter((name) => /^REACH_\w+$/.test(name) && !known.includes(name))
}

function oneOf<Value extends string>(
  name: Setting,
  value: string | undefined,
  values: readonly Value[],
  fallback: Value,
): Value {
  if (value === undefined) return fallback
  const found = values.find((candidate) => candidate === value)
  if (found === undefined) throw new ConfigError(name, `must be one of: ${values.join(', ')}`)
  return found
}

/** Scheme, host and port and nothing else, with or without a slash at the end. */
function exactOrigin(name: Setting, value: string): string {
  const url = URL.parse(value)
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`
  if (!isOrigin)
    throw new ConfigError(name, 'must be an origin such as https://vault.example, without a path')
  return url.origin
}

function serverOrigin(name: Setting, value: string, production: boolean): string {
  const origin = exactOrigin(name, value)
  if (!production) return origin
  if (!origin.startsWith('https:')) throw new ConfigError(name, 'must be https in production')
  if (!isPublicHost(origin))
    throw new ConfigError(name, 'must be a public domain name in production, no IP address and no localhost')
  return origin
}

function port(name: Setting, value: string): number {
  const number = Number(value)
  const valid = /^\d{1,5}$/.test(value) && number >= 1 && number <= 65_535
  if (!valid) throw new ConfigError(name, 'must be a port number from 1 to 65535')
  return number
}

/**
 * The port set, else that of a plain http address; behind a TLS proxy (https) the usual one of this server.
 */
function portFor(name: Setting, value: string | undefined, url: string | undefined, usual: number): number {
  if (value !== undefined) return port(name, value)
  if (url === undefined || url.startsWith('https:')) return usual
  return Number(new URL(url).port || 80)
}

function bytesOf(name: Setting, value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new ConfigError(name, 'must be a whole number from 1 to 999999')
  return Number(value) * 1024 * 1024
}

/** Origins with commas between; behind a TLS proxy (https) they listen on the ports after that of the first. */
function shardsOf(
  value: string | undefined,
  {
    podsUrl,
    vaultUrl,
    gatewayUrl,
    listen,
    production,
  }: Pick<CommonConfig, 'vaultUrl' | 'gatewayUrl' | 'listen'> & {
    podsUrl: string | undefined
    production: boolean
  },
): { url: string; port: number }[] {
  const name = 'REACH_PODS_SHARDS'
  const given = (value ?? '').split(/[\s,]+/).filter((part) => part !== '')
  if (given.length > 0 && podsUrl === undefined)
    throw new ConfigError(name, 'cannot be used without REACH_PODS_URL')
  const urls = given.map((part) => serverOrigin(name, part, production))
  if (new Set([vaultUrl, gatewayUrl, podsUrl, ...urls]).size < urls.length + 3 && urls.length > 0)
    throw new ConfigError(name, 'must be origins of their own, each once')
  if (production && urls.some((url) => sharesRegistrableDomain(url, vaultUrl)))
    throw new ConfigError(name, 'must be on another registrable domain than the vault')
  return urls.map((url, index) => ({
    url,
    port: url.startsWith('https:') ? listen.podsPort + index + 1 : Number(new URL(url).port || 80),
  }))
}

function refuseSharedPorts(ports: readonly (readonly [Setting, number])[]): void {
  for (const [index, [name, number]] of ports.entries()) {
    const other = ports.slice(0, index).find(([, earlier]) => earlier === number)
    if (other !== undefined)
      throw new ConfigError(name, `must be another port than that of ${other[0]}, or of its address`)
  }
}

/** The address of a database; undefined for the embedded store. Throws `ConfigError`. */
export function storeOf(value: string, name = 'REACH_STORE'): string | undefined {
  if (value === 'level') return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || !/^postgres(?:ql)?:$/.test(url.protocol) || url.pathname.length < 2)
    throw new ConfigError(name, 'must be level, or postgres://user:password@host/database')
  return value
}

function listenHost(value: string | undefined): string {
  if (value === undefined || value === 'localhost') return 'localhost'
  if (isIP(value) === 0)
    throw new ConfigError('REACH_LISTEN_HOST', 'must be localhost or an IP address of this machine')
  return value
}

function contains(folder: string, path: string): boolean {
  const way = relative(behindLinks(folder), behindLinks(path))
  return !isAbsolute(way) && !/^\.\.([/\\]|$)/.test(way)
}

/** Where a path leads on this disk, as far as it is there. */
function behindLinks(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(behindLinks(dirname(path)), basename(path))
  }
}
