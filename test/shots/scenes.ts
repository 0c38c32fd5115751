/** What there is to see: each scene leads a page of its own from stop to stop, over a Reach that lives. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from '@playwright/test'
import type { AccessRequestDetails } from '#schemas/types.gen.ts'
import { auditorsOf, inAYear } from '../auditor.ts'
import { Walker, walkHome, walkIn, walkRequest } from '../browser/every-page.ts'
import { createVault } from '../browser/new-vault.ts'
import { playInbox, playProven } from './decisions.ts'
import { playArabic, playGerman, playZoomed } from './languages.ts'
import { playConflict, playMaking, playMove } from './pods.ts'
import { aPerson } from './stage.ts'
import type { Scene, Stage } from './stage.ts'
import { addAuthenticator } from '../browser/chromium.ts'
import { lastMail, playAway, playTime, playWaiting } from './trouble.ts'

export const scenes: readonly Scene[] = [
  { name: 'arrive', title: 'Arriving', play: async ({ open }) => walkIn(await open()) },
  { name: 'making', title: 'A vault is being made', play: playMaking },
  {
    name: 'request',
    title: 'A request',
    play: async ({ open, people }) => walkRequest(await open(), people),
  },
  { name: 'proven', title: 'A proven business', play: playProven },
  { name: 'inbox', title: 'Several requests, links and questions', play: playInbox },
  { name: 'vault', title: 'The vault', play: async ({ open, people }) => walkHome(await open(), people) },
  { name: 'data', title: 'Typing and bringing data in', play: playData },
  { name: 'conflict', title: 'Other apps at the same pod', play: playConflict },
  { name: 'move', title: 'Moving house', play: playMove },
  { name: 'crowd', title: 'Many businesses', play: playCrowd },
  { name: 'visits', title: 'The next visit', play: playVisits },
  { name: 'offline', title: 'Without a network', play: playOffline },
  { name: 'waiting', title: 'Answers that wait', play: playWaiting },
  { name: 'away', title: 'When something fails', play: playAway },
  { name: 'proof', title: 'Proofs', play: playProof },
  { name: 'audit', title: 'The auditor', play: playAudit },
  { name: 'checker', title: 'The receipt checker', play: playChecker },
  { name: 'tour', title: 'The tour', play: playTour },
  { name: 'leave', title: 'Leaving', play: playLeave },
  { name: 'arabic', title: 'From right to left', play: playArabic },
  { name: 'german', title: 'Long words', play: playGerman },
  { name: 'zoomed', title: 'At 200 %', play: playZoomed },
  { name: 'time', title: 'Two months later', play: playTime },
]

/** Typing, a record that cannot be kept, and a file that is brought in. */
async function playData({ open, story }: Stage): Promise<void> {
  const { page, look } = await open()
  const person = { podName: 'hedy-lamarr', email: 'hedy@example.org', password: 'frequency hopping 1942' }
  await createVault(page, story.world.config.vaultUrl, person)
  await page.getByRole('link', { name: 'My data', exact: true }).click()
  const loyalty = page.getByRole('region', { name: 'Loyalty memberships', exact: true })
  await loyalty.getByRole('button', { name: 'Loyalty memberships', exact: true }).click()
  await loyalty.getByRole('button', { name: 'Add to Memberships' }).click()
  await look('record')
  await loyalty.getByLabel('Tier', { exact: true }).fill('gold')
  await loyalty.getByRole('button', { name: 'Done' }).click()
  await loyalty.getByText('Fill this in', { exact: false }).waitFor()
  await look('record-wrong')
  await loyalty.getByLabel('Programme', { exact: true }).fill('Books')
  await loyalty.getByRole('button', { name: 'Done' }).click()
  await loyalty.getByText('Saved in your pod: Memberships').waitFor()
  await look('record-saved')
  await page.getByRole('link', { name: 'Settings', exact: true }).click()
  await offer(page, 'notes.txt', 'hello', 'text/plain')
  await page.getByText('This file was not read').waitFor()
  await look('import-refused')
  const card =
    'BEGIN:VCARD\nVERSION:3.0\nFN:Hedy Lamarr\nBDAY:--1109\nEMAIL:hedy@example.org\nNOTE:x\nEND:VCARD\n'
  await offer(page, 'hedy.vcf', card, 'text/vcard')
  await page.getByRole('heading', { name: '3 fields in the card' }).waitFor()
  await look('import-preview')
  await page.getByRole('button', { name: /^Save \d+ fields|^Save one field/ }).click()
  await page.getByText(/in your pod now\./).waitFor()
  await look('import-done')
}

