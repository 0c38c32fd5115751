import { useMutation } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useParams } from 'react-router'
import type { AuditEntryView } from '#schemas/types.gen.ts'
import { useReview } from '../../components/audit/audit-shell.tsx'
import { EntryFactsList } from '../../components/audit/entry-facts-list.tsx'
import { Button } from '../../components/button.tsx'
import { Card, Lead, PageTitle, Section, Soft, Stack } from '../../components/layout.tsx'
import { Notice } from '../../components/notice.tsx'
import { ProblemNote } from '../../components/problem-note.tsx'
import { Skeleton } from '../../components/skeleton.tsx'
import { VerificationResult } from '../../components/verification-result.tsx'
import { useAuditEntry } from '../../data/audit.ts'
import { saveFile } from '../../data/save-file.ts'
import { verifyEvidence } from '../../data/verification.ts'
import { useAuditText } from '../../components/audit/audit-text.tsx'

/** One entry: what it says, and whether this browser could prove it. */
export function AuditEntryPage() {
  const { text } = useAuditText()
  const { reason } = useReview()
  const index = Number(useParams()['index'])
  const entry = useAuditEntry(reason, index)
  return (
    <>
      <PageTitle title={text('audit.entry.title', { index })} />
      <Lead>{text('audit.entry.lead')}</Lead>
      {entry.isPending && <Skeleton lines={6} />}
      {entry.isError && <ProblemNote error={entry.error} />}
      {entry.data !== undefined && <Entry view={entry.data} />}
    </>
  )
}

function Entry({ view: { entry, proof } }: { view: AuditEntryView }) {
  const { text } = useAuditText()
  return (
    <>
      <Section title={text('audit.entry.says')}>
        <Card>
          <EntryFactsList line={entry.facts} />
        </Card>
      </Section>
      <Section title={text('audit.entry.proof')}>
        {proof === undefined ? (
          <Notice tone="attention">
            <p>{text('audit.entry.part')}</p>
          </Notice>
        ) : (
          <Proof index={entry.index} facts={entry.facts} proof={proof} />
        )}
      </Section>
    </>
  )
}

function Proof({ index, facts, proof }: { index: number; facts: string; proof: string }) {
  const { text } = useAuditText()
  const check = useMutation({ mutationFn: () => verifyEvidence({ facts, proof }, () => true) })
  const { mutate } = check
  useEffect(() => mutate(), [mutate])
  const name = `reach-entry-${index}.tlog-proof`
  return (
    <Stack>
      {check.isError && <ProblemNote error={check.error} onRetry={() => mutate()} />}
      {check.data === undefined ? (
        !check.isError && <Skeleton lines={4} />
      ) : (
        <VerificationResult verification={check.data} />
      )}
      <Soft>{text('audit.entry.offline')}</Soft>
      <pre tabIndex={0} aria-label={text('audit.entry.command')}>
        <code>{`reach audit check ${name} --vkey '<key>'`}</code>
      </pre>
      <div>
        <Button small onPress={() => saveFile(name, proof)}>
          {text('verify.save')}
        </Button>
      </div>
    </Stack>
  )
}
