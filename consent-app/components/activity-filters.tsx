import { useId, useRef, useState } from 'react'
import { activityKinds } from '#core/domain/activity.ts'
import type { ActivityItem, VendorView } from '#schemas/types.gen.ts'
import { useBoundaries } from '../data/boundaries.ts'
import { useCatalogue } from '../data/catalogue.ts'
import { useGrants } from '../data/grants.ts'
import { useText } from '../messages/text.tsx'
import { filterNames } from './activity-filter.ts'
import type { FilterDraft, FilterName } from './activity-filter.ts'
import styles from './activity-filters.module.css'
import { Button } from './button.tsx'
import { SelectField, TextField } from './controls.tsx'
import { useFilterDraft } from './filter-draft.ts'
import { Card, Row } from './layout.tsx'

interface ActivityFiltersProps {
  filter: FilterDraft
  onChange: (filter: FilterDraft) => void
  /** What is shown: businesses that never had a permission are known from there. */
  items: readonly ActivityItem[]
}

/** Words to look for, and behind one press all else that narrows. Takes effect when sent, not with every key. */
export function ActivityFilters({ filter, onChange, items }: ActivityFiltersProps) {
  const { text } = useText()
  const panel = useId()
  const form = useRef<HTMLFormElement>(null)
  const [draft, setDraft] = useFilterDraft(filter)
  const chosen = filterNames.filter((name) => name !== 'q' && filter[name] !== undefined).length
  const [isOpen, setOpen] = useState(chosen > 0)
  const isBlank = filterNames.every((name) => (draft[name] ?? filter[name]) === undefined)
  const options = useOptions(items, filter.business)
  const isBackward = draft.from !== undefined && draft.to !== undefined && draft.from > draft.to
  const field = (name: FilterName) => ({
    label: text(`activity.filter.${name}`),
    value: draft[name] ?? '',
    onChange: (value: string) => setDraft({ ...draft, [name]: value === '' ? undefined : value }),
  })
  const any = text('activity.filter.any')
  return (
    <Card tone="sunk">
      <form
        ref={form}
        role="search"
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (!isBackward) onChange(draft)
        }}
      >
        <TextField {...field('q')} description={text('activity.filter.q.explain')} maxLength={100} />
        <div id={panel} className={styles.more} hidden={!isOpen}>
          <SelectField {...field('business')} options={options.businesses} placeholder={any} />
          <SelectField {...field('kind')} options={options.kinds} placeholder={any} />
          <SelectField {...field('field')} options={options.fields} placeholder={any} />
          <TextField {...field('from')} type="date" />
          <TextField
            {...field('to')}
            type="date"
            error={isBackward ? text('activity.filter.backward') : undefined}
          />
        </div>
        <Row>
          <Button type="submit" look="solid" small>
            {text('activity.filter.act')}
          </Button>
          <Button small expands={{ isOpen, what: panel }} onPress={() => setOpen(!isOpen)}>
            {text('activity.filter.more', { count: chosen })}
          </Button>
          {!isBlank && (
            <Button
              small
              look="quiet"
              onPress={() => {
                // What was typed and not looked for goes, too; and the button, with what it was about.
                setDraft({})
                onChange({})
                form.current?.querySelector('input')?.focus()
              }}
            >
              {text('activity.filter.clear')}
            </Button>
          )}
        </Row>
      </form>
    </Card>
  )
}

function useOptions(items: readonly ActivityItem[], asked: string | undefined) {
  const { text } = useText()
  const grants = useGrants().data ?? []
  const boundaries = useBoundaries().data ?? []
  const { categories } = useCatalogue()
  const known: readonly VendorView[] = [...grants, ...boundaries, ...items].flatMap(
    ({ vendor }) => vendor ?? [],
  )
  const names = new Map(known.map(({ vendorId, name }) => [vendorId, name]))
  if (asked !== undefined && !names.has(asked)) names.set(asked, text('activity.business'))
  return {
    businesses: [...names]
      .map(([value, label]) => ({ value, label }))
      .toSorted((a, b) => a.label.localeCompare(b.label)),
    kinds: activityKinds.map((kind) => ({ value: kind as string, label: text(`activity.kind.${kind}`) })),
    fields: categories.flatMap(({ category, title, fields }) => [
      { value: category, label: title },
      ...fields.map((one) => ({ value: one.field, label: `${title}: ${one.title}` })),
    ]),
  }
}
