import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ChangeGrant, Grants, GrantTerms, GrantView, Withdraw } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { sendOrWait } from './waiting.ts'
import { screenVersion } from './screen-version.ts'

/** Every grant, live and past. */
export function useGrants() {
  return useQuery({
    queryKey: ['grants'],
    queryFn: async ({ signal }) => (await call<Grants>('GET', 'api/grants', { signal })).grants,
  })
}

export function useGrant(grantId: string) {
  return useQuery({
    queryKey: ['grants', grantId],
    queryFn: ({ signal }) => call<GrantView>('GET', addressOf(grantId), { signal }),
  })
}

/** Withdraws, pauses or resumes; in effect once the reply is here. `undefined` when it waits for the network. */
export function useChangeGrant({ grantId, vendor, receiptId }: GrantView, kind: 'withdraw' | 'pause' | 'resume') {
  const client = useQueryClient()
  const known = useGrantReply(grantId)
  return useMutation({
    mutationFn: (body: Withdraw) => {
      const path = `${addressOf(grantId)}/${kind}`
      const act = { kind, about: grantId, business: vendor.name, path, body }
      return sendOrWait<GrantView>(client, kind === 'resume' ? { ...act, terms: receiptId } : act)
    },
    onSuccess: (grant) => {
      if (grant !== undefined) known(grant)
    },
  })
}

/** Asks a business that can read no more to delete what it holds. */
export function useAskDeletion(grantId: string) {
  const known = useGrantReply(grantId)
  return useMutation({
    mutationFn: () =>
      call<GrantView>('POST', `${addressOf(grantId)}/withdraw`, { body: { askDeletion: true } satisfies Withdraw }),
    onSuccess: known,
  })
}

/** What can be changed of a grant, with today's values. What is changed is what was shown, so it is not read again. */
export function useTerms(grantId: string) {
  return useQuery({
    queryKey: ['terms', grantId],
    queryFn: ({ signal }) => call<GrantTerms>('GET', `${addressOf(grantId)}/terms`, { signal }),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
}

/** Gives a grant other terms; in effect once the reply is here. */
export function useChangeTerms(grantId: string) {
  const known = useGrantReply(grantId)
  return useMutation({
    mutationFn: (body: ChangeGrant) =>
      call<GrantView>('POST', `${addressOf(grantId)}/change`, { body: { ...body, ...screenVersion() } }),
    onSuccess: known,
  })
}

const addressOf = (grantId: string) => `api/grants/${encodeURIComponent(grantId)}`

/** Puts a grant, as the vault says it is now, wherever it is shown. */
function useGrantReply(grantId: string): (grant: GrantView) => void {
  const client = useQueryClient()
  return (grant) => {
    client.setQueryData<GrantView>(['grants', grantId], (before) => ({
      ...grant,
      ...(grant.earlier === undefined && before?.earlier !== undefined ? { earlier: before.earlier } : {}),
    }))
    client.setQueryData<GrantView[]>(['grants'], (grants) =>
      grants?.map((other) => (other.grantId === grantId ? grant : other)),
    )
    void client.invalidateQueries({ queryKey: ['activity'] })
  }
}