async function offer(page: Page, name: string, content: string, mimeType: string): Promise<void> {
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name, mimeType, buffer: Buffer.from(content) })
}

/** Many businesses, which see much or little. */
async function playCrowd({ open, story }: Stage): Promise<void> {
  const ada = await story.customer(aPerson)
  const others = [
    {},
    { items: [asksFor('profile.name', 'contact.email')] },
    { items: [asksFor('profile.name', 'sizes.shoe'), asksFor('profile.languages')] },
  ]
  for (let n = 0; n < 12; n++) {
    const relation = await story.allow(ada, await story.shop(), { details: others[n % 3] ?? {} })
    for (let read = 0; read < n % 4; read++) await story.read(relation)
  }
  await story.ask(ada, await story.shop())
  const walk = await open()
  const at = new Walker(walk)
  await at.signInAs(ada.browser)
  for (const [stop, path] of [
    ['home', '/'],
    ['relationships', '/relationships'],
    ['activity', '/activity'],
  ] as const) {
    await at.go(path)
    await walk.page.locator('main').getByText('Corner Shop').filter({ visible: true }).first().waitFor()
    await walk.look(stop)
  }
}

function asksFor(...fields: string[]): AccessRequestDetails['items'][number] {
  const purpose = fields.length > 1 ? 'dpv:CustomerOrderManagement' : 'dpv:ServicePersonalisation'
  return {
    id: fields.join('-').replaceAll('.', '-'),
    purpose,
    fields,
    why: 'To serve you well.',
    required: false,
  }
}

/** A passkey, the reminders, a session that ended. */
async function playVisits({ open, story }: Stage): Promise<void> {
  const ada = await story.customer(aPerson)
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  await addAuthenticator(page)
  await at.signInAs(ada.browser)
  await at.go('/')
  await at.text('passkey.offer.title').waitFor()
  await look('passkey-offer')
  await at.go('/settings')
  await at.press('passkeys.make')
  await at.text('passkey.made').waitFor()
  const address = page.getByRole('textbox', { name: walk.say('notifications.email') })
  await address.fill('not an address')
  await at.press('notifications.act')
  await at.text('notifications.email.wrong').waitFor()
  await look('settings-wrong')
  await address.fill('ada@zerlina.example')
  await at.press('notifications.act')
  await page.getByText('A message is on its way to').waitFor()
  await page.getByRole('button', { name: /^Rename / }).click()
  await at.button('passkeys.save').waitFor()
  await look('settings-passkey')
  await at.press('passkeys.leave-name')
  await page.getByRole('button', { name: /^Remove / }).click()
  await page.getByRole('alertdialog').waitFor()
  await look('passkey-remove')
  await page.keyboard.press('Escape')
  await story.world.settle()
  const mail = await lastMail(story)
  await page.goto(/http\S+confirm=\S+/.exec(mail)?.[0] ?? '')
  await page.getByText('This address is confirmed.').waitFor()
  await look('settings-address-confirmed')
  await page.goto(/http[^\s>]+unsubscribe[^\s>]+/.exec(mail)?.[0] ?? '')
  await at.text('unsubscribe.title').waitFor()
  await look('unsubscribe')
  await at.press('unsubscribe.act')
  await at.text('unsubscribe.done').waitFor()
  await look('unsubscribed')
  await page.context().clearCookies()
  await at.go('/data')
  await at.text('passkey.title').waitFor()
  await look('welcome-again')
  await at.press('passkey.act')
  await at.text('passkey.pod.title').waitFor()
  await look('passkey-at-data')
}

