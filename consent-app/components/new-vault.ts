import type { CreateVault } from '#schemas/types.gen.ts'
import type { MessageId } from '../messages/locale.ts'

/** As in schemas/api/create-vault.json; a test holds them together. */
export const passwordLength = 10
export const podNamePattern = /^[a-z0-9](?:[a-z0-9-]{1,30})[a-z0-9]$/

/** What is wrong with each field of the form, said before anything is sent. */
export function checkNewVault(vault: CreateVault): Record<keyof CreateVault, MessageId | undefined> {
  return {
    podName: podNamePattern.test(vault.podName) ? undefined : 'create.pod-name.wrong',
    email: /^[^\s@]+@[^\s@]+$/.test(vault.email) ? undefined : 'create.email.wrong',
    password: [...vault.password].length >= passwordLength ? undefined : 'create.password.wrong',
  }
}
