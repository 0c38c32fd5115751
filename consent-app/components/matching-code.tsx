import { useId, useState } from 'react'
import type { RequestView } from '#schemas/types.gen.ts'
import { useText } from '../messages/text.tsx'
import { TextField } from './controls.tsx'
import { Theirs } from './layout.tsx'
import styles from './matching-code.module.css'
import { Notice } from './notice.tsx'

/** Whether an Allow waits for the code: whoever got the request by a link must have the business before her. */
export function needsCode({ channel, matchingCode }: Pick<RequestView, 'channel' | 'matchingCode'>): boolean {
  return channel === 'link' && matchingCode !== undefined
}

/** The code as people type it: without spaces and hyphens, in any case. */
export function isSameCode(typed: string, code: string | undefined): boolean {
  const plain = (text: string) => text.replaceAll(/[\s-]/g, '').toUpperCase()
  return code !== undefined && plain(typed) === plain(code)
}

/**
 * How a request came that no browser of this customer was sent with, and the code that tells whether it is the one she
 * is about. She types what the business shows: a code that she would only compare is said yes to without looking.
 */
export function MatchingCode({
  request,
  onMatch,
}: {
  request: RequestView
  onMatch: (isMatching: boolean) => void
}) {
  const { text, rich } = useText()
  const [typed, setTyped] = useState('')
  const title = useId()
  const { channel, matchingCode } = request
  if (channel === 'browser') return null
  const business = <Theirs>{request.vendor.name}</Theirs>
  const length = matchingCode?.length ?? 0
  const isWrong = typed.trim().length >= length && !isSameCode(typed, matchingCode)
  return (
    <section className={styles.code} aria-labelledby={title}>
      <h2 id={title}>{text(`code.${channel}.title`)}</h2>
      <Notice tone="attention">
        <p>{rich(`code.${channel}.warning`, { business })}</p>
      </Notice>
      {needsCode(request) && (
        <TextField
          label={rich('code.label', { business })}
          value={typed}
          onChange={(value) => {
            setTyped(value)
            onMatch(isSameCode(value, matchingCode))
          }}
          autoComplete="off"
          spellCheck={false}
          maxLength={40}
          description={isSameCode(typed, matchingCode) ? text('code.right') : text('code.explain')}
          error={isWrong ? text('code.wrong') : undefined}
        />
      )}
      {channel === 'ciba' && matchingCode !== undefined && (
        <p className={styles.shown}>
          {rich('code.shown', { business })}{' '}
          <b>
            <Theirs>{matchingCode}</Theirs>
          </b>
        </p>
      )}
    </section>
  )
}
