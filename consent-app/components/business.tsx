import type { VendorView } from '#schemas/types.gen.ts'
import type { MessageId } from '../messages/locale.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { isWebAddress } from '../mount.ts'
import styles from './business.module.css'
import { Icon } from './icons.tsx'
import { Theirs } from './layout.tsx'

/**
 * Who a business is, without a click: its name, whether its domain is proven, how to reach it. All of it is the
 * business's own text, shown inert; no picture of a business is ever loaded.
 */
export function BusinessCard({ vendor }: { vendor: VendorView }) {
  const { text } = useText()
  const host = isWebAddress(vendor.website) ? new URL(vendor.website).host : undefined
  return (
    <div className={styles.card}>
      <BusinessInitial name={vendor.name} />
      <div className={styles.who}>
        <p className={styles.name}>
          <Theirs>{vendor.name}</Theirs>
        </p>
        {host !== undefined && (
          <p className={styles.line}>
            <a href={vendor.website} target="_blank" rel="noopener noreferrer">
              <bdi>{host}</bdi>
            </a>
          </p>
        )}
        <p className={styles.line} data-proven={vendor.domainProven}>
          <Icon name={vendor.domainProven ? 'shield' : 'question'} size={18} />
          {text(proofOf(vendor.domainProven, host))}
        </p>
        <Contact vendor={vendor} />
      </div>
    </div>
  )
}

function Contact({ vendor }: { vendor: VendorView }) {
  const { text } = useText()
  const formats = useFormats()
  const { contact, privacyPolicy, jurisdiction } = vendor
  return (
    <ul className={styles.contact}>
      {contact !== undefined && (
        <li>
          {text('business.contact')} <ContactLink contact={contact} />
        </li>
      )}
      {jurisdiction !== undefined && (
        <li>
          {text('business.jurisdiction')} {formats.country(jurisdiction)}
        </li>
      )}
      {isWebAddress(privacyPolicy) && (
        <li>
          <a href={privacyPolicy} target="_blank" rel="noopener noreferrer">
            {text('business.policy')}
          </a>
        </li>
      )}
    </ul>
  )
}

/** An address to write to or a page; anything else stays text. */
export function ContactLink({ contact }: { contact: string }) {
  const href = isWebAddress(contact)
    ? contact
    : /^[^\s@:]+@[^\s@:]+$/.test(contact)
      ? `mailto:${contact}`
      : undefined
  return href === undefined ? (
    <Theirs>{contact}</Theirs>
  ) : (
    <a href={href} target="_blank" rel="noopener noreferrer">
      <Theirs>{contact}</Theirs>
    </a>
  )
}

/** The first letter of a name in a quiet square: enough to tell rows apart, and nothing a business can dress up. */
export function BusinessInitial({ name, small = false }: { name: string; small?: boolean }) {
  return (
    <span className={small ? styles.initialSmall : styles.initial} aria-hidden="true">
      {[...name.trim()][0]?.toUpperCase() ?? '?'}
    </span>
  )
}

function proofOf(proven: boolean, host: string | undefined): MessageId {
  if (host === undefined) return 'business.no-site'
  return proven ? 'business.proven' : 'business.unproven'
}