/** Without a network: what was loaded is read on, what is decided waits. */
async function playOffline({ open, people }: Stage): Promise<void> {
  const walk = await open({ serviceWorker: true })
  const { page, look } = walk
  const at = new Walker(walk)
  await at.signInAs(people.ada.browser)
  await at.go('/')
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await page.getByRole('link', { name: 'Relationships', exact: true }).click()
  const withdraw = page.getByRole('button', { name: /^Withdraw from / }).first()
  await withdraw.waitFor()
  await page.context().setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await look('relationships')
  await withdraw.click()
  const dialog = page.getByRole('alertdialog')
  await dialog.waitFor()
  await look('withdraw')
  await dialog.getByRole('button', { name: 'Withdraw', exact: true }).click()
  await page.getByText('can read as before').waitFor()
  await look('waiting')
  await page.getByRole('button', { name: /^Do not send/ }).click()
  await page.getByRole('link', { name: 'My data', exact: true }).click()
  await page.getByText('There is no connection to Reach').first().waitFor()
  await look('not-kept')
}

/** A proof as a stranger opens it, and a log that lies. */
async function playProof({ open, people }: Stage): Promise<void> {
  const walk = await open()
  const { page, look, say } = walk
  const at = new Walker(walk)
  await at.signInAs(people.ada.browser)
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await at.go('/activity')
  await page
    .getByRole('button', { name: say('verify.open') })
    .first()
    .click()
  await at.text('verify.ok.title').waitFor()
  await page.getByRole('button', { name: 'Copy link to this proof' }).click()
  await page.getByText('The link is in the clipboard.').waitFor()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  await page.goto('about:blank')
  await page.goto(link)
  await at.text('verify.ok.title').waitFor()
  await look('stranger')
  await page.route('**/log/tile/0/**', async (route) => {
    const reply = await route.fetch()
    const body = await reply.body()
    body[5] = (body[5] ?? 0) ^ 1
    await route.fulfill({ response: reply, body })
  })
  await page.reload()
  await page.getByText('This did not verify').waitFor()
  await look('stranger-forged')
  await at.go('/activity')
  await page
    .getByRole('button', { name: say('verify.open') })
    .first()
    .click()
  await page.getByText('This did not verify').waitFor()
  await look('forged')
}

async function playAudit({ open, story, people }: Stage): Promise<void> {
  const { page, look } = await open()
  const vault = (path: string): string => story.world.config.vaultUrl + path
  const heading = (name: string | RegExp) => page.getByRole('heading', { name }).first().waitFor()
  await page.goto(vault('/audit'))
  await page.getByLabel('Key of your account').fill('no key')
  await page.keyboard.press('Enter')
  await look('sign-in-wrong')
  const auditors = await auditorsOf(story.world)
  const { link } = await auditors.invite({ name: 'Quill and Partners', expires: inAYear() })
  await page.goto(link)
  await page.getByRole('button', { name: 'Redeem the invitation' }).waitFor()
  await look('invitation')
  await page.getByRole('button', { name: 'Redeem the invitation' }).click()
  await page.getByText('This is the key of your account').waitFor()
  await look('joined')
  await page.getByRole('link', { name: 'Begin the review' }).click()
  await heading('Why do you look?')
  await look('reason')
  await page.getByLabel('Reason').fill('Yearly review of consents')
  await page.keyboard.press('Enter')
  const rows = page.getByRole('list', { name: 'Entries, newest first' }).getByRole('listitem')
  await rows.first().waitFor()
  await look('entries')
  await page.goto(vault('/audit?type=withdrawn&upTo=0'))
  await page.getByText('Nothing fits').waitFor()
  await look('entries-none')
  await page.goto(vault('/audit?type=disclosed'))
  await rows.first().getByRole('link').click()
  await heading(/^Entry \d+$/)
  await page.getByText('Verified by this browser').waitFor()
  await look('entry')
  await page.goto(vault(`/audit/grants/${people.grantId}`))
  await page
    .getByText(/Word for word: its SHA-256 is/)
    .first()
    .waitFor()
  await look('grant')
  await page.goto(vault('/audit/consents'))
  await page.getByText(/^As of /).waitFor()
  await look('consents')
  await page.goto(vault('/audit/overview'))
  await page.getByText(/every release lies under an earlier live consent/).waitFor()
  await look('overview')
  await page.goto(vault('/audit/nowhere'))
  await heading('There is no such page')
  await look('nowhere')
}

