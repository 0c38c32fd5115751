/**
 * The one text of a JSON value, to hash and to sign: members sorted by UTF-16 code units, no space (RFC 8785;
 * numbers and strings are written as ECMAScript does, which is what it asks for). Members that are
 * `undefined` are left out. Throws `TypeError` for what JSON cannot say without loss: NaN, Infinity, lone
 * surrogates, functions, cycles.
 */
export function canonical(value: unknown): string {
  return write(value, 0)
}

/** Deeper than anything of ours; a cycle ends here as well. */
const deepest = 64

function write(value: unknown, depth: number): string {
  if (depth > deepest) throw new TypeError('nested too deeply for canonical JSON')
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`
  if (typeof value !== 'object') throw new TypeError('not a JSON value')
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => `${text(name)}:${write(member, depth + 1)}`)
  return `{${members.join(',')}}`
}

function text(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form')
  return JSON.stringify(value)
}
