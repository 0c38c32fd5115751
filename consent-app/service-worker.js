// Serves the app itself when the network does not, and shows what is pushed. Only files of the build lie in its cache, which
// are the same for everybody: no reply of the vault ever does (docs/decisions/0017-offline.md). The build fills in the names.
const version = '__REACH_VERSION__'
const files = ['__REACH_FILES__']

// Vault, tour and sandbox share an origin, and so all caches.
const scope = new URL('./', self.location.href)
const mine = `reach-app ${scope.pathname} `
const page = scope.href
const own = new Set(files.map((file) => new URL(file, scope).href))
/** What is under the scope and is no page of this app. */
const elsewhere = ['api', 'agent', 'log', 'oauth', 'vocabulary', 'assets', 'images', 'tour', 'sandbox']
const awayStatus = [502, 503, 504]

self.addEventListener('install', (event) => {
  const fill = async () => {
    const cache = await caches.open(mine + version)
    await cache.addAll([...own])
    const shell = await fetch(page, { headers: { Accept: 'text/html' }, cache: 'no-store' })
    if (!shell.ok) throw new Error('the page did not come')
    await cache.put(page, shell)
  }
  event.waitUntil(fill())
})

// A new build waits until the last page of the old one is closed, so no page misses a file that it still wants. The very first one
// takes the open page over: it too is to find its files when the network goes.
self.addEventListener('activate', (event) => {
  const sweep = async () => {
    const names = await caches.keys()
    const old = names.filter((name) => name.startsWith(mine) && name !== mine + version)
    await Promise.all(old.map((name) => caches.delete(name)))
    await self.clients.claim()
  }
  event.waitUntil(sweep())
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  if (request.mode === 'navigate') {
    if (isPage(new URL(request.url))) event.respondWith(pageOf(request))
  } else if (own.has(request.url)) event.respondWith(fileOf(request))
})

function isPage({ origin, pathname }) {
  const [place = ''] = pathname.slice(scope.pathname.length).split('/')
  return origin === scope.origin && !elsewhere.includes(place) && !place.includes('.')
}

/** From the vault as long as it answers: its page carries the nonce of its reply, and names the newest files. */
async function pageOf(request) {
  const reply = await fetch(request).catch(() => undefined)
  if (reply !== undefined && !awayStatus.includes(reply.status)) return reply
  return (await keptFile(page)) ?? reply ?? Response.error()
}

/** The name of a file carries its hash, so the kept one is the one. */
async function fileOf(request) {
  return (await keptFile(request.url)) ?? fetch(request)
}

async function keptFile(url) {
  const cache = await caches.open(mine + version)
  return cache.match(url, { ignoreVary: true })
}

self.addEventListener('push', (event) => {
  const { title, body, lang, dir } = event.data?.json() ?? {}
  event.waitUntil(self.registration.showNotification(title ?? 'Reach', { body, lang, dir, tag: 'reminder' }))
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(self.clients.openWindow(page))
})
