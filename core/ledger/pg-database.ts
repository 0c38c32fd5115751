/** The tables on a PostgreSQL server, and the few statements that are ever sent to it. */
import pg from 'pg'
import { LedgerBusy, LedgerForeign, LedgerStopped } from './ledger.ts'
import type { KeyRange, Stored } from './stored-keys.ts'

/** The connection or the transaction is lost. What was not committed did not happen; what was may have. */
export class ConnectionLost extends Error {}

/** A client or a pool. */
type Connection = Pick<pg.Client, 'query'>

/**
 * Keys and values are those of the embedded ledger. `reach_head` has one row per ledger; whoever writes locks it first, so
 * it orders the groups of all replicas. `part` keeps apart the ledgers of one database.
 */
const TABLES = [
  `create table if not exists reach_head (
    part text primary key, format smallint not null, "group" bigint not null)`,
  `create table if not exists reach_ledger (
    part text not null, key bytea not null, value bytea not null, primary key (part, key))`,
]
const FORMAT = 1

const CONNECT_MS = 5_000
/** A replica that stands still holding the lock is cut off after this time, and its group did not happen. */
const STALLED_MS = 5_000
/** A server that says nothing for so long, such as one behind a cut cable, is away. */
const SILENCE_MS = 30_000
/** More than the head of any row has, and than any counter. */
const DECISIVE_BYTES = 512

const settings = (url: string): pg.ClientConfig => ({
  connectionString: url,
  application_name: 'reach',
  connectionTimeoutMillis: CONNECT_MS,
  query_timeout: SILENCE_MS,
  idle_in_transaction_session_timeout: STALLED_MS,
  keepAlive: true,
})

/** Serialization failures and deadlocks end a transaction, shutdowns and lost connections a session. */
const PASSING = /^(?:08|40001|40P01|25P03|53300|57P0)/

function asLost(error: unknown): unknown {
  if (error instanceof pg.DatabaseError && !PASSING.test(error.code ?? '')) return error
  return new ConnectionLost('the connection to the database was lost', { cause: error })
}

/** What is told of a database that is away, or does not do what it was asked; the reason in its own words. Any other error as it is. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof ConnectionLost)
    return new LedgerBusy(`the database cannot be reached${reasonOf(error.cause)}`, { cause: error })
  if (error instanceof pg.DatabaseError)
    return new LedgerStopped(`the database refuses${reasonOf(error)}`, { cause: error })
  return error
}

function reasonOf(error: unknown): string {
  if (error instanceof pg.DatabaseError) return `: ${error.message}`
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
}

async function ask<Result extends pg.QueryResultRow>(
  db: Connection,
  query: pg.QueryConfig,
): Promise<pg.QueryResult<Result>> {
  try {
    return await db.query<Result>(query)
  } catch (error) {
    throw asLost(error)
  }
}

/** A connection of its own, for transactions. Throws `ConnectionLost`. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(settings(url))
  // Whoever asks next is told; without a listener the process would end.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new ConnectionLost('there is no connection to the database', { cause: error })
  }
  // As long as that the server waits in the middle of an answer, too; it cannot on a socket of its own machine.
  const patience = `select set_config(name, '${STALLED_MS}', false) from pg_settings where name = 'tcp_user_timeout'`
  await ask(client, { text: patience })
  // A server set to forget its last commits when it dies must not do so with ours.
  const { rows } = await ask<{ synchronous_commit: string }>(client, { text: 'show synchronous_commit' })
  if (rows[0]?.synchronous_commit === 'off') await ask(client, { text: 'set synchronous_commit = on' })
  return client
}

/** Two who create at once: one of them is told that it exists. */
async function create(db: Connection, text: string): Promise<void> {
  await ask(db, { text }).catch((error: unknown) => {
    if (!(error instanceof pg.DatabaseError && /^(?:23505|42P07)$/.test(error.code ?? ''))) throw error
  })
}

