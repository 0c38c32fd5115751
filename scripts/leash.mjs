// Preloaded into what start.mjs runs: when that process is killed outright, its end of the channel closes.
// Then we end as for SIGTERM, and with us, after the grace at the latest, everything in our process group.
const graceMs = Number(new URL(import.meta.url).searchParams.get('graceMs'))

function endGroup() {
  process.kill(process.platform === 'win32' ? process.pid : -process.pid, 'SIGKILL')
}

process.once('disconnect', () => {
  process.once('exit', endGroup)
  setTimeout(endGroup, graceMs).unref()
  process.kill(process.pid, 'SIGTERM')
})
process.channel?.unref()
