import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import type { MailConfig } from '#core/config.ts'

export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  /** The same, in the direction of its language. */
  readonly html?: string
  readonly language?: string
  /** Where one POST without further words ends these messages (RFC 8058). */
  readonly unsubscribeUrl?: string
}

/** Hands one message to the mail server, or writes it into the folder. */
export type SendMail = (mail: Mail) => Promise<void>

const timeoutMs = 20_000

/** Words only, as text and as HTML: nothing is loaded, nothing is counted, and no link says who opened it. */
export function createMailer(config: MailConfig, { now }: { now: () => number }): SendMail {
  // What would let a message read files or fetch addresses is shut, although all of it is ours.
  const shut = { disableFileAccess: true, disableUrlAccess: true }
  const message = ({ to, subject, text, html, language, unsubscribeUrl }: Mail) => ({
    from: { name: 'Reach', address: config.from },
    to: { name: '', address: to },
    subject,
    text,
    ...(html === undefined ? {} : { html }),
    // Not answered by machines that are away (RFC 3834).
    headers: {
      'Auto-Submitted': 'auto-generated',
      ...(language === undefined ? {} : { 'Content-Language': language }),
      ...(unsubscribeUrl === undefined
        ? {}
        : {
            'List-Unsubscribe': `<${unsubscribeUrl}>`,
            'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
          }),
    },
  })
  if (config.kind === 'smtp') {
    const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs }
    const { protocol, hostname, port, username, password } = new URL(config.url)
    const secure = protocol === 'smtps:'
    const transport = createTransport({
      host: hostname,
      port: Number(port || (secure ? 465 : 587)),
      secure,
      // A password is not sent in the clear; without one there is nothing to lose on a local relay.
      requireTLS: !secure && username !== '',
      ...(username === ''
        ? {}
        : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
      ...timeouts,
      ...shut,
    })
    return async (mail) => {
      await transport.sendMail(message(mail))
    }
  }
  const { folder } = config
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'unix', ...shut })
  return async (mail) => {
    const { message: bytes } = await transport.sendMail(message(mail))
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(folder, `${now()}-${randomUUID()}.eml`), bytes as Buffer, { mode: 0o600 })
  }
}
