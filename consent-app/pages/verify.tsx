import { useMutation } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useLocation } from 'react-router'
import { Bare } from '../components/bare.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { EntrySaid } from '../components/entry-said.tsx'
import { Lead, PageTitle, Section } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { VerificationResult } from '../components/verification-result.tsx'
import { readShared, verifyEvidence, type SharedEvidence } from '../data/verification.ts'
import { useText } from '../messages/text.tsx'

/** Where a shared proof leads: anybody's browser checks it, without an account. */
export function VerifyPage() {
  const { text } = useText()
  const { hash } = useLocation()
  const shared = readShared(hash)
  return (
    <Bare>
      <PageTitle title={text('verify.title')} />
      <Lead>{text('verify.lead')}</Lead>
      {shared === undefined ? (
        <EmptyState title={text('verify.empty.title')}>{text('verify.empty.body')}</EmptyState>
      ) : (
        <Shared key={hash} shared={shared} />
      )}
    </Bare>
  )
}

function Shared({ shared }: { shared: SharedEvidence }) {
  const { text } = useText()
  const check = useMutation({
    mutationFn: () => verifyEvidence(shared, () => true),
  })
  const { mutate } = check
  useEffect(() => mutate(), [mutate])
  return (
    <>
      <Section title={text('verify.checked')}>
        {check.isError && <ProblemNote error={check.error} onRetry={() => mutate()} />}
        {check.data === undefined && !check.isError && <Skeleton lines={4} />}
        {check.data !== undefined && <VerificationResult verification={check.data} />}
      </Section>
      {check.data?.failed === undefined && check.data !== undefined && (
        <Section title={text('verify.says')}>
          <EntrySaid line={shared.facts} />
        </Section>
      )}
    </>
  )
}
