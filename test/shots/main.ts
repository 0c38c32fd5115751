/**
 * `npm run shots -- [--only SCENE[,SCENE][/STOP]] [--list]`: every page and state of Reach, on a phone and on a desk, by day and by night,
 * some in Arabic, in a gallery under dist/shots. A Reach of its own is started for it, on free ports and in a temporary
 * folder, and ends with it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Page } from '@playwright/test'
import type { MessageId } from '../../consent-app/messages/locale.ts'
import { buildConsentApp } from '../../scripts/build-consent-app.ts'
import { ensureChromium } from '../../scripts/chromium.ts'
import { launchChromium, openPage } from '../browser/chromium.ts'
import { cast } from '../browser/every-page.ts'
import { ownPodServer as startOwnPods } from '../own-pod-server.ts'
import { Story } from '../story.ts'
import { Camera, looks, looksFromRight, looksInGerman, looksZoomed } from './camera.ts'
import type { Picture } from './camera.ts'
import { joined, readPictures, writeGallery } from './gallery.ts'
import { measure } from './lighthouse.ts'
import { Progress } from './progress.ts'
import { openProvenSite } from './proven-site.ts'
import { scenes } from './scenes.ts'
import type { Scene, Stage } from './stage.ts'

const root = join(import.meta.dirname, '../..')
const looksIn = { en: looks, de: looksInGerman, ar: looksFromRight } as const
const folder = join(root, 'dist', 'shots')
/** What hangs shall end, and say so. */
const longestMs = 25 * 60_000
const marks = [
  'amber',
  'birch',
  'cedar',
  'delft',
  'ember',
  'fennel',
  'ginger',
  'hazel',
  'indigo',
  'juniper',
  'kelp',
  'linden',
]

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
    lighthouse: { type: 'boolean', default: false },
  },
})
const [onlyScenes = '', onlyStop] = options.only.split('/')
const asked = scenes.filter(({ name }) => onlyScenes === '' || onlyScenes.split(',').includes(name))

if (options.list || asked.length === 0) {
  console.log(scenes.map(({ name }) => name).join('\n'))
  process.exitCode = options.list ? 0 : 1
} else {
  const limit = setTimeout(() => {
    console.error(`\nNot done after ${longestMs / 60_000} minutes: ended.`)
    process.exit(1)
  }, longestMs)
  process.exitCode = (await run()) ? 0 : 1
  clearTimeout(limit)
}
// The customer's session at the pod server waits minutes for its end, with a timer that nobody can reach.
process.exit()

async function run(): Promise<boolean> {
  if (ensureChromium() === undefined) throw new Error('needs Chromium (or CHROMIUM=/path/of/one)')
  await buildConsentApp()
  const nextMark = namer()
  await using site = await openProvenSite()
  const ownPodServer = asked.some(({ name }) => name === 'move') ? await startOwnPods('wac') : undefined
  const outboundAllow = [site.url, ...(ownPodServer === undefined ? [] : [originOf(ownPodServer.baseUrl)])]
  await using story = await Story.open({ tour: true, outboundAllow }, nextMark)
  if (options.lighthouse) return await measure(story)
  await using stack = new AsyncDisposableStack()
  const browser = await launchChromium()
  stack.defer(() => browser.close())
  const camera = await Camera.open(browser, folder)
  const people = await cast(story)
  const { vaultUrl, gatewayUrl, podsUrl = '' } = story.world.config
  const taken: Picture[] = []
  const problems: string[] = []
  /** Scenes that came to their end: what they took before and not now is of no page any more. */
  const played = new Set<string>()
  const progress = new Progress(asked.map(({ name }) => name))

  const stageOf = (scene: Scene, opened: Page[]): Stage => ({
    story,
    people,
    site,
    ownPods: () => ownPodServer,
    async open({ language = 'en', serviceWorker = false, zoomed = false, expected } = {}) {
      const texts = await textsOf(language)
      const { page, faults } = await openPage(browser, {
        allowed: [vaultUrl, gatewayUrl, podsUrl, ...outboundAllow, 'null'],
        locale: language === 'en' ? 'en-GB' : language,
        serviceWorker,
      })
      // Nothing is measured here: a busy machine only takes longer.
      page.setDefaultTimeout(60_000)
      opened.push(page)
      page.on('close', () => {
        const unexpected = faults.filter((fault) => expected?.test(fault) !== true)
        problems.push(...unexpected.map((fault) => `${scene.name}: ${fault}`))
      })
      return {
        story,
        page,
        say: (id) => texts[id],
        async look(stop) {
          if (onlyStop !== undefined && stop !== onlyStop) return
          progress.tell(scene.name, stop)
          taken.push(...(await camera.take(page, scene.name, stop, zoomed ? looksZoomed : looksIn[language])))
        },
      }
    },
  })

  for (const scene of asked) {
    const opened: Page[] = []
    try {
      await scene.play(stageOf(scene, opened))
      if (onlyStop === undefined) played.add(scene.name)
    } catch (error) {
      problems.push(`${scene.name}: ${error instanceof Error ? error.message : 'failed'}`)
    }
    for (const page of opened) await page.context().close()
    progress.done(scene.name)
  }
  const before = (await readPictures(folder)).filter(({ scene }) => !played.has(scene))
  const index = await writeGallery(folder, scenes, joined(before, taken))
  const wide = taken.filter(({ overhang }) => overhang > 0)
  for (const { file, overhang } of wide) problems.push(`${file}: ${overhang} px wider than the screen`)
  progress.end(`${taken.length} pictures, ${problems.length} problems: ${index}`)
  for (const problem of problems) console.log(problem)
  return problems.length === 0
}

function originOf(url: string): string {
  return new URL(url).origin
}

/** Names that stay the same from run to run, so that a picture changes where the page did. */
function namer(): () => string {
  let used = 0
  return () => {
    const round = Math.floor(used / marks.length)
    const mark = marks[used++ % marks.length] ?? ''
    return round === 0 ? mark : `${mark}-${round + 1}`
  }
}

async function textsOf(language: string): Promise<Record<MessageId, string>> {
  const file = join(root, 'consent-app', 'messages', `${language}.json`)
  return JSON.parse(await readFile(file, 'utf8')) as Record<MessageId, string>
}
