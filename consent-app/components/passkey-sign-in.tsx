import { canUsePasskeys, usePasskeySignIn } from '../data/passkeys.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Card, Stack } from './layout.tsx'
import { PasskeyProblem } from './passkey-problem.tsx'
import styles from './passkeys.module.css'

/** For who was here before and made a passkey. The browser knows which ones there are; we learn of none until one is picked. */
export function PasskeySignIn({ isFirst }: { isFirst: boolean }) {
  const { text } = useText()
  const signIn = usePasskeySignIn()
  if (!canUsePasskeys()) return null
  return (
    <Card>
      <h2>{text('passkey.title')}</h2>
      <p className={styles.explain}>{text('passkey.explain')}</p>
      <Stack>
        {signIn.isError && <PasskeyProblem error={signIn.error} />}
        <Button
          look={isFirst ? 'solid' : 'outline'}
          wide
          onPress={() => signIn.mutate()}
          isPending={signIn.isPending}
        >
          {text('passkey.act')}
        </Button>
      </Stack>
    </Card>
  )
}
