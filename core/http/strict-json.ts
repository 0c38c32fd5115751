import { DomainError } from '#core/domain/errors.ts'

const maxDepth = 32

/**
 * JSON for input of others, as strict as I-JSON (RFC 7493): no member twice in an object, no lone surrogates,
 * no number beyond a double, and besides no `__proto__` and nesting of at most 32. Two readers of one text
 * can then not see two things. Throws `invalid-input`, with the place but never the text.
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The message of the SyntaxError quotes the input, so it is dropped and not even kept as the cause.
    throw new DomainError('invalid-input', 'The text is not JSON')
  }
  checkStructure(text)
  return value
}

interface Level {
  /** Names seen so far; undefined in an array. */
  readonly names: Set<string> | undefined
  awaitsName: boolean
}

/** One pass over a text that is known to be JSON, so that only structure and strings need looking at. */
function checkStructure(text: string): void {
  const levels: Level[] = []
  for (let at = 0; at < text.length; at++) {
    const level = levels.at(-1)
    const character = text.charAt(at)
    switch (character) {
      case '{':
      case '[':
        if (levels.length === maxDepth) throw refusal('nested too deeply')
        levels.push({ names: character === '{' ? new Set() : undefined, awaitsName: character === '{' })
        break
      case '}':
      case ']':
        levels.pop()
        break
      case ',':
        if (level !== undefined) level.awaitsName = level.names !== undefined
        break
      case '"': {
        const end = endOfString(text, at)
        const content = readString(text.slice(at, end + 1))
        if (level?.names !== undefined && level.awaitsName) addName(level.names, content)
        if (level !== undefined) level.awaitsName = false
        at = end
        break
      }
      default:
        if ('-0123456789'.includes(character)) at = endOfNumber(text, at)
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** Behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let before = at
  while (text[before - 1] === '\\') before--
  return (at - before) % 2 === 1
}

function endOfNumber(text: string, start: number): number {
  let end = start
  while (end + 1 < text.length && '+-.eE0123456789'.includes(text[end + 1] ?? '')) end++
  if (!Number.isFinite(Number(text.slice(start, end + 1)))) throw refusal('a number is too large')
  return end
}

function readString(quoted: string): string {
  const content = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
  if (!content.isWellFormed()) throw refusal('a string is not well-formed Unicode')
  return content
}

function addName(names: Set<string>, name: string): void {
  if (name === '__proto__') throw refusal('a member has a forbidden name')
  if (names.has(name)) throw refusal('a member occurs twice in one object')
  names.add(name)
}

function refusal(problem: string): DomainError {
  return new DomainError('invalid-input', `The JSON is not acceptable: ${problem}`)
}
