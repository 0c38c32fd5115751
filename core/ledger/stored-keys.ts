/** Spells the keys of the database, whichever it is. Numbers are padded, so that key order is their order. */

/** Part of the keys, in the order of their UTF-8 bytes. */
export interface KeyRange {
  readonly gt?: string
  readonly gte?: string
  readonly lt?: string
  readonly lte?: string
  readonly reverse?: boolean
  readonly limit?: number
}

/** What every database of a ledger can read. */
export interface Stored {
  get(key: string): Promise<Buffer | undefined>
  /** In the order of the keys. */
  getMany(keys: string[]): Promise<(Buffer | undefined)[]>
  keys(range: KeyRange): AsyncIterable<string>
  iterator(range: KeyRange): AsyncIterable<[key: string, value: Buffer]>
}

const pad = (n: number): string => String(n).padStart(16, '0')

/**
 * Which form all the others have: absent for the first, in which counters did not say with which entries they were raised; 2 where
 * each group wrote all counters that it raised, and no box was deflated. No two differ in one bit only.
 */
export const FORMAT_KEY = 'f'
export const FORMAT = '4'
/** Those that are read. */
export const FORMATS: readonly string[] = ['2', FORMAT]
/** Of a store that is being copied, or was: see `copy-marks.ts`. */
export const COPY_KEY = 'c'
/** Signed checkpoint of the newest group that had entries. */
export const HEAD_KEY = 'h'
/** Entries `first` and following of one group and one bundle, in wire form. */
export const entriesKey = (first: number): string => `e${pad(first)}`
/** Sealed policy facts of the group whose first entry is `first`. */
export const boxKey = (first: number): string => `o${pad(first)}`
export const tileKey = (level: number, index: number): string =>
  `t${String(level).padStart(2, '0')}${pad(index)}`
/** One contiguous row per group. */
export const groupKey = (group: number): string => `b${pad(group)}`
export const rowKey = (key: string): string => `s${key}`
export const counterKey = (key: string): string => `n${key}`
/** Index of rows that expire. */
export const expiryKey = (time: number, key: string): string => `x${pad(time)}${key}`
export const expiryOf = (stored: string): { time: number; key: string } => ({
  time: Number(stored.slice(1, 17)),
  key: stored.slice(17),
})
/** A full run of the entries that a counter was raised with, from `first` on. */
export const runKey = (key: string, first: number): string => `r${key}\0${pad(first)}`
/** Index of the entries of a thread. No thread and no key may hold the separator. */
export const threadKey = (thread: string, index: number): string => `i${thread}\0${pad(index)}`

/** The number at the end of a stored key. */
export const numberOfKey = (stored: string): number => Number(stored.slice(-16))

const MAX_KEY_CHARACTERS = 1024

/** Throws `TypeError` for what cannot be a key or thread: it would be stored under another spelling. */
export function checkKey(key: string): void {
  if (key.length === 0 || key.length > MAX_KEY_CHARACTERS || key.includes('\0') || !key.isWellFormed())
    throw new TypeError('a key must be 1 to 1024 well-formed characters without NUL')
}
