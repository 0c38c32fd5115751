/** Where the token of the operator's port lies; loads little, since every command of the operator's begins with it. */
import { join } from 'node:path'
import type { Config } from '#core/config.ts'

/** File with the token of the process that runs now; whoever reads it is the operator. */
export const operatorTokenFile = 'operator-token'

export type TokenPlace = Pick<Config, 'keysFolder'> & Partial<Pick<Config, 'dataFolder' | 'storeUrl'>>

/** In the keys folder; where replicas share that, in the folder of this replica. */
export function operatorTokenPath({ keysFolder, dataFolder = '', storeUrl }: TokenPlace): string {
  return join(storeUrl === undefined ? keysFolder : join(dataFolder, 'replica'), operatorTokenFile)
}
