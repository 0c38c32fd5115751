import { useState } from 'react'
import type { FormEvent } from 'react'
import { rememberedIssuer } from '../data/remembered-issuer.ts'
import { useSignIn } from '../data/sign-in.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { TextField } from './controls.tsx'
import { focusFirstWrong } from './focus-wrong.ts'
import { asIssuer } from './issuer.ts'
import { ProblemNote } from './problem-note.tsx'
import styles from './create-vault-form.module.css'

/** Signs in at the pod's own server; the password is typed there and never here. */
export function SignInForm({ returnTo, isFirst }: { returnTo: string; isFirst: boolean }) {
  const { text } = useText()
  const signIn = useSignIn()
  const [typed, setTyped] = useState(rememberedIssuer)
  const [wrong, setWrong] = useState(false)

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const issuer = asIssuer(typed)
    setWrong(issuer === undefined)
    if (issuer === undefined) focusFirstWrong(event.currentTarget)
    else if (!signIn.isPending) signIn.mutate({ issuer, returnTo })
  }

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextField
        label={text('sign-in.issuer')}
        type="url"
        inputMode="url"
        value={typed}
        onChange={setTyped}
        description={text('sign-in.issuer.rule')}
        error={wrong ? text('sign-in.issuer.wrong') : undefined}
        autoComplete="url"
        spellCheck={false}
        maxLength={1000}
        isRequired
      />
      {signIn.isError && <ProblemNote error={signIn.error} />}
      <Button
        type="submit"
        look={isFirst ? 'solid' : 'outline'}
        wide
        isPending={signIn.isPending || signIn.isSuccess}
      >
        {text('sign-in.act')}
      </Button>
    </form>
  )
}
