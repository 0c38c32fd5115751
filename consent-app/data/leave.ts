import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { Leave, LeaveView, Left, WithdrawnAll } from '#schemas/types.gen.ts'
import { call } from './http.ts'
import { useMe } from './me.ts'
import { forgetHere } from './sign-in.ts'

/** What leaving would mean right now. */
export function useLeaveView() {
  return useQuery({
    queryKey: ['leave'],
    queryFn: ({ signal }) => call<LeaveView>('GET', 'api/leave', { signal }),
    staleTime: 0,
  })
}

export function useWithdrawAll() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (askDeletion: boolean) =>
      call<WithdrawnAll>('POST', 'api/grants/withdraw', { body: { askDeletion } }),
    onSuccess: () => client.invalidateQueries(),
  })
}

/** For good. What follows is the caller's: nobody is signed in any more. */
export function useLeave() {
  return useMutation({ mutationFn: (body: Leave) => call<Left>('POST', 'api/leave', { body }) })
}

/** An erasure that was asked for (Unix ms) and got no reply: all that is known of it is its reference. */
export interface LeftOrNot {
  readonly erasure: string
  readonly askedAt: number
}

export function unanswered(erasure: string): LeftOrNot {
  return { erasure, askedAt: Date.now() }
}

const askEveryMs = 3_000
/** A session that nobody uses lives longer: within this time nothing ends hers but that she leaves, or ends it herself. */
const sureForMs = 2 * 24 * 3_600_000

/**
 * Whether she has left after all, asked again and again: who is signed in still may be on her way out, and of who is not after
 * days nobody knows why.
 */
export function useWhetherLeft(since: number | undefined): 'left' | 'unknown' | 'signed-out' {
  const client = useQueryClient()
  const { data, dataUpdatedAt } = useMe()
  const hasEnded = since !== undefined && dataUpdatedAt > since && data?.signedIn === false
  const isOpen = since !== undefined && !hasEnded
  const hasLeft = hasEnded && dataUpdatedAt - since < sureForMs
  useEffect(() => {
    if (hasLeft) forgetHere()
  }, [hasLeft])
  useEffect(() => {
    if (!isOpen) return
    // A reply may take longer than the next question.
    const ask = () => void client.invalidateQueries({ queryKey: ['me'] }, { cancelRefetch: false })
    ask()
    const asking = setInterval(ask, askEveryMs)
    return () => clearInterval(asking)
  }, [client, isOpen])
  if (isOpen) return 'unknown'
  return since === undefined || hasLeft ? 'left' : 'signed-out'
}
