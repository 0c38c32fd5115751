/** What a scene plays on. */
import type { LanguageTag } from '../../consent-app/messages/locale.ts'
import type { Cast, Walk } from '../browser/every-page.ts'
import type { OwnPodServer } from '../own-pod-server.ts'
import type { Story } from '../story.ts'
import type { ProvenSite } from './proven-site.ts'

export interface Stage {
  readonly story: Story
  readonly people: Cast
  /** Where businesses prove their domain. */
  readonly site: ProvenSite
  /** A pod server that is not ours, for the scene that needs one. */
  readonly ownPods: () => OwnPodServer | undefined
  /** A browser of its own, in which every stop is taken. `zoomed`: as at 200 %. `expected`: the fault that is shown. */
  open(options?: {
    language?: LanguageTag
    serviceWorker?: boolean
    zoomed?: boolean
    expected?: RegExp
  }): Promise<Walk>
}

export interface Scene {
  readonly name: string
  /** What the gallery calls it. */
  readonly title: string
  readonly play: (stage: Stage) => Promise<void>
}

/** Whoever needs no name of her own. */
export const aPerson = {
  profile: { name: 'Grace Hopper', birthDate: '1986-12-09', languages: ['en', 'fr'] },
  contact: { email: 'grace@hopper.example' },
  diet: { diet: ['GlutenFreeDiet'], allergies: ['hazelnuts', 'sesame'] },
  sizes: { shoe: { size: '40', system: 'EU' } },
}
