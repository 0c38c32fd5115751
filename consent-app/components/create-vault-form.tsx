import { useState } from 'react'
import type { FormEvent } from 'react'
import { ProblemError } from '../data/http.ts'
import { useCreateVault } from '../data/me.ts'
import type { MessageId } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { TextField } from './controls.tsx'
import styles from './create-vault-form.module.css'
import { Icon } from './icons.tsx'
import { focusFirstWrong } from './focus-wrong.ts'
import { ProblemNote } from './problem-note.tsx'
import { checkNewVault, passwordLength } from './new-vault.ts'

/** Makes a pod here and signs in to it. The requirements stand there from the start, and say when they are met. */
export function CreateVaultForm() {
  const { text } = useText()
  const create = useCreateVault()
  const [podName, setPodName] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [sent, setSent] = useState(false)
  const wrong = checkNewVault({ podName, email, password })
  const shown = (id: MessageId | undefined) => (sent && id !== undefined ? text(id) : undefined)
  const taken = create.error instanceof ProblemError && create.error.code === 'account-exists'

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setSent(true)
    if (Object.values(wrong).every((id) => id === undefined) && !create.isPending)
      create.mutate({ podName, email, password })
    else focusFirstWrong(event.currentTarget)
  }

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
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
      {create.isError && !taken && <ProblemNote error={create.error} />}
      <Button type="submit" look="solid" wide isPending={create.isPending}>
        {text('create.act')}
      </Button>
    </form>
  )
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
