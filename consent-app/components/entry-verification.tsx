import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { ActivityItem, EntryEvidence } from '#schemas/types.gen.ts'
import { saveFile } from '../data/save-file.ts'
import { readEvidence, shareUrl, verifyEvidence, type Facts } from '../data/verification.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Row, Soft, Stack } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import { Skeleton } from './skeleton.tsx'
import { VerificationResult } from './verification-result.tsx'

/** Checks one entry in this browser as soon as it is shown. */
export function EntryVerification({ item }: { item: ActivityItem }) {
  const check = useMutation({
    mutationFn: async () => {
      const evidence = await readEvidence(item.index)
      const verification = await verifyEvidence(evidence, (facts) => isShown(facts, item))
      return { evidence, verification }
    },
  })
  const { mutate } = check
  useEffect(() => mutate(), [mutate])
  if (check.isError) return <ProblemNote error={check.error} onRetry={() => mutate()} />
  if (check.data === undefined) return <Skeleton lines={4} />
  return (
    <VerificationResult verification={check.data.verification}>
      {check.data.verification.failed === undefined && <Evidence evidence={check.data.evidence} />}
    </VerificationResult>
  )
}

/** What can be handed to somebody else, and what they learn by it. */
function Evidence({ evidence }: { evidence: EntryEvidence }) {
  const { text } = useText()
  const [copied, setCopied] = useState(false)
  const share = shareUrl(evidence).href
  return (
    <Stack gap="s">
      <Row>
        <Button small onPress={() => void navigator.clipboard.writeText(share).then(() => setCopied(true))}>
          {text(copied ? 'verify.copied' : 'verify.copy')}
        </Button>
        <Button
          small
          look="quiet"
          onPress={() => saveFile(`reach-entry-${evidence.index}.tlog-proof`, evidence.proof)}
        >
          {text('verify.save')}
        </Button>
      </Row>
      <Soft>{text('verify.share')}</Soft>
      <p role="status">{copied ? text('verify.copied.said') : ''}</p>
    </Stack>
  )
}

/** Whether the entry says what the page says of it. Names of businesses and titles of fields are the vault's words. */
function isShown(facts: Facts, item: ActivityItem): boolean {
  const time = typeof facts['time'] === 'number' ? facts['time'] : Number.NaN
  const ofFields = fieldsOf(facts)
  const shown = new Set((item.fields ?? []).map(({ field }) => field))
  return (
    facts['type'] === item.type &&
    time === Date.parse(item.time) &&
    (item.vendor === undefined || facts['vendor'] === item.vendor.vendorId) &&
    (item.grantId === undefined || facts['grant'] === item.grantId) &&
    (item.seq === undefined || facts['seq'] === item.seq) &&
    (item.audit === undefined || isLook(facts, item.audit)) &&
    ofFields.size === shown.size &&
    [...ofFields].every((field) => shown.has(field))
  )
}

function isLook(
  facts: Facts,
  { auditor, because, first, last }: NonNullable<ActivityItem['audit']>,
): boolean {
  return (
    facts['auditor'] === auditor &&
    facts['because'] === because &&
    facts['first'] === first &&
    facts['end'] === last + 1
  )
}

function fieldsOf(facts: Facts): Set<string> {
  const items: readonly unknown[] = Array.isArray(facts['items']) ? facts['items'] : [facts]
  return new Set(
    items.flatMap((item) => {
      const fields = typeof item === 'object' && item !== null && 'fields' in item ? item.fields : []
      return Array.isArray(fields) ? (fields as string[]) : []
    }),
  )
}
