import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'
import { Icon } from './icons.tsx'
import type { IconName } from './icons.tsx'
import styles from './notice.module.css'

type Tone = 'plain' | 'good' | 'attention' | 'stop'

const icons: Record<Tone, IconName> = {
  plain: 'question',
  good: 'check',
  attention: 'question',
  stop: 'cross',
}

/** Something to know, with what can be done about it. `announce` when it comes up in answer to what one did. */
export function Notice({
  tone = 'plain',
  title,
  announce = false,
  icon,
  actions,
  children,
}: {
  tone?: Tone
  title?: string
  announce?: boolean
  icon?: IconName
  actions?: ReactNode
  children?: ReactNode
}) {
  return (
    <div className={classNames(styles.notice, styles[tone])} role={announce ? 'alert' : undefined}>
      <Icon name={icon ?? icons[tone]} />
      <div className={styles.body}>
        {title !== undefined && <p className={styles.title}>{title}</p>}
        {children}
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </div>
    </div>
  )
}
