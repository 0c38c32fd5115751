/** The mailer against a mail server that takes messages, and one that does not. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createMailer } from '../../vault-server/mail/mailer.ts'
import type { Mail } from '../../vault-server/mail/mailer.ts'

const address = 'ada@zerlina.example'
const now = () => Date.now()

test('a mail server gets the message as it is, and one that refuses makes it a failure to be tried again', async () => {
  const heard: string[] = []
  let isRefusing = false
  const server = createServer((socket: Socket) => {
    let isData = false
    socket.write('220 test\r\n')
    socket.on('data', (bytes) => {
      for (const line of bytes.toString().split('\r\n').slice(0, -1)) {
        heard.push(line)
        if (isData) {
          if (line === '.') socket.write('250 kept\r\n')
          isData = line !== '.'
        } else if (line === 'DATA') {
          isData = true
          socket.write('354 go on\r\n')
        } else if (line === 'STARTTLS') socket.write('502 no\r\n')
        else if (line.startsWith('RCPT') && isRefusing) socket.write('451 later\r\n')
        else socket.write(line === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n')
      }
    })
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`
    const send = createMailer({ kind: 'smtp', url, from: 'reach@vault.example' }, { now })
    const mail: Mail = { to: address, subject: 'A', text: 'B', unsubscribeUrl: 'https://vault.example/stop' }
    await send(mail)
    expect(heard).toContain(`RCPT TO:<${address}>`)
    expect(heard).toContain('List-Unsubscribe: <https://vault.example/stop>')
    expect(heard).toContain('Auto-Submitted: auto-generated')
    isRefusing = true
    await expect(send(mail)).rejects.toThrow()
    // A password is not told to a server that offers no TLS.
    const open = url.replace('smtp://', 'smtp://reach:secret@')
    await expect(
      createMailer({ kind: 'smtp', url: open, from: 'reach@vault.example' }, { now })(mail),
    ).rejects.toThrow()
    expect(heard.join('\n')).not.toContain('AUTH')
  } finally {
    server.close()
  }
})
