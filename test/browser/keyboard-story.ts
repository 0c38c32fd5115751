/**
 * The whole story with the Tab key, letters, Enter, Space and the arrows: nothing is clicked, and nothing is focused but by going
 * there. The screen is a phone's.
 */
import { readFile } from 'node:fs/promises'
import type { Locator, Page } from '@playwright/test'
import { unzipSync } from 'fflate'

/** Farther than any control of any page is from its top. */
const farthest = 400

export class Keyboard {
  readonly #page: Page
  /** Presses that acted on something, since the last `count` began. */
  #acts = 0
  constructor(page: Page) {
    this.#page = page
  }

  /** Goes on with Tab until the control has the focus; fails when the keyboard does not get there. */
  async reach(target: Locator): Promise<void> {
    await target.waitFor()
    for (let step = 0; step < farthest; step++) {
      if (await target.evaluate((element) => element === document.activeElement)) return
      await this.#page.keyboard.press('Tab')
    }
    throw new Error(`the keyboard does not reach ${String(target)}`)
  }

  async press(
    role: 'button' | 'link' | 'checkbox',
    name: string | RegExp,
    within: Page | Locator = this.#page,
  ): Promise<void> {
    const isExact = typeof name === 'string'
    await this.reach(within.getByRole(role, { name, ...(isExact && { exact: true }) }).first())
    await this.#page.keyboard.press(role === 'checkbox' ? 'Space' : 'Enter')
    this.#acts += 1
  }

  /** In place of what stands in the field. */
  async type(label: string, text: string, within: Page | Locator = this.#page): Promise<void> {
    await this.reach(within.getByLabel(label, { exact: true }))
    await this.#page.keyboard.press('ControlOrMeta+a')
    await this.#page.keyboard.type(text)
  }

  /** A group of radio buttons is one stop; the arrows choose in it. */
  async choose(name: RegExp): Promise<void> {
    const wanted = this.#page.getByRole('radio', { name })
    const inGroup = this.#page.locator('[type=radio]:focus')
    await wanted.waitFor({ state: 'attached' })
    for (let step = 0; step < farthest && (await inGroup.count()) === 0; step++)
      await this.#page.keyboard.press('Tab')
    for (let step = 0; step < 10 && !(await wanted.isChecked()); step++)
      await this.#page.keyboard.press('ArrowDown')
    if (!(await wanted.isChecked())) throw new Error(`the arrows do not reach ${name}`)
  }

  /** How often something was pressed while `act` ran. */
  async count(act: () => Promise<void>): Promise<number> {
    const before = this.#acts
    await act()
    return this.#acts - before
  }

  /** The file that a press brings. */
  async save(role: 'button' | 'link', name: string): Promise<{ name: string; bytes: Buffer }> {
    const coming = this.#page.waitForEvent('download')
    await this.press(role, name)
    const file = await coming
    return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) }
  }
}

export interface Person {
  readonly podName: string
  readonly email: string
  readonly password: string
}

/** One person on one page; `look` is called where a picture is worth it. */
export class KeyboardStory {
  readonly keys: Keyboard
  readonly #page: Page
  readonly #look: (name: string) => Promise<void>
  constructor(page: Page, look: (name: string) => Promise<void>) {
    this.#page = page
    this.#look = look
    this.keys = new Keyboard(page)
  }

