// Shows that something in the vault wants attention. The words came with the address of this script, in the reader's
// language; the message itself says nothing.
const { searchParams } = new URL(self.location.href)
const home = new URL('./', self.location.href).href

self.addEventListener('push', (event) => {
  const shown = self.registration.showNotification(searchParams.get('title') ?? 'Reach', {
    body: searchParams.get('body') ?? '',
    tag: 'reminder',
  })
  event.waitUntil(shown)
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(self.clients.openWindow(home))
})
