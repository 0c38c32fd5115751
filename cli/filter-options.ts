import type { AuditFilter } from '#core/domain/audit.ts'
import { factTypes } from '#core/domain/facts.ts'
import { parseTime } from '#core/domain/times.ts'
import { moment } from './auditor.ts'
import { CommandFailed, EXIT } from './exit.ts'

export interface FilterOptions {
  readonly type?: string
  readonly vendor?: string
  readonly purpose?: string
  readonly grant?: string
  readonly from?: string
  readonly to?: string
}

/** Throws `CommandFailed` (usage) for a type or time that is none. */
export function filterFrom({ type, vendor, purpose, grant, from, to }: FilterOptions): AuditFilter {
  const types = type?.split(',')
  const unknown = types?.find((one) => !factTypes.some((known) => known === one))
  if (unknown !== undefined) throw new CommandFailed(EXIT.usage, `--type: there are ${factTypes.join(', ')}`)
  const since = time(from, '--from')
  const before = time(to, '--to')
  return {
    ...(types && { types }),
    ...(vendor !== undefined && { businesses: vendor.split(',') }),
    ...(purpose !== undefined && { purpose }),
    ...(grant !== undefined && { grant }),
    ...(since !== undefined && { since }),
    ...(before !== undefined && { before }),
  }
}

/** Unix ms of what was typed. */
export function time(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  const read = parseTime(moment(text))
  if (read === undefined) throw new CommandFailed(EXIT.usage, `${option} is no day and no RFC 3339 time`)
  return read
}
