import { useMutation } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useLocation } from 'react-router'
import { Bare } from '../components/bare.tsx'
import { Card, Fact, Facts, Lead, PageTitle, Section } from '../components/layout.tsx'
import { EmptyState } from '../components/empty-state.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { VerificationResult } from '../components/verification-result.tsx'
import {
  readFacts,
  readShared,
  verifyEvidence,
  type Facts as EntryFacts,
  type SharedEvidence,
} from '../data/verification.ts'
import { useFormats, useText } from '../messages/text.tsx'

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
          <Said facts={readFacts(shared.facts)} />
        </Section>
      )}
    </>
  )
}

/** The facts as they stand in the entry; names of businesses are not part of them. */
function Said({ facts }: { facts: EntryFacts }) {
  const formats = useFormats()
  const { v: _version, ...members } = facts
  return (
    <Card>
      <Facts>
        {Object.entries(members).map(([name, value]) => (
          <Fact key={name} name={name}>
            {typeof value === 'number' && ['time', 'until', 'redeemBy', 'from'].includes(name) ? (
              <time dateTime={new Date(value).toISOString()}>{formats.moment(value)}</time>
            ) : (
              <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
            )}
          </Fact>
        ))}
      </Facts>
    </Card>
  )
}
