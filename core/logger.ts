import { pino } from 'pino'
import type { DestinationStream } from 'pino'
import type { LogLevel } from './config.ts'
import { events } from './events.ts'
import type { EventName } from './events.ts'

const word = (value: unknown) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,47}$/.test(value)
const opaqueId = (value: unknown) => typeof value === 'string' && /^[A-Za-z0-9_-]{6,64}$/.test(value)
const amount = (value: unknown) => typeof value === 'number' && Number.isFinite(value)

/**
 * Every field a log line can have, and the form its value must have. This list is the promise that nothing
 * personal is logged: no field takes free text, a URL, a WebID, a name or a value of a pod. What does not fit
 * its form is written as `refused`, so a mistake in a caller shows up in tests instead of leaking.
 */
const forms = {
  requestId: opaqueId,
  vendor: opaqueId,
  server: word,
  method: (value: unknown) => typeof value === 'string' && /^[A-Z]{3,8}$/.test(value),
  /** The route as written in the code, such as `/v1/subjects/:subject`, never the path of the request. */
  route: (value: unknown) =>
    typeof value === 'string' && /^(\/(:?[A-Za-z0-9._-]{1,32}|\*[a-z]*|\{\*[a-z]+\})?){1,8}$/.test(value),
  status: amount,
  ms: amount,
  code: word,
  reason: word,
  kind: word,
  category: word,
  job: word,
  attempt: amount,
  count: amount,
  index: amount,
  size: amount,
  port: amount,
} satisfies Record<string, (value: unknown) => boolean>

type Numeric = 'status' | 'ms' | 'attempt' | 'count' | 'index' | 'size' | 'port'

export type LogFields = {
  readonly [Name in keyof typeof forms]?: (Name extends Numeric ? number : string) | undefined
}

export interface Logger {
  debug(event: EventName, fields?: LogFields): void
  info(event: EventName, fields?: LogFields): void
  warn(event: EventName, fields?: LogFields, error?: unknown): void
  error(event: EventName, fields?: LogFields, error?: unknown): void
}

/**
 * JSON lines through pino. Errors are written as their chain of names, codes and places in the code, without
 * the messages: libraries put URLs and parts of the input into those. Standard output stays free for people
 * and the command line tool, so lines go to standard error unless `stream` says otherwise. `observe` is told
 * of every event with the fields that may be logged, whatever the level.
 */
export function createLogger(options: {
  level: LogLevel
  stream?: DestinationStream
  observe?: (event: EventName, fields: LogFields) => void
}): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    messageKey: 'event',
  }
  const lines = pino(settings, options.stream ?? pino.destination({ dest: 2, sync: true }))
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (event: EventName, fields: LogFields = {}, error?: unknown) => {
      if (options.observe === undefined && !lines.isLevelEnabled(level)) return
      const line = allowed(fields)
      options.observe?.(event, line)
      const whole = error === undefined ? line : { ...line, error: describeError(error) }
      lines[level](whole, Object.hasOwn(events, event) ? event : 'refused')
    }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

function allowed(fields: LogFields): LogFields {
  const line: Record<string, unknown> = {}
  for (const [name, form] of Object.entries(forms)) {
    const value = fields[name as keyof typeof forms]
    if (value !== undefined) line[name] = form(value) ? value : 'refused'
  }
  return line
}

interface ErrorDescription {
  readonly name: string
  readonly code?: string
  readonly at: readonly string[]
}

/**
 * The cause chain of an error, outermost first, at most five deep: names, codes and stack frames, no
 * messages.
 */
export function describeError(error: unknown): ErrorDescription[] {
  const chain: ErrorDescription[] = []
  for (let current = error; current !== undefined && chain.length < 5; current = causeOf(current)) {
    const name = current instanceof Error ? current.constructor.name : typeof current
    const code = codeOf(current)
    chain.push({ name, ...(code === undefined ? {} : { code }), at: framesOf(current) })
  }
  return chain
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^[A-Za-z][A-Za-z0-9_-]{0,47}$/.test(error.code)
    ? error.code
    : undefined
}

/**
 * Lines of the stack that are places in files. The message, which stands before them and may span lines, is
 * cut off.
 */
function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return []
  const { message, stack } = error
  const frames = stack.slice(message === '' ? 0 : stack.indexOf(message) + message.length)
  const frame = /^ {4}at (?:[\w.$<>[\] #]{1,80} )?\(?((?:file:|node:|\/)[^\s()]{1,200}:\d+:\d+)\)?$/
  const places = frames.split('\n').map((line) => frame.exec(line)?.[1])
  return places.filter((place) => place !== undefined).slice(0, 8)
}
