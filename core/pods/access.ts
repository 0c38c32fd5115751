/**
 * Opens and closes the pod for Reach's agent by writing whole access documents in the customer's own session;
 * `probe.ts` tells by trying what came of it. `universalAccess` of solid-client is no way: it writes half of WAC and none of
 * ACP, and says that all went well. Withdrawing a grant never comes here: that is a commit in the ledger.
 */
import { categories } from '#core/domain/catalogue.ts'
import { DomainError } from '#core/domain/errors.ts'
import { accessDocument, ownersAlone, withoutAgent } from './access-document.ts'
import type { AccessWanted } from './access-document.ts'
import { createPodClient } from './client.ts'
import type { PodClient, PodResource } from './client.ts'
import type { PodFetch } from './pod.ts'
import { resourceOf } from './vocabulary.ts'

const ATTEMPTS = 3

interface Parties {
  /** URL of `vrm/`. */
  readonly container: string
  readonly owner: string
  readonly agent: string
}

/** Where the agent leaves receipts: it may add and read there, never change. */
export function receiptsOf(container: string): string {
  return `${container}receipts/`
}

/** Where earlier values lie: below `vrm/`, and for the customer alone. */
export function historyOf(container: string): string {
  return `${container}history/`
}

/**
 * Makes the folder for earlier values where it is missing, and shuts it to everybody but the customer, Reach's agent included,
 * before anything is in it. Rules that are there already are hers, and stay.
 */
export async function makeHistoryFolder(
  fetch: PodFetch,
  { container, owner }: Pick<Parties, 'container' | 'owner'>,
): Promise<void> {
  const client = createPodClient({ fetch })
  const resource = historyOf(container)
  const found = await client.head(resource)
  if (found.status !== 'found') await client.put(resource, '', { ifNoneMatch: '*' }).catch(ignoreOthers)
  const { url, kind } = accessDocumentOf(found.status === 'found' ? found : await client.head(resource))
  if ((await client.head(url)).status === 'found') return
  const { turtle } = ownersAlone(kind, url, { resource, owner })
  await client.put(url, turtle, { ifNoneMatch: '*' }).catch(ignoreOthers)
}

/** Somebody was faster: that is as good. */
function ignoreOthers(error: unknown): void {
  if (!(error instanceof DomainError && error.code === 'pod-changed')) throw error
}

/**
 * Gives the agent Read on `vrm/`, Append and Read on `vrm/receipts/`, and makes both where they are missing. `owner` is
 * the WebID behind `fetch`; where it is the agent, too, it has all of it already. Safe to repeat. Refuses with the codes
 * of `createPodClient`.
 */
export async function openAccess(fetch: PodFetch, { container, owner, agent }: Parties): Promise<void> {
  const client = createPodClient({ fetch })
  await makeContainer(client, container)
  await makeContainer(client, receiptsOf(container))
  const common = { owner, agent }
  await setAccess(client, { ...common, resource: receiptsOf(container), agentModes: ['Read', 'Append'] })
  await setAccess(client, { ...common, resource: container, agentModes: ['Read'] })
}

/** Takes the agent out of both documents: the one of `receipts/` hides what it would inherit. Safe to repeat. */
export async function closeAccess(fetch: PodFetch, { container, owner, agent }: Parties): Promise<void> {
  const client = createPodClient({ fetch })
  for (const resource of [container, receiptsOf(container)]) {
    const closed = { resource, owner, agent, agentModes: [] }
    if ((await client.head(resource)).status === 'found') await setAccess(client, closed)
  }
}

/**
 * Puts right what `probe` finds to be too wide or too narrow, with the customer's consent: exact rules for Reach and
 * nothing for everybody in `vrm/`, in its documents of their own too; and Reach out of the rules of the places `elsewhere`.
 * Rules of anybody else stay as they are.
 */
export async function repairAccess(
  fetch: PodFetch,
  { container, owner, agent, elsewhere }: Parties & { readonly elsewhere: readonly string[] },
): Promise<void> {
  const client = createPodClient({ fetch })
  await openAccess(fetch, { container, owner, agent })
  const exact = { owner, agent, notEverybody: true }
  await setAccess(client, { ...exact, resource: receiptsOf(container), agentModes: ['Read', 'Append'] })
  await setAccess(client, { ...exact, resource: container, agentModes: ['Read'] })
  for (const { id } of categories) {
    const resource = resourceOf(container, id)
    // Where a resource has no document of its own the container's counts for it.
    if (await hasOwnDocument(client, resource))
      await setAccess(client, { ...exact, resource, agentModes: ['Read'] })
  }
  if (agent === owner) return
  for (const place of elsewhere) {
    if (await hasOwnDocument(client, place))
      await changeDocument(client, place, (kind, url, existing) =>
        withoutAgent(kind, url, { agent }, existing ?? ''),
      )
  }
}

async function hasOwnDocument(client: PodClient, resource: string): Promise<boolean> {
  const { status, links } = await client.head(resource)
  const document = links.get('acl')
  return status === 'found' && document !== undefined && (await client.head(document)).status === 'found'
}

async function makeContainer(client: PodClient, container: string): Promise<void> {
  if ((await client.head(container)).status === 'found') return
  await client.put(container, '', { ifNoneMatch: '*' }).catch(ignoreOthers)
}

async function setAccess(client: PodClient, wanted: AccessWanted): Promise<void> {
  await changeDocument(client, wanted.resource, (kind, url, existing) =>
    accessDocument(kind, url, wanted, existing),
  )
}

async function changeDocument(
  client: PodClient,
  resource: string,
  rewrite: (
    kind: 'wac' | 'acp',
    url: string,
    existing: string | undefined,
  ) => { turtle: string; changed: boolean },
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { url, kind } = accessDocumentOf(await client.head(resource))
    // 404 says that access is inherited so far.
    const current = await client.get(url)
    const existing = current.status === 'found' ? current.body : undefined
    const { turtle, changed } = rewrite(kind, url, existing)
    if (!changed) return
    const { etag } = current
    if (existing !== undefined && etag === undefined) {
      throw new DomainError('pod-unreadable', 'The pod gives its access documents no version')
    }
    try {
      await client.put(url, turtle, etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag })
      return
    } catch (error) {
      const raced = error instanceof DomainError && error.code === 'pod-changed'
      if (!raced || attempt === ATTEMPTS) throw error
    }
  }
}

function accessDocumentOf({ url: resource, status, links }: PodResource): {
  url: string
  kind: 'wac' | 'acp'
} {
  const url = links.get('acl')
  if (status !== 'found' || url === undefined) {
    throw new DomainError('pod-unreadable', 'The pod names no access document')
  }
  if (new URL(url).origin !== new URL(resource).origin) {
    throw new DomainError('pod-unreadable', 'The pod keeps its access documents elsewhere')
  }
  return { url, kind: new URL(url).pathname.endsWith('.acr') ? 'acp' : 'wac' }
}
