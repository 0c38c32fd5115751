import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Boundaries, VendorView } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { sendOrWait } from './waiting.ts'

/** Businesses that cannot ask, or not for everything, and what was turned away. */
export function useBoundaries() {
  return useQuery({
    queryKey: ['boundaries'],
    queryFn: async ({ signal }) => (await call<Boundaries>('GET', 'api/boundaries', { signal })).businesses,
  })
}

/** Blocks a business, which also ends what it may read. `undefined` when it waits for the network. */
export function useBlock({ vendorId, name: business }: VendorView) {
  const client = useQueryClient()
  const known = useBoundariesReply()
  return useMutation({
    mutationFn: () => {
      const path = `${addressOf(vendorId)}/block`
      return sendOrWait<Boundaries>(client, { kind: 'block', about: vendorId, business, path, body: {} })
    },
    onSuccess: (reply) => {
      if (reply !== undefined) known(reply)
    },
  })
}

/** Lets a business ask again. */
export function useLetAsk(vendorId: string) {
  const known = useBoundariesReply()
  return useMutation({
    mutationFn: () => call<Boundaries>('POST', `${addressOf(vendorId)}/let-ask`, { body: {} }),
    onSuccess: known,
  })
}

const addressOf = (vendorId: string) => `api/businesses/${encodeURIComponent(vendorId)}`

function useBoundariesReply(): (reply: Boundaries) => void {
  const client = useQueryClient()
  return ({ businesses }) => {
    client.setQueryData(['boundaries'], businesses)
    for (const key of ['grants', 'requests', 'activity']) void client.invalidateQueries({ queryKey: [key] })
  }
}
