import { useSearchParams } from 'react-router'
import { factTypes } from '#core/domain/facts.ts'
import { findPurpose, purposes } from '#core/domain/purposes.ts'
import type { AuditFilter } from '#schemas/types.gen.ts'
import { useAuditText } from './audit-text.tsx'
import { Button } from '../button.tsx'
import { SelectField, TextField } from '../controls.tsx'
import { useFilterDraft } from '../filter-draft.ts'
import { Card, Row } from '../layout.tsx'
import { useLanguage } from '../../messages/language.tsx'
import { useReview } from './audit-shell.tsx'
import styles from './filters.module.css'

const names = ['type', 'business', 'purpose', 'grant', 'from', 'to', 'upTo', 'asOf'] as const
export type FilterName = (typeof names)[number]
type Draft = Readonly<Partial<Record<FilterName, string>>>

/** The filter of the address, so that a view can be shared; days are those of UTC, as in the log. */
export function useFilter(): {
  filter: AuditFilter
  asOf: string | undefined
  /** Number of the newest entry that is looked at; absent: the newest there is. */
  upTo: number | undefined
  draft: Draft
} {
  const [parameters] = useSearchParams()
  const draft: Draft = Object.fromEntries(
    names.flatMap((name) => {
      const value = parameters.get(name) ?? ''
      return value === '' ? [] : [[name, value]]
    }),
  )
  const { type, business, purpose, grant, from, to, upTo, asOf } = draft
  const filter: AuditFilter = {
    ...(type !== undefined && { types: [type] }),
    ...(business !== undefined && { businesses: [business] }),
    ...(purpose !== undefined && { purpose }),
    ...(grant !== undefined && { grant }),
    ...(from !== undefined && { from: `${from}T00:00:00Z` }),
    ...(to !== undefined && { to: dayAfter(to) }),
  }
  return {
    filter,
    asOf: asOf === undefined ? undefined : `${asOf}T23:59:59.999Z`,
    upTo: /^\d{1,15}$/.test(upTo ?? '') ? Number(upTo) : undefined,
    draft,
  }
}

function dayAfter(day: string): string {
  const time = Date.parse(`${day}T00:00:00Z`)
  return Number.isNaN(time) ? day : new Date(time + 86_400_000).toISOString()
}

/** Changes the address, and by it what is looked at: one look per press, not one per key. */
export function Filters({ shown }: { shown: readonly FilterName[] }) {
  const { text, named } = useAuditText()
  const { auditor } = useReview()
  const { language } = useLanguage()
  const [, setParameters] = useSearchParams()
  const { draft: kept } = useFilter()
  const [draft, setDraft] = useFilterDraft(kept)
  const set = (name: FilterName) => (value: string) => setDraft({ ...draft, [name]: value })
  const field = (name: FilterName) => ({
    label: text(`audit.filter.${name}`),
    value: draft[name] ?? '',
    onChange: set(name),
  })
  const any = text('audit.filter.any')
  const hides = (member: string) => auditor.shown?.includes(member) === false
  // What an invitation hides cannot be asked about either.
  const hidden: Readonly<Partial<Record<FilterName, boolean>>> = {
    business: hides('vendor'),
    purpose: hides('purpose') || hides('items'),
    grant: hides('grant'),
  }
  const options = {
    type: factTypes.map((type) => ({ value: type, label: named('type', type) })),
    business: auditor.businesses.map(({ vendorId, name }) => ({ value: vendorId, label: name })),
    purpose: purposes.map(({ id, title }) => ({
      value: id,
      label: findPurpose(id, language)?.title ?? title,
    })),
  }
  return (
    <Card tone="sunk">
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault()
          setParameters(Object.entries(draft).filter(([, value]) => value !== ''))
        }}
      >
        {shown
          .filter((name) => hidden[name] !== true)
          .map((name) =>
            name === 'type' || name === 'business' || name === 'purpose' ? (
              <SelectField key={name} {...field(name)} options={options[name]} placeholder={any} />
            ) : (
              <TextField
                key={name}
                {...field(name)}
                type={name === 'grant' || name === 'upTo' ? 'text' : 'date'}
              />
            ),
          )}
        <div className={styles.acts}>
          <Row>
            <Button type="submit" look="solid" small>
              {text('audit.filter.act')}
            </Button>
            <Button
              small
              look="quiet"
              onPress={() => {
                setDraft({})
                setParameters([])
              }}
            >
              {text('audit.filter.clear')}
            </Button>
          </Row>
        </div>
      </form>
    </Card>
  )
}
