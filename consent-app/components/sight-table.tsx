import { useState } from 'react'
import { Link } from 'react-router'
import { useCatalogue } from '../data/catalogue.ts'
import type { CatalogueCategory } from '../data/catalogue.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { BusinessMark } from './business.tsx'
import type { SightRow } from './grant-facts.ts'
import { useGrowing } from './growing-list.ts'
import { Theirs, VisuallyHidden } from './layout.tsx'
import { MoreButton } from './more-button.tsx'
import styles from './sight-table.module.css'

/** Rows at a glance. */
const some = 12

/**
 * Businesses by categories, those that see most first; of many the first ones, and more with a press. A lit cell counts what the business can read there now; on a phone, where a table has no
 * room, the cells that are not lit fall away and the lit ones name themselves.
 */
export function SightTable({ rows }: { rows: readonly SightRow[] }) {
  const { text } = useText()
  // Many categories, of which few are seen by anybody: a column for each of these.
  const categories = useCatalogue().categories.filter(({ category }) =>
    rows.some(({ titles }) => titles.has(category)),
  )
  const [count, setCount] = useState(some)
  const seen = ({ titles }: SightRow) => [...titles.values()].flat().length
  const ordered = rows.toSorted((one, other) => seen(other) - seen(one) || other.reads - one.reads)
  const left = rows.length - count
  const { list, grow } = useGrowing<HTMLTableSectionElement>('tr')
  return (
    <div className={styles.frame}>
      <table className={styles.table}>
        <caption>
          <VisuallyHidden>{text('sight.caption')}</VisuallyHidden>
        </caption>
        <thead>
          <tr>
            <th scope="col">
              <VisuallyHidden>{text('sight.business')}</VisuallyHidden>
            </th>
            {categories.map(({ category, title }) => (
              <th key={category} scope="col">
                {title}
              </th>
            ))}
            <th scope="col" className={styles.reads}>
              {text('sight.reads')}
            </th>
          </tr>
        </thead>
        <tbody ref={list}>
          {ordered.slice(0, count).map((row) => (
            <Row key={row.vendor.vendorId} row={row} categories={categories} />
          ))}
        </tbody>
      </table>
      {left > 0 && (
        <div className={styles.all}>
          <MoreButton
            left={left}
            onMore={(most) => {
              grow()
              setCount(count + most)
            }}
          />
        </div>
      )}
    </div>
  )
}

function Row({ row, categories }: { row: SightRow; categories: readonly CatalogueCategory[] }) {
  const { text } = useText()
  const formats = useFormats()
  const [first] = row.grants
  const to =
    row.grants.length === 1 && first !== undefined
      ? `/relationships/${encodeURIComponent(first.grantId)}`
      : '/relationships'
  return (
    <tr>
      <th scope="row" className={styles.business}>
        <Link to={to}>
          <BusinessMark vendor={row.vendor} small />
          <Theirs>{row.vendor.name}</Theirs>
        </Link>
      </th>
      {categories.map(({ category, title }) => {
        const titles = row.titles.get(category)
        return (
          <td key={category} data-lit={titles !== undefined}>
            {titles === undefined ? (
              <>
                <span className={styles.dark} aria-hidden="true" />
                <VisuallyHidden>{text('sight.none')}</VisuallyHidden>
              </>
            ) : (
              <span className={styles.lit} title={formats.list(titles)}>
                <span className={styles.category}>{title}</span>
                <span aria-hidden="true">{titles.length}</span>
                <VisuallyHidden>{formats.list(titles)}</VisuallyHidden>
              </span>
            )}
          </td>
        )
      })}
      <td className={styles.reads}>{text('sight.reads.count', { count: row.reads })}</td>
    </tr>
  )
}
