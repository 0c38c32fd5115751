/** Writes the gallery: one file that shows the pictures beside it, to be opened from disk. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allLooks } from './camera.ts'
import type { Picture } from './camera.ts'
import type { Scene } from './stage.ts'

/** What the last runs took; nothing where there was none. */
export async function readPictures(folder: string): Promise<Picture[]> {
  const text = await readFile(join(folder, 'pictures.json'), 'utf8').catch(() => '[]')
  return JSON.parse(text) as Picture[]
}

/** Pictures that were not taken anew stay. */
export function joined(before: readonly Picture[], taken: readonly Picture[]): Picture[] {
  const anew = new Set(taken.map(({ file }) => file))
  return [...before.filter(({ file }) => !anew.has(file)), ...taken]
}

/** In the order of the scenes; what no scene takes any more goes. */
export async function writeGallery(
  folder: string,
  scenes: readonly Scene[],
  known: readonly Picture[],
): Promise<string> {
  const pictures = scenes.flatMap(({ name }) => known.filter(({ scene }) => scene === name))
  await writeFile(join(folder, 'pictures.json'), JSON.stringify(pictures, null, 1))
  const page = await readFile(join(import.meta.dirname, 'gallery.html'), 'utf8')
  const titles = Object.fromEntries(scenes.map(({ name, title }) => [name, title]))
  const data = { looks: allLooks, titles, pictures }
  const index = join(folder, 'index.html')
  await writeFile(
    index,
    page.replace('"__DATA__"', () => JSON.stringify(data).replaceAll('<', '\\u003c')),
  )
  return index
}
