import type { ReactNode } from 'react'
import { Dialog } from 'react-aria-components/Dialog'
import { Heading } from 'react-aria-components/Heading'
import { Modal, ModalOverlay } from 'react-aria-components/Modal'
import { Decision } from './decision.tsx'
import styles from './confirm.module.css'

/** The last look before something counts: what will be, in full, and the two answers. Escape is the second answer. */
export function Confirm({
  isOpen,
  title,
  yes,
  no,
  isPending,
  onYes,
  onNo,
  children,
}: {
  isOpen: boolean
  title: string
  yes: string
  no: string
  isPending: boolean
  onYes: () => void
  onNo: () => void
  children: ReactNode
}) {
  return (
    <ModalOverlay
      className={styles.overlay ?? ''}
      isOpen={isOpen}
      onOpenChange={(open) => {
        if (!open && !isPending) onNo()
      }}
      isDismissable={!isPending}
      isKeyboardDismissDisabled={isPending}
    >
      <Modal className={styles.modal ?? ''}>
        <Dialog className={styles.dialog ?? ''} role="alertdialog">
          <Heading slot="title" className={styles.title ?? ''}>
            {title}
          </Heading>
          <div className={styles.body}>{children}</div>
          <Decision
            first={{ label: yes, onChoose: onYes, isPending }}
            second={{ label: no, onChoose: onNo }}
          />
        </Dialog>
      </Modal>
    </ModalOverlay>
  )
}
