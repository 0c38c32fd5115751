import { useEffect, useState } from 'react'
import type { Notice as ShownNotice } from '#core/domain/notice.ts'
import { useAuditText } from './audit-text.tsx'
import { Soft, Stack, Theirs } from '../layout.tsx'
import { Notice } from '../notice.tsx'

/** What was shown, word for word, once this browser found that it is what the log names. */
export function NoticeText({ hash, shown }: { hash: string; shown: string | undefined }) {
  const { text } = useAuditText()
  const [found, setFound] = useState<string>()
  useEffect(() => {
    if (shown !== undefined) void digestOf(shown).then(setFound)
  }, [shown])
  if (shown === undefined) return <Soft>{text('audit.notice.missing', { hash })}</Soft>
  if (found === undefined) return null
  if (found !== hash)
    return (
      <Notice tone="stop">
        <p>{text('audit.notice.forged')}</p>
      </Notice>
    )
  const { language, items, retention, recipients, ending, screen } = JSON.parse(shown) as ShownNotice
  return (
    <Stack gap="s">
      <div lang={language}>
        <Stack gap="s">
          {items.map(({ id, asks, learns, why }) => (
            <div key={id}>
              <p>{asks}</p>
              {learns.map((one) => (
                <p key={one}>{one}</p>
              ))}
              <blockquote>
                <Theirs>{why}</Theirs>
              </blockquote>
            </div>
          ))}
          <p>{retention}</p>
          <p>{recipients}</p>
          <p>{ending}</p>
        </Stack>
      </div>
      <Soft>
        {text('audit.notice.proven', { hash })}{' '}
        {screen === undefined ? text('audit.notice.no-screen') : text('audit.notice.screen', { screen })}
      </Soft>
    </Stack>
  )
}

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  const base64 = btoa(Array.from(new Uint8Array(digest), (byte) => String.fromCharCode(byte)).join(''))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
