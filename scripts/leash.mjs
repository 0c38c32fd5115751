// Preloaded into what start.mjs runs: when that process is killed outright, its end of the channel closes. Then we
// end as for SIGTERM and, after the grace, with everything in our process group.
const graceMs = Number(new URL(import.meta.url).searchParams.get('graceMs'))

process.once('disconnect', () => {
  setTimeout(() => process.kill(-process.pid, 'SIGKILL'), graceMs).unref()
  process.kill(process.pid, 'SIGTERM')
})
process.channel?.unref()
