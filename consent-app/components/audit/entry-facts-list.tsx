import { Link } from 'react-router'
import { useLanguage } from '../../messages/language.tsx'
import { useFormats } from '../../messages/text.tsx'
import { useAuditText } from './audit-text.tsx'
import { Fact, Facts } from '../layout.tsx'
import { useReview } from './audit-shell.tsx'
import { readEntryFacts } from './entry-facts.ts'

/** All that an entry says, row by row; members that have no words of ours stand under their own name. */
export function EntryFactsList({ line }: { line: string }) {
  const { text, named } = useAuditText()
  const formats = useFormats()
  const { nameOf } = useReview()
  const { language } = useLanguage()
  const { type, time, vendor, grant, purposes, fields, rest } = readEntryFacts(line, language)
  return (
    <Facts>
      <Fact name={text('audit.filter.type')}>
        {named('type', type)} <code>{type}</code>
      </Fact>
      <Fact name={text('audit.fact.time')}>
        <time dateTime={new Date(time).toISOString()}>{formats.moment(time)}</time>
      </Fact>
      {vendor !== undefined && (
        <Fact name={text('audit.filter.business')}>
          <bdi>{nameOf(vendor)}</bdi> <code>{vendor}</code>
        </Fact>
      )}
      {grant !== undefined && (
        <Fact name={text('audit.filter.grant')}>
          <Link to={`/audit/grants/${grant}`}>
            <code>{grant}</code>
          </Link>
        </Fact>
      )}
      {purposes.length > 0 && <Fact name={text('audit.filter.purpose')}>{formats.list(purposes)}</Fact>}
      {fields.length > 0 && <Fact name={text('audit.fact.fields')}>{formats.list(fields)}</Fact>}
      {rest.map(([name, value]) => (
        <Fact key={name} name={name}>
          <code>{value}</code>
        </Fact>
      ))}
    </Facts>
  )
}
