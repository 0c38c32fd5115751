import { DomainError } from '#core/domain/errors.ts'

/**
 * The parameters of a query string. Each may occur once, so that no two readers see two values, and must be
 * well encoded; `+` is a space and `null` (of Express: no query) is empty. Throws `invalid-input`. The object
 * has no prototype.
 */
export function parseQuery(text: string | null): Record<string, string> {
  const parameters: Record<string, string> = Object.create(null)
  for (const pair of (text ?? '').split('&').filter((part) => part !== '')) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? []
    const key = decode(name)
    if (key in parameters) throw new DomainError('invalid-input', 'A query parameter occurs twice')
    parameters[key] = decode(value)
  }
  return parameters
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new DomainError('invalid-input', 'The query is not well encoded')
  }
}