/** Creates a table of something else than a ledger. Throws `ConnectionLost`. */
export async function createTable(url: string, text: string): Promise<void> {
  const client = await connect(url)
  try {
    await create(client, text)
  } finally {
    await client.end().catch(() => undefined)
  }
}

export function openPool(
  url: string,
  connections: number,
  other: Pick<pg.ClientConfig, 'connectionTimeoutMillis' | 'query_timeout' | 'options'> = {},
): pg.Pool {
  const pool = new pg.Pool({ ...settings(url), ...other, max: connections })
  pool.on('error', () => undefined)
  return pool
}

/** One ledger of the database as seen through one connection, or through any of a pool. */
export class PgDatabase implements Stored {
  readonly #db: Connection
  readonly #part: string

  constructor(db: Connection, part: string) {
    this.#db = db
    this.#part = part
  }

  /** Creates what is missing. Throws `LedgerForeign` for tables of a later version. */
  async prepare(): Promise<void> {
    for (const text of TABLES) await create(this.#db, text)
    const text = `insert into reach_head (part, format, "group") values ($1, $2, -1) on conflict (part) do nothing`
    await ask(this.#db, { text, values: [this.#part, FORMAT] })
    const query = { text: 'select format from reach_head where part = $1', values: [this.#part] }
    const { rows } = await ask<{ format: number }>(this.#db, query)
    if (rows[0]?.format !== FORMAT)
      throw new LedgerForeign('the ledger was written by a later version of Reach: start that one')
  }

  /** Which ledgers were ever written to. */
  static async parts(db: Connection): Promise<string[]> {
    await create(db, TABLES[0] ?? '')
    const text = 'select part from reach_head where "group" <> -1 order by part'
    return (await ask<{ part: string }>(db, { text })).rows.map(({ part }) => part)
  }

  async get(key: string): Promise<Buffer | undefined> {
    const text = 'select value from reach_ledger where part = $1 and key = $2'
    const values = [this.#part, Buffer.from(key)]
    const { rows } = await ask<{ value: Buffer }>(this.#db, { name: 'get', text, values })
    return rows[0]?.value
  }

  /**
   * How the values of those keys begin that are there: all that a decision goes by. Whoever stops in the middle of a long answer holds the lock
   * for as long as the server waits for it, so values are left out.
   */
  async heads(keys: readonly string[]): Promise<Map<string, Buffer>> {
    return await this.#valuesOf(keys, 'heads', `substring(value from 1 for ${DECISIVE_BYTES}) as value`)
  }

  async getMany(keys: string[]): Promise<(Buffer | undefined)[]> {
    const found = await this.#valuesOf(keys, 'many', 'value')
    return keys.map((key) => found.get(key))
  }

  async #valuesOf(keys: readonly string[], name: string, column: string): Promise<Map<string, Buffer>> {
    if (keys.length === 0) return new Map()
    const text = `select key, ${column} from reach_ledger where part = $1 and key = any($2::bytea[])`
    const values = [this.#part, keys.map((key) => Buffer.from(key))]
    const { rows } = await ask<StoredRow>(this.#db, { name, text, values })
    return new Map(rows.map(({ key, value }) => [key.toString(), value]))
  }

  async *keys(range: KeyRange): AsyncGenerator<string> {
    for await (const { key } of this.#scan('key', range)) yield key.toString()
  }

  async *iterator(range: KeyRange): AsyncGenerator<[string, Buffer]> {
    for await (const { key, value } of this.#scan('key, value', range)) yield [key.toString(), value]
  }

  /** Page after page, small ones first: most readers stop soon. */
  async *#scan(columns: string, range: KeyRange): AsyncGenerator<StoredRow> {
    let { limit = Infinity } = range
    const { reverse = false, ...bounds } = range
    let from: readonly [string, Buffer] | undefined
    for (let page = 16; limit > 0; page = Math.min(4 * page, 1024)) {
      const values: unknown[] = [this.#part]
      const where = ['part = $1']
      const narrow = (operator: string, key: Buffer): void =>
        void where.push(`key ${operator} $${values.push(key)}`)
      for (const [name, operator] of OPERATORS) {
        const bound = bounds[name]
        if (bound !== undefined) narrow(operator, Buffer.from(bound))
      }
      if (from) narrow(...from)
      const asked = Math.min(page, limit)
      const order = `order by key${reverse ? ' desc' : ''} limit $${values.push(asked)}`
      const text = `select ${columns} from reach_ledger where ${where.join(' and ')} ${order}`
      const { rows } = await ask<StoredRow>(this.#db, { text, values })
      yield* rows
      const last = rows.at(-1)
      if (!last || rows.length < asked) return
      from = [reverse ? '<' : '>', last.key]
      limit -= rows.length
    }
  }

  /** Number of the newest group; -1 before the first. */
  async group(): Promise<number> {
    const text = 'select "group" from reach_head where part = $1'
    return this.#groupOf(await ask<HeadRow>(this.#db, { name: 'group', text, values: [this.#part] }))
  }

  /** Begins a transaction whose turn has come: nobody else writes until it ends. Gives the newest group's number. */
  async beginAlone(): Promise<number> {
    // Not serializable, by necessity: after the wait the next statement must see what the others wrote.
    await ask(this.#db, { text: 'begin isolation level read committed' })
    const text = 'select "group" from reach_head where part = $1 for update'
    return this.#groupOf(await ask<HeadRow>(this.#db, { name: 'lock', text, values: [this.#part] }))
  }

  /** Everything read in `work` is of one moment. */
  async atOnce<Result>(work: () => Promise<Result>): Promise<Result> {
    await ask(this.#db, { text: 'begin isolation level repeatable read read only' })
    try {
      return await work()
    } finally {
      await this.rollback()
    }
  }

  async write(operations: Iterable<readonly [string, Buffer | undefined]>, group: number): Promise<void> {
    const last = new Map(operations)
    const puts = [...last].filter((one): one is [string, Buffer] => one[1] !== undefined)
    const gone = [...last].flatMap(([key, value]) => (value === undefined ? [Buffer.from(key)] : []))
    if (gone.length > 0) {
      const text = 'delete from reach_ledger where part = $1 and key = any($2::bytea[])'
      await ask(this.#db, { name: 'delete', text, values: [this.#part, gone] })
    }
    const text = `insert into reach_ledger (part, key, value)
      select $1, k, v from unnest($2::bytea[], $3::bytea[]) as t (k, v)
      on conflict (part, key) do update set value = excluded.value`
    const values = [this.#part, puts.map(([key]) => Buffer.from(key)), puts.map(([, value]) => value)]
    await ask(this.#db, { name: 'put', text, values })
    const head = 'update reach_head set "group" = $2 where part = $1'
    await ask(this.#db, { name: 'head', text: head, values: [this.#part, group] })
  }

  /** Stores a row that is of no group. */
  async keep(key: string, value: string): Promise<void> {
    const text =
      'insert into reach_ledger (part, key, value) values ($1, $2, $3) on conflict (part, key) do update set value = $3'
    await ask(this.#db, { text, values: [this.#part, Buffer.from(key), Buffer.from(value)] })
  }

  /** Throws `ConnectionLost` when nobody knows whether it happened. */
  async commit(): Promise<void> {
    const { command } = await ask(this.#db, { text: 'commit' })
    if (command !== 'COMMIT') throw new Error('the transaction was rolled back')
  }

  /** A lost connection has rolled back already. */
  async rollback(): Promise<void> {
    await ask(this.#db, { text: 'rollback' }).catch(() => undefined)
  }

  #groupOf({ rows: [head] }: pg.QueryResult<HeadRow>): number {
    if (!head) throw new LedgerForeign('the ledger is no longer in the database')
    return Number(head.group)
  }
}

interface StoredRow {
  readonly key: Buffer
  readonly value: Buffer
}
interface HeadRow {
  readonly group: string
}

const OPERATORS = [
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
] as const
