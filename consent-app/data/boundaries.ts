import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Boundaries } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** Businesses that cannot ask, or not for everything, and what was turned away. */
export function useBoundaries() {
  return useQuery({
    queryKey: ['boundaries'],
    queryFn: async ({ signal }) => (await call<Boundaries>('GET', 'api/boundaries', { signal })).businesses,
  })
}

/** Blocks a business, which also ends what it may read, or lets it ask again. */
export function useBoundaryAct(vendorId: string, act: 'block' | 'let-ask') {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () =>
      call<Boundaries>('POST', `api/businesses/${encodeURIComponent(vendorId)}/${act}`, { body: {} }),
    onSuccess: ({ businesses }) => {
      client.setQueryData(['boundaries'], businesses)
      for (const key of ['grants', 'requests', 'activity'])
        void client.invalidateQueries({ queryKey: [key] })
    },
  })
}
