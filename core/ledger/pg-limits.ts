/**
 * Counts of how often something was asked, kept by all replicas on one database together. They are worth no wait: when the
 * database does not answer at once each replica counts by itself, and they need not outlive a crash of the server.
 */
import { RateLimiterMemory, RateLimiterPostgres, type RateLimiterAbstract } from 'rate-limiter-flexible'
import { createTable, openPool } from './pg-database.ts'

const TABLE = 'reach_limits'
/** As rate-limiter-flexible reads it. */
const COLUMNS = 'key varchar(255) primary key, points integer not null default 0, expire bigint'
const CONNECTIONS = 4
const PATIENCE_MS = 250

export interface PgLimits extends AsyncDisposable {
  /** `name` tells counts of one kind from those of another; `duration` in seconds. */
  open(options: { name: string; points: number; duration: number }): RateLimiterAbstract
}

/** `patience`: how long a question waits for the database before it is counted here alone, in ms. Throws `ConnectionLost`. */
export async function openPgLimits(url: string, patience = PATIENCE_MS): Promise<PgLimits> {
  const pool = openPool(url, CONNECTIONS, {
    connectionTimeoutMillis: patience,
    query_timeout: patience,
    options: '-c synchronous_commit=off',
  })
  await createTable(url, `create table if not exists ${TABLE} (${COLUMNS})`)
  return {
    open: ({ name, ...limit }) =>
      new RateLimiterPostgres({
        ...limit,
        storeClient: pool,
        storeType: 'pool',
        tableName: TABLE,
        tableCreated: true,
        keyPrefix: name,
        insuranceLimiter: new RateLimiterMemory(limit),
      }),
    [Symbol.asyncDispose]: () => pool.end(),
  }
}
