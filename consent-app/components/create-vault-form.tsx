import { useEffect, useState } from 'react'
import type { FormEvent } from 'react'
import { ProblemError } from '../data/http.ts'
import { useBeginVault, useEnterVault, useNewVault } from '../data/new-vault.ts'
import type { MessageId } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { TextField } from './controls.tsx'
import styles from './create-vault-form.module.css'
import { Icon } from './icons.tsx'
import { focusFirstWrong } from './focus-wrong.ts'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import { checkNewVault, passwordLength } from './new-vault.ts'
import { VaultMaking, isBeingMade } from './vault-making.tsx'

/**
 * Makes a pod here and signs in to it. The requirements stand there from the start, and say when they are met; then it shows how
 * far it is, and what was typed is still there should it fail.
 */
export function CreateVaultForm({ isFirst }: { isFirst: boolean }) {
  const { text } = useText()
  const vault = useNewVault().data
  const begin = useBeginVault()
  const { mutate: enter, isIdle: isOutside, isError: cannotEnter } = useEnterVault()
  const [podName, setPodName] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [sent, setSent] = useState(false)
  const wrong = checkNewVault({ podName, email, password })
  const shown = (id: MessageId | undefined) => (sent && id !== undefined ? text(id) : undefined)
  const failure = begin.error ?? (vault?.state === 'failed' ? failureOf(vault.code) : undefined)
  const taken = failure instanceof ProblemError && failure.code === 'account-exists'
  const isReady = vault?.state === 'ready'
  useEffect(() => {
    if (isReady && isOutside) enter()
  }, [isReady, isOutside, enter])

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setSent(true)
    if (Object.values(wrong).every((id) => id === undefined) && !begin.isPending)
      begin.mutate({ podName, email, password })
    else focusFirstWrong(event.currentTarget)
  }

  if (isBeingMade(vault) && !cannotEnter) return <VaultMaking vault={vault} />
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      {cannotEnter ? (
        <Notice tone="attention" title={text('create.not-entered.title')} announce>
          <p>{text('create.not-entered.body')}</p>
        </Notice>
      ) : (
        vault?.state === 'lost' && (
          <Notice tone="attention" title={text('create.lost.title')} announce>
            <p>{text('create.lost.body')}</p>
          </Notice>
        )
      )}
      <TextField
        label={text('create.pod-name')}
        value={podName}
        onChange={(name) => setPodName(name.toLowerCase())}
        description={text('create.pod-name.rule')}
        error={shown(wrong.podName) ?? (taken ? text('create.taken') : undefined)}
        autoComplete="off"
        spellCheck={false}
        maxLength={32}
        isRequired
      />
      <TextField
        label={text('create.email')}
        type="email"
        value={email}
        onChange={setEmail}
        description={text('create.email.rule')}
        error={shown(wrong.email)}
        autoComplete="email"
        maxLength={254}
        isRequired
      />
      <TextField
        label={text('create.password')}
        type="password"
        value={password}
        onChange={setPassword}
        description={<PasswordRule length={[...password].length} />}
        error={shown(wrong.password)}
        autoComplete="new-password"
        maxLength={200}
        isRequired
      />
      {failure !== undefined && !taken && <ProblemNote error={failure} />}
      <Button type="submit" look={isFirst ? 'solid' : 'outline'} wide isPending={begin.isPending}>
        {text('create.act')}
      </Button>
    </form>
  )
}

/** The same that a refusal at once would have been. */
function failureOf(code = 'unknown'): ProblemError {
  const passing = code === 'pod-unreachable' || code === 'busy'
  return new ProblemError(code as ProblemError['code'], passing ? 503 : 400, '')
}

function PasswordRule({ length }: { length: number }) {
  const { text } = useText()
  const met = length >= passwordLength
  return (
    <span className={met ? styles.met : styles.unmet}>
      {met && <Icon name="check" size={16} />}
      {text(met ? 'create.password.met' : 'create.password.rule', { count: passwordLength })}
    </span>
  )
}
