import { useEffect, useRef, useState } from 'react'
import type { FormEvent } from 'react'
import { useSearchParams } from 'react-router'
import type { EmailView } from '#schemas/types.gen.ts'
import { useConfirmEmail, useNotifications, useRemoveEmail, useSetEmail } from '../data/notifications.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { TextField } from './controls.tsx'
import { Row, Section, Soft, Stack } from './layout.tsx'
import { Notice } from './notice.tsx'
import styles from './passkeys.module.css'
import { ProblemNote } from './problem-note.tsx'
import { PushHere } from './push-here.tsx'
import { Skeleton } from './skeleton.tsx'

/** How the customer is written to when something needs a look: by e-mail, if she asks for it. */
export function NotificationsSection() {
  const { text } = useText()
  const notifications = useNotifications()
  const { emailOffered, email } = notifications.data ?? {}
  return (
    <Section title={text('notifications.title')}>
      <Stack>
        <Soft>{text('notifications.lead')}</Soft>
        <Confirmation />
        {notifications.isError && (
          <ProblemNote error={notifications.error} onRetry={() => void notifications.refetch()} />
        )}
        {notifications.isPending && <Skeleton lines={2} />}
        {email !== undefined && <Address email={email} />}
        {emailOffered === true && email === undefined && <NewAddress />}
        {notifications.data !== undefined && <PushHere view={notifications.data} />}
        {emailOffered === false && <p>{text('notifications.not-here')}</p>}
      </Stack>
    </Section>
  )
}

/** The link of the first message leads here, once: the address in the browser forgets it. */
function Confirmation() {
  const { text } = useText()
  const [parameters, setParameters] = useSearchParams()
  const [token] = useState(() => parameters.get('confirm'))
  const confirm = useConfirmEmail()
  const { mutate } = confirm
  const isAsked = useRef(false)
  useEffect(() => {
    if (token === null || isAsked.current) return
    isAsked.current = true
    setParameters({}, { replace: true })
    mutate(token)
  }, [token, mutate, setParameters])
  if (confirm.isError)
    return (
      <Notice tone="attention" announce>
        <p>{text('notifications.confirm.failed')}</p>
      </Notice>
    )
  return confirm.isSuccess ? (
    <Notice tone="good" announce>
      <p>{text('notifications.confirmed')}</p>
    </Notice>
  ) : null
}

function Address({ email }: { email: EmailView }) {
  const { text, rich } = useText()
  const remove = useRemoveEmail()
  const again = useSetEmail()
  const address = <bdi>{email.address}</bdi>
  return (
    <div className={styles.form}>
      <p role="status">{rich(email.confirmed ? 'notifications.on' : 'notifications.waiting', { address })}</p>
      <Row>
        {!email.confirmed && (
          <Button small onPress={() => again.mutate(email.address)} isPending={again.isPending}>
            {text('notifications.again')}
          </Button>
        )}
        <Button small onPress={() => remove.mutate()} isPending={remove.isPending}>
          {text('notifications.stop')}
        </Button>
      </Row>
      {again.isError && <ProblemNote error={again.error} />}
      {remove.isError && <ProblemNote error={remove.error} />}
    </div>
  )
}

function NewAddress() {
  const { text } = useText()
  const set = useSetEmail()
  const [address, setAddress] = useState('')
  const [isWrong, setWrong] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const isAddress = /^[^\s@]+@[^\s@]+$/.test(address.trim())
    setWrong(!isAddress)
    if (isAddress && !set.isPending) set.mutate(address.trim())
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextField
        label={text('notifications.email')}
        type="email"
        inputMode="email"
        autoComplete="email"
        spellCheck={false}
        maxLength={254}
        value={address}
        onChange={setAddress}
        description={text('notifications.email.rule')}
        error={isWrong ? text('notifications.email.wrong') : undefined}
        isRequired
      />
      {set.isError && <ProblemNote error={set.error} />}
      <Button type="submit" isPending={set.isPending}>
        {text('notifications.act')}
      </Button>
    </form>
  )
}