/** The page that checks receipts, from a file. */
async function playChecker({ open, story }: Stage): Promise<void> {
  const { page, look } = await open()
  const folder = await mkdtemp(join(tmpdir(), 'reach-shots-'))
  const file = (name: string): string => join(folder, name)
  try {
    const customer = await story.customer(aPerson)
    const { receiptId } = await story.allow(customer, await story.shop())
    const fetched = async (path: string): Promise<string> => {
      const reply = await customer.browser.jar.go(story.world.config.vaultUrl + path)
      return reply.text()
    }
    const { jws } = JSON.parse(await fetched(`/api/receipts/${receiptId}`)) as { jws: string }
    const proof = await fetched(`/api/receipts/${receiptId}/proof`)
    await writeFile(file('check.html'), await fetched('/receipt-checker.html'))
    await writeFile(file('receipt.jws'), jws)
    await writeFile(file('receipt.tlog-proof'), proof)
    await writeFile(
      file('forged.tlog-proof'),
      proof.replace(/^index (\d+)$/m, (_, at) => `index ${Number(at) - 1}`),
    )
    await page.goto(pathToFileURL(file('check.html')).href)
    await look('empty')
    const give = (...names: string[]) => page.locator('#input').setInputFiles(names.map(file))
    await give('receipt.jws', 'receipt.tlog-proof')
    await page.locator('#steps li[data-state=held]').nth(5).waitFor()
    await look('genuine')
    await page.emulateMedia({ media: 'print' })
    await look('printed')
    await page.emulateMedia({ media: 'screen' })
    await give('receipt.jws', 'forged.tlog-proof')
    await page.locator('#steps li[data-state=failed]').first().waitFor()
    await look('forged')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The throw-away vault, its decision page, and the sample shop. */
async function playTour({ open, story }: Stage): Promise<void> {
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  await at.go('/')
  await at.press('tour.act')
  await at.button('decision.allow').waitFor({ timeout: 60_000 })
  await look('request')
  for (const box of await page.getByRole('checkbox').all()) await box.press(' ')
  await at.press('decision.allow')
  await at.press('confirm.yes')
  await at.text('outcome.allowed.title').waitFor()
  await look('allowed')
  const back = { name: /^Go back to / }
  await page.getByRole('link', back).or(page.getByRole('button', back)).click()
  await page.getByText('Sample business of the tour').waitFor()
  await look('shop')
  await page.goto(`${story.world.config.vaultUrl}/oauth/auth?client_id=nobody`)
  await look('request-broken')
}

/** Leaving for good: the last look, the word that is missing, and after. */
async function playLeave({ open, story }: Stage): Promise<void> {
  const walk = await open()
  const { page, look } = walk
  const at = new Walker(walk)
  const eve = await story.customer(aPerson)
  await at.signInAs(eve.browser)
  await at.go('/settings')
  await at.press('leave.begin')
  const dialog = page.getByRole('alertdialog')
  await dialog.getByRole('button', { name: 'Erase me' }).click()
  await dialog.getByText('Type the word erase').waitFor()
  await look('word-missing')
  await dialog.getByRole('textbox', { name: 'Type erase to confirm' }).fill('erase')
  await dialog.getByRole('button', { name: 'Erase me' }).click()
  await at.text('left.title').waitFor()
  await look('left')
}
