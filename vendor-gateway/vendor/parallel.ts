/** Runs `work` on every item, at most `limit` at a time. The first failure is thrown when the rest has come to rest. */
export async function inParallel<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const run = async () => {
    for (const item of waiting) await work(item)
  }
  const runs = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, run))
  const failed = runs.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
