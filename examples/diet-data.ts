/**
 * How somebody else's Solid app works with the same data: it knows the address of one document, four terms, and nothing
 * of Reach. docs/pods.md explains what it does.
 */
import {
  addStringNoLocale,
  addUrl,
  createSolidDataset,
  createThing,
  getPodUrlAll,
  getSolidDataset,
  getStringNoLocaleAll,
  getThing,
  getUrlAll,
  removeStringNoLocale,
  removeUrl,
  saveSolidDatasetAt,
  setThing,
} from '@inrupt/solid-client'
import type { SolidDataset, ThingPersisted, WithServerResourceInfo } from '@inrupt/solid-client'

const suitableForDiet = 'https://schema.org/suitableForDiet'
const allergen = 'https://w3id.org/reach/vrm#allergen'
/** A term of this app's own: other apps leave it where it is. */
const favouriteDish = 'https://kitchen-card.example/terms#favouriteDish'
const schema = 'https://schema.org/'

export interface Diet {
  /** Names of schema.org, such as `VeganDiet`. */
  readonly diets: readonly string[]
  readonly allergies: readonly string[]
  readonly favouriteDish: string | undefined
}

type PodFetch = typeof fetch

/** Where the diet of this person lies, from her WebID alone. */
export async function findDiet(webId: string, fetch: PodFetch): Promise<string> {
  const [named] = await getPodUrlAll(webId, { fetch })
  const pod = named ?? (await storageAround(webId, fetch))
  if (pod === undefined) throw new Error('The WebID leads to no pod')
  return new URL('vrm/diet.ttl', pod).href
}

/** A profile need not name its pod: then it is the folder round the profile that says it is one (Solid Protocol, 4.1). */
async function storageAround(webId: string, fetch: PodFetch): Promise<string | undefined> {
  for (let url = new URL('.', webId); ; url = new URL('..', url)) {
    const { headers } = await fetch(url.href, { method: 'HEAD' })
    const isStorage = /<http:\/\/www\.w3\.org\/ns\/pim\/space#Storage>; ?rel="type"/
    if (isStorage.test(headers.get('link') ?? '')) return url.href
    if (url.pathname === '/') return undefined
  }
}

export async function readDiet(url: string, fetch: PodFetch): Promise<Diet> {
  const me = person(await open(url, fetch), url)
  return {
    diets: getUrlAll(me, suitableForDiet)
      .filter((term) => term.startsWith(schema))
      .map((term) => term.slice(schema.length)),
    allergies: getStringNoLocaleAll(me, allergen),
    favouriteDish: getStringNoLocaleAll(me, favouriteDish)[0],
  }
}

/**
 * Brings the document to this diet. Only what differs is sent (as a patch), so what other apps noted beside it stays, and
 * so does what somebody changed elsewhere in it at the same time.
 */
export async function saveDiet(url: string, wanted: Diet, fetch: PodFetch): Promise<void> {
  const before = await readDiet(url, fetch)
  const dataset = await open(url, fetch)
  let me = person(dataset, url)
  for (const name of without(before.diets, wanted.diets)) me = removeUrl(me, suitableForDiet, schema + name)
  for (const name of without(wanted.diets, before.diets)) me = addUrl(me, suitableForDiet, schema + name)
  for (const text of without(before.allergies, wanted.allergies))
    me = removeStringNoLocale(me, allergen, text)
  for (const text of without(wanted.allergies, before.allergies)) me = addStringNoLocale(me, allergen, text)
  if (before.favouriteDish !== wanted.favouriteDish) {
    if (before.favouriteDish !== undefined) me = removeStringNoLocale(me, favouriteDish, before.favouriteDish)
    if (wanted.favouriteDish !== undefined) me = addStringNoLocale(me, favouriteDish, wanted.favouriteDish)
  }
  await saveSolidDatasetAt(url, setThing(dataset, me), { fetch })
}

/** The document, or a new one where there is none. */
async function open(
  url: string,
  fetch: PodFetch,
): Promise<SolidDataset | (SolidDataset & WithServerResourceInfo)> {
  try {
    return await getSolidDataset(url, { fetch })
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404)
      return createSolidDataset()
    throw error
  }
}

/** In every document of the pod that Reach knows of, the person is `#me`. */
function person(dataset: SolidDataset, url: string): ThingPersisted {
  return getThing(dataset, `${url}#me`) ?? createThing({ url: `${url}#me` })
}

function without(all: readonly string[], others: readonly string[]): string[] {
  return all.filter((one) => !others.includes(one))
}