  #heading(name: string | RegExp): Promise<void> {
    return this.#page.getByRole('heading', { name }).first().waitFor()
  }

  #text(text: string | RegExp): Promise<void> {
    return this.#page.getByText(text).first().waitFor()
  }

  async makeVault({ podName, email, password }: Person): Promise<void> {
    const { keys } = this
    await keys.type('Name of your pod', podName)
    await keys.type('E-mail', email)
    await keys.type('Password', password)
    await keys.press('button', 'Create my vault')
    await this.#heading('Let Reach read one folder')
    await keys.press('button', 'Give Reach this access')
    await this.#text('Reach sees exactly what it should')
    await keys.press('button', 'Go on')
    await this.#heading('Nobody can read your data.')
    await keys.press('link', 'Activity')
    await this.#heading('Nothing has happened yet')
    // Where there is nothing there is nothing to look through.
    await this.#page.getByRole('search').waitFor({ state: 'detached' })
    await this.#look('empty-activity')
  }

  /** Into a pod that is empty, or over what is there. */
  async fillIn(name: string): Promise<void> {
    const profile = await this.#openCategory('Profile')
    await this.keys.type('Name', name, profile)
    await this.#page.keyboard.press('Tab')
    await profile.getByText('Saved in your pod: Name').waitFor()
  }

  async fillInShoe(size: string): Promise<void> {
    const sizes = await this.#openCategory('Sizes')
    const shoe = sizes.getByRole('group', { name: 'Shoe size' })
    await this.keys.type('Size', size, shoe)
    await this.keys.reach(shoe.getByLabel('System'))
    await this.#page.keyboard.type('EU')
    while (await shoe.evaluate((group) => group.contains(document.activeElement)))
      await this.#page.keyboard.press('Tab')
    await sizes.getByText('Saved in your pod: Shoe size').waitFor()
    await this.#look('data')
  }

  /** What is empty is folded. */
  async #openCategory(title: string): Promise<Locator> {
    await this.keys.press('link', 'My data')
    await this.#heading('My data')
    const category = this.#page.getByRole('region', { name: title, exact: true })
    const fold = category.getByRole('button', { name: title, exact: true })
    await fold.waitFor()
    if ((await fold.getAttribute('aria-expanded')) === 'false')
      await this.keys.press('button', title, category)
    return category
  }

  /** Narrowed by field and by time; gives how many presses it took from the decision page on. */
  async allow(): Promise<number> {
    const { keys } = this
    await this.#heading('Corner Shop asks to read from your vault')
    const presses = await keys.count(async () => {
      await keys.press('checkbox', /Shoe size/)
      await keys.choose(/30 days/)
      await keys.press('button', 'Allow')
      await this.#text('Before it counts')
      await this.#look('summary')
      await keys.press('button', 'Allow this')
      await this.#heading('Allowed')
    })
    await this.#look('receipt')
    const { name } = await keys.save('button', 'Download receipt')
    if (!name.endsWith('.jws')) throw new Error(`${name} is no receipt`)
    await keys.press('link', /Go back to/)
    return presses
  }

  async verifyActivity(): Promise<void> {
    await this.keys.press('link', 'Activity')
    await this.#text('Corner Shop read')
    await this.keys.press('button', /check it in this browser/)
    await this.#text('Verified by this browser')
    await this.#look('verified')
  }

  async openRelationship(): Promise<void> {
    await this.keys.press('link', 'Relationships')
    await this.#heading('Relationships')
    await this.keys.press('link', /Corner Shop/)
    await this.#heading('What it covers')
  }

  async pause(): Promise<void> {
    await this.keys.press('button', 'Pause')
    await this.#text('Paused: nothing can be read')
  }

  async resume(): Promise<void> {
    await this.keys.press('button', 'Resume')
    await this.#text('Can read the fields below')
  }

  /** From the list of businesses, with deletion asked; gives how many presses it took. */
  async withdraw(): Promise<number> {
    const { keys } = this
    const dialog = this.#page.getByRole('alertdialog', { name: 'Withdraw from Corner Shop' })
    return keys.count(async () => {
      await keys.press('link', 'Relationships')
      await keys.press('button', 'Withdraw from Corner Shop')
      await dialog.waitFor()
      await keys.press('checkbox', /Also ask/, dialog)
      await this.#look('withdraw')
      await keys.press('button', 'Withdraw', dialog)
      await dialog.waitFor({ state: 'detached' })
      await this.#text(/^Withdrawn/)
    })
  }

  async block(): Promise<void> {
    const dialog = this.#page.getByRole('alertdialog', { name: 'Block Corner Shop' })
    await this.openRelationship()
    await this.keys.press('button', 'Block Corner Shop')
    await dialog.waitFor()
    await this.keys.press('button', 'Block', dialog)
    await this.#text('You have blocked Corner Shop')
  }

  async takeEverything(): Promise<readonly string[]> {
    await this.keys.press('link', 'Settings')
    await this.#heading('Take everything with you')
    const { bytes } = await this.keys.save('button', 'Save the archive')
    await this.#text('Saved. README.txt in it says what is where.')
    return Object.keys(unzipSync(bytes))
  }

  async leave(): Promise<void> {
    const dialog = this.#page.getByRole('alertdialog', { name: 'Leave for good?' })
    await this.keys.press('button', 'Leave for good')
    await dialog.waitFor()
    await this.keys.type('Type erase to confirm', 'erase', dialog)
    await this.#look('leave')
    await this.keys.press('button', 'Erase me', dialog)
    await this.#heading('You have left')
  }
}
