/** Hands what this page holds to the browser as a file. */
export function saveFile(name: string, content: BlobPart, type = 'text/plain'): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  // The download has taken its own reference by the next task.
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
