import { useId, useState } from 'react'
import type { VendorView } from '#schemas/types.gen.ts'
import { vaultUrl } from '../data/ask.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { isWebAddress } from '../mount.ts'
import { Button } from './button.tsx'
import styles from './business.module.css'
import { Icon } from './icons.tsx'
import { Fact, Facts, Soft, Theirs } from './layout.tsx'

/**
 * Who a business is, without a click: its name, its legal name, how to reach it, and whether it has proven its domain.
 * Proven and not proven are two pictures that nobody takes for one another: the first names the domain, the second is a
 * framed warning, and only the first may show a logo. All else is the business's own text, shown inert.
 */
export function BusinessCard({ vendor }: { vendor: VendorView }) {
  const { text } = useText()
  const { name, legalName, contact } = vendor
  return (
    <div className={styles.card} data-proven={vendor.domainProven}>
      <BusinessMark vendor={vendor} />
      <div className={styles.who}>
        <p className={styles.name}>
          <Theirs>{name}</Theirs>
        </p>
        {legalName !== undefined && legalName !== name && (
          <p className={styles.line}>
            {text('business.legal-name')} <Theirs>{legalName}</Theirs>
          </p>
        )}
        <Proof vendor={vendor} />
        {contact !== undefined && (
          <p className={styles.line}>
            {text('business.contact')} <ContactLink contact={contact} />
          </p>
        )}
        <WhoIsThis vendor={vendor} />
      </div>
    </div>
  )
}

/** Our words about the business, told apart from its own by their frame. */
function Proof({ vendor }: { vendor: VendorView }) {
  const { text, rich } = useText()
  const { domain, domainProven, website } = vendor
  const host = isWebAddress(website) ? new URL(website).host : undefined
  if (domainProven && domain !== undefined)
    return (
      <p className={styles.proven}>
        <Icon name="shield" size={18} />
        <span>{rich('business.proven', { domain: <Theirs>{domain}</Theirs> })}</span>
      </p>
    )
  return (
    <p className={styles.unproven}>
      <Icon name="question" size={18} />
      <span>
        {host === undefined
          ? text('business.no-site')
          : rich('business.unproven', { domain: <Theirs>{host}</Theirs> })}
      </span>
    </p>
  )
}

/** Everything the business says of itself, and what of it was checked. */
function WhoIsThis({ vendor }: { vendor: VendorView }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const [isOpen, setOpen] = useState(false)
  const details = useId()
  const { legalName, jurisdiction, dataProtectionContact, privacyPolicy, website } = vendor
  return (
    <div className={styles.more}>
      <Button look="quiet" small onPress={() => setOpen(!isOpen)} expands={{ isOpen, what: details }}>
        {text('business.who')}
      </Button>
      <div id={details} hidden={!isOpen} className={styles.details}>
        <Facts>
          <Fact name={text('business.who.legal-name')}>
            <Told>{legalName}</Told>
          </Fact>
          <Fact name={text('business.who.jurisdiction')}>
            {jurisdiction === undefined ? text('business.not-told') : formats.country(jurisdiction)}
          </Fact>
          <Fact name={text('business.who.data-protection')}>
            {dataProtectionContact === undefined ? (
              text('business.not-told')
            ) : (
              <ContactLink contact={dataProtectionContact} />
            )}
          </Fact>
          <Fact name={text('business.who.website')}>
            {isWebAddress(website) ? (
              <Out href={website}>{new URL(website).host}</Out>
            ) : (
              text('business.not-told')
            )}
          </Fact>
          <Fact name={text('business.who.policy')}>
            {isWebAddress(privacyPolicy) ? (
              <Out href={privacyPolicy}>{new URL(privacyPolicy).host}</Out>
            ) : (
              text('business.not-told')
            )}
          </Fact>
        </Facts>
        <Soft>
          {vendor.domainProven && vendor.domain !== undefined
            ? rich('business.who.checked', { domain: <Theirs>{vendor.domain}</Theirs> })
            : text('business.who.unchecked')}
        </Soft>
      </div>
    </div>
  )
}

function Told({ children }: { children: string | undefined }) {
  const { text } = useText()
  return children === undefined ? text('business.not-told') : <Theirs>{children}</Theirs>
}

function Out({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      <Theirs>{children}</Theirs>
    </a>
  )
}

/** An address to write to or a page; anything else stays text. */
export function ContactLink({ contact }: { contact: string }) {
  const href = isWebAddress(contact)
    ? contact
    : /^[^\s@:]+@[^\s@:]+$/.test(contact)
      ? `mailto:${contact}`
      : undefined
  return href === undefined ? <Theirs>{contact}</Theirs> : <Out href={href}>{contact}</Out>
}

/**
 * The logo of a business that has proven its domain, as we keep and serve it; for any other the first letter of its name
 * in a quiet square. An address that is not below the vault's own is never loaded.
 */
export function BusinessMark({ vendor, small = false }: { vendor: VendorView; small?: boolean }) {
  const [isBroken, setBroken] = useState(false)
  const address = vendor.domainProven && !isBroken ? logoOf(vendor) : undefined
  if (address === undefined) return <BusinessInitial name={vendor.name} small={small} />
  return (
    <span className={small ? styles.initialSmall : styles.initial}>
      <img src={address} alt="" decoding="async" onError={() => setBroken(true)} className={styles.logo} />
    </span>
  )
}

function logoOf({ logo }: VendorView): string | undefined {
  if (logo === undefined) return undefined
  const { href } = vaultUrl(logo.path)
  return href.startsWith(vaultUrl('').href) ? href : undefined
}

/** Enough to tell rows apart, and nothing a business can dress up. */
function BusinessInitial({ name, small }: { name: string; small: boolean }) {
  return (
    <span className={small ? styles.initialSmall : styles.initial} aria-hidden="true">
      {[...name.trim()][0]?.toUpperCase() ?? '?'}
    </span>
  )
}
