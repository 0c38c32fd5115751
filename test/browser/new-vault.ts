import type { Page } from '@playwright/test'

/** A person makes a vault with an embedded pod, gives Reach its folder, and comes to her first page. */
export async function createVault(
  page: Page,
  vaultUrl: string,
  person: { readonly podName: string; readonly email: string; readonly password: string },
): Promise<void> {
  await page.goto(vaultUrl)
  await page.getByLabel('Name of your pod').fill(person.podName)
  await page.getByLabel('E-mail', { exact: true }).fill(person.email)
  await page.getByLabel('Password', { exact: true }).fill(person.password)
  await page.getByRole('button', { name: 'Create my vault' }).click()
  await page.getByRole('button', { name: 'Give Reach this access' }).click()
  await page.getByRole('button', { name: 'Go on' }).click()
}
