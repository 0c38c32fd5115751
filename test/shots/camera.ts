/** Takes every look of a page as it stands, and tells how far a picture is from the one of the last run. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Browser, Page } from '@playwright/test'

interface Look {
  readonly width: number
  readonly height: number
  readonly colorScheme: 'light' | 'dark'
}

const phone = { width: 390, height: 844 }
const desk = { width: 1280, height: 900 }
export const looks: Readonly<Record<string, Look>> = {
  'phone-light': { ...phone, colorScheme: 'light' },
  'phone-dark': { ...phone, colorScheme: 'dark' },
  'desk-light': { ...desk, colorScheme: 'light' },
  'desk-dark': { ...desk, colorScheme: 'dark' },
}
/** What is read from right to left is looked at by day on a phone and by night on a desk. */
export const looksFromRight: typeof looks = {
  'phone-arabic': { ...phone, colorScheme: 'light' },
  'desk-arabic': { ...desk, colorScheme: 'dark' },
}
/** German words are long. */
export const looksInGerman: typeof looks = {
  'phone-german': { ...phone, colorScheme: 'light' },
  'desk-german': { ...desk, colorScheme: 'light' },
}
/** What is left of a desk at 200 %. */
export const looksZoomed: typeof looks = { 'desk-zoomed': { width: 640, height: 450, colorScheme: 'light' } }
export const allLooks = Object.keys({ ...looks, ...looksFromRight, ...looksInGerman, ...looksZoomed })

export interface Picture {
  readonly scene: string
  readonly stop: string
  readonly look: string
  /** Below the gallery's folder. */
  readonly file: string
  /** Share of the pixels that the last run showed otherwise, 0 to 1; none where there was no last picture. */
  readonly changed?: number
  /** CSS pixels by which the page is wider than the screen. */
  readonly overhang: number
}

/** Longer pages are cut: the picture is for looking at, not for reading on. */
const longest = 14_000

export class Camera {
  readonly #folder: string
  readonly #compare: Page

  static async open(browser: Browser, folder: string): Promise<Camera> {
    return new Camera(folder, await browser.newPage())
  }

  private constructor(folder: string, compare: Page) {
    this.#folder = folder
    this.#compare = compare
  }

  async take(page: Page, scene: string, stop: string, asked: typeof looks): Promise<Picture[]> {
    const taken: Picture[] = []
    for (const [look, { width, height, colorScheme }] of Object.entries(asked)) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme })
      await drawn(page)
      const { overhang, whole, isDialog } = await page.evaluate(() => {
        const { scrollWidth, clientWidth, scrollHeight } = document.documentElement
        const dialog = document.querySelector('[role=alertdialog], [role=dialog]')
        return { overhang: scrollWidth - clientWidth, whole: scrollHeight, isDialog: dialog !== null }
      })
      // As tall as the page, so that what is fixed to the screen's edge does not lie across its middle.
      if (!isDialog && whole > height) {
        await page.setViewportSize({ width, height: Math.min(whole, longest) })
        await page.evaluate(() => window.scrollTo(0, 0))
        await drawn(page)
      }
      const now = await page.screenshot()
      const file = join('pictures', look, `${scene}-${stop}.png`)
      const before = await readFile(join(this.#folder, file)).catch(() => undefined)
      const changed = before === undefined ? undefined : await this.#difference(before, now)
      if (before !== undefined) await this.#write(file.replace('pictures', 'before'), before)
      await this.#write(file, now)
      taken.push({ scene, stop, look, file, overhang, ...(changed === undefined ? {} : { changed }) })
    }
    await page.setViewportSize(desk)
    await page.emulateMedia({ colorScheme: 'light' })
    return taken
  }

  async #write(file: string, picture: Buffer): Promise<void> {
    const path = join(this.#folder, file)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, picture)
  }

  /** Share of the pixels that differ so much that one sees it. */
  #difference(one: Buffer, other: Buffer): Promise<number> {
    if (one.equals(other)) return Promise.resolve(0)
    return this.#compare.evaluate(
      async (pictures) => {
        const bitmaps = await Promise.all(
          pictures.map(async (base64) => {
            const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))
            return createImageBitmap(new Blob([bytes], { type: 'image/png' }))
          }),
        )
        const width = Math.max(...bitmaps.map((bitmap) => bitmap.width))
        const height = Math.max(...bitmaps.map((bitmap) => bitmap.height))
        const [a, b] = bitmaps.map((bitmap) => {
          const context = new OffscreenCanvas(width, height).getContext('2d')
          context?.drawImage(bitmap, 0, 0)
          return new Uint32Array(context?.getImageData(0, 0, width, height).data.buffer ?? [])
        })
        const far = (x: number, y: number) =>
          [0, 8, 16, 24].some((bits) => Math.abs(((x >>> bits) & 255) - ((y >>> bits) & 255)) > 24)
        let differing = 0
        a?.forEach((pixel, at) => {
          const beside = b?.[at] ?? 0
          if (pixel !== beside && far(pixel, beside)) differing++
        })
        return differing / (width * height)
      },
      [one.toString('base64'), other.toString('base64')],
    )
  }
}

/** What a change of size or scheme asks for is on the screen. */
async function drawn(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
    await frame()
    await frame()
  })
}
