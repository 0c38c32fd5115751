import { useState } from 'react'
import type { FormEvent } from 'react'
import type { Me, PasskeyView } from '#schemas/types.gen.ts'
import {
  canUsePasskeys,
  useMakePasskey,
  useNamePasskey,
  usePasskeys,
  useRemovePasskey,
} from '../data/passkeys.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Confirm } from './confirm.tsx'
import { TextField } from './controls.tsx'
import { Card, Row, Section, Soft, Stack } from './layout.tsx'
import { PasskeyProblem } from './passkey-problem.tsx'
import styles from './passkeys.module.css'
import { ProblemNote } from './problem-note.tsx'
import { Skeleton } from './skeleton.tsx'

const longestName = 60

/** The customer's passkeys: what they open, one line each, a new one, and how she gets in without any. */
export function PasskeysSection({ me }: { me: Me }) {
  const { text } = useText()
  const passkeys = usePasskeys()
  return (
    <Section title={text('passkeys.title')}>
      <Stack>
        <Soft>{text('passkeys.lead')}</Soft>
        {passkeys.isError && <ProblemNote error={passkeys.error} onRetry={() => void passkeys.refetch()} />}
        {passkeys.isPending && <Skeleton lines={2} />}
        {passkeys.data?.length === 0 && <p>{text('passkeys.none')}</p>}
        {passkeys.data !== undefined && passkeys.data.length > 0 && (
          <ul className={styles.list}>
            {passkeys.data.map((passkey) => (
              <li key={passkey.id}>
                <Card>
                  <Passkey passkey={passkey} />
                </Card>
              </li>
            ))}
          </ul>
        )}
        {me.byPasskey === true ? (
          <Soft>{text('passkeys.make.at-pod')}</Soft>
        ) : canUsePasskeys() ? (
          <NewPasskey />
        ) : (
          <Soft>{text('passkeys.make.not-here')}</Soft>
        )}
        <Soft>{text('passkeys.recovery')}</Soft>
      </Stack>
    </Section>
  )
}

function NewPasskey() {
  const { text } = useText()
  const make = useMakePasskey()
  const [name, setName] = useState(text('passkeys.usual-name'))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (name.trim() !== '' && !make.isPending) make.mutate(name.trim())
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextField
        label={text('passkeys.name')}
        value={name}
        onChange={setName}
        maxLength={longestName}
        error={name.trim() === '' ? text('passkeys.name.missing') : undefined}
        isRequired
      />
      {make.isError && <PasskeyProblem error={make.error} />}
      <Button type="submit" isPending={make.isPending}>
        {text('passkeys.make')}
      </Button>
      <p role="status" className={styles.told}>
        {make.isSuccess && text('passkey.made')}
      </p>
    </form>
  )
}

function Passkey({ passkey }: { passkey: PasskeyView }) {
  const { text } = useText()
  const formats = useFormats()
  const { id, name, synced, usedNow, createdAt, lastUsedAt } = passkey
  const remove = useRemovePasskey()
  const [isRenaming, setRenaming] = useState(false)
  const [isOpen, setOpen] = useState(false)
  return (
    <article className={styles.passkey} aria-label={name}>
      {isRenaming ? (
        <Rename passkey={passkey} onDone={() => setRenaming(false)} />
      ) : (
        <>
          <h3>
            <bdi>{name}</bdi>
          </h3>
          <Soft>
            {text('passkeys.made', { day: formats.day(createdAt) })}{' '}
            {lastUsedAt === undefined
              ? text('passkeys.unused')
              : text('passkeys.used', { moment: formats.moment(lastUsedAt) })}{' '}
            {synced && text('passkeys.synced')} {usedNow === true && text('passkeys.used-now')}
          </Soft>
          <Row>
            <Button small onPress={() => setRenaming(true)} aria-label={text('passkeys.rename.of', { name })}>
              {text('passkeys.rename')}
            </Button>
            <Button small onPress={() => setOpen(true)} aria-label={text('passkeys.remove.of', { name })}>
              {text('passkeys.remove')}
            </Button>
          </Row>
        </>
      )}
      <Confirm
        isOpen={isOpen}
        title={text('passkeys.remove.title')}
        yes={text('passkeys.remove')}
        no={text('passkeys.keep')}
        isPending={remove.isPending}
        onYes={() => remove.mutate(id, { onSuccess: () => setOpen(false) })}
        onNo={() => setOpen(false)}
      >
        <p>{text('passkeys.remove.effect')}</p>
        {remove.isError && <ProblemNote error={remove.error} />}
      </Confirm>
    </article>
  )
}

function Rename({ passkey, onDone }: { passkey: PasskeyView; onDone: () => void }) {
  const { text } = useText()
  const rename = useNamePasskey()
  const [name, setName] = useState(passkey.name)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (name.trim() !== '') rename.mutate({ id: passkey.id, name: name.trim() }, { onSuccess: onDone })
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextField
        label={text('passkeys.name')}
        value={name}
        onChange={setName}
        maxLength={longestName}
        error={name.trim() === '' ? text('passkeys.name.missing') : undefined}
        isRequired
      />
      {rename.isError && <ProblemNote error={rename.error} />}
      <Row>
        <Button small type="submit" isPending={rename.isPending}>
          {text('passkeys.save')}
        </Button>
        <Button small onPress={onDone}>
          {text('passkeys.leave-name')}
        </Button>
      </Row>
    </form>
  )
}
