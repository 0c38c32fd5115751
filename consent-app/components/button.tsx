import type { ReactNode } from 'react'
import { Button as AriaButton } from 'react-aria-components/Button'
import { Link } from 'react-router'
import { classNames } from './class-names.ts'
import styles from './button.module.css'

/**
 * `solid` carries a page's one act and both sides of a decision; `outline` what else can be done; `quiet` reads as
 * text. Colour never makes one answer of a decision look better than the other.
 */
export type ButtonLook = 'solid' | 'outline' | 'quiet'

interface ButtonProps {
  look?: ButtonLook
  wide?: boolean
  small?: boolean
  type?: 'button' | 'submit'
  onPress?: () => void
  isPending?: boolean
  /** Where the visible words alone do not tell what is meant; it begins with them. */
  'aria-label'?: string
  /** Shows and hides what has this id. */
  expands?: { readonly isOpen: boolean; readonly what: string }
  children: ReactNode
}

/** While pending it keeps its size, its contrast and its place in the Tab order, and takes no further press. */
export function Button({
  look = 'outline',
  wide = false,
  small = false,
  type = 'button',
  onPress,
  isPending = false,
  expands,
  children,
  ...named
}: ButtonProps) {
  return (
    <AriaButton
      {...named}
      {...(expands === undefined ? {} : { 'aria-expanded': expands.isOpen, 'aria-controls': expands.what })}
      className={buttonClass(look, { wide, small })}
      type={isPending ? 'button' : type}
      onPress={() => {
        if (!isPending) onPress?.()
      }}
      aria-disabled={isPending}
      data-busy={isPending}
    >
      <span className={styles.label}>{children}</span>
      {isPending && <span className={styles.spinner} aria-hidden="true" />}
    </AriaButton>
  )
}

interface LinkButtonProps {
  look?: ButtonLook
  wide?: boolean
  small?: boolean
  children: ReactNode
}

/** A link within the app that looks like a button. */
export function LinkButton({
  to,
  look = 'outline',
  wide,
  small,
  children,
}: LinkButtonProps & { to: string }) {
  return (
    <Link to={to} className={buttonClass(look, { wide, small })}>
      <span className={styles.label}>{children}</span>
    </Link>
  )
}

/** A link that leaves the app. */
export function WayOut({ href, look = 'solid', wide, small, children }: LinkButtonProps & { href: string }) {
  return (
    <a href={href} className={buttonClass(look, { wide, small })}>
      <span className={styles.label}>{children}</span>
    </a>
  )
}

function buttonClass(
  look: ButtonLook,
  { wide, small }: { wide?: boolean | undefined; small?: boolean | undefined },
): string {
  return classNames(styles.button, styles[look], wide === true && styles.wide, small === true && styles.small)
}
