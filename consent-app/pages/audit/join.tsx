import { useState } from 'react'
import { Bare } from '../../components/bare.tsx'
import { Button, LinkButton } from '../../components/button.tsx'
import { Card, Lead, PageTitle, Row, Soft, Stack } from '../../components/layout.tsx'
import { Notice } from '../../components/notice.tsx'
import { ProblemNote } from '../../components/problem-note.tsx'
import { useOpenAccount } from '../../data/audit.ts'
import { AuditText, useAuditText } from '../../components/audit/audit-text.tsx'

/** Redeems the invitation in the fragment of the address, which no server sees, and shows the key this once. */
export function AuditJoinPage() {
  return (
    <AuditText>
      <Join />
    </AuditText>
  )
}

function Join() {
  const { text } = useAuditText()
  const [invitation] = useState(() => location.hash.slice(1))
  const [copied, setCopied] = useState(false)
  const join = useOpenAccount('join')
  const token = join.data?.token
  const isInvitation = /^[\w-]{43}$/.test(invitation)
  return (
    <Bare>
      <PageTitle title={text('audit.join.title')} />
      <Lead>{text('audit.join.lead')}</Lead>
      <Card>
        <Stack>
          {!isInvitation && (
            <Notice tone="stop">
              <p>{text('audit.join.none')}</p>
            </Notice>
          )}
          {isInvitation && token === undefined && (
            <>
              {join.isError && <ProblemNote error={join.error} />}
              <Button look="solid" isPending={join.isPending} onPress={() => join.mutate(invitation)}>
                {text('audit.join.act')}
              </Button>
            </>
          )}
          {token !== undefined && (
            <>
              <p>{text('audit.join.key')}</p>
              <p>
                <code>{token}</code>
              </p>
              <Soft>{text('audit.join.keep')}</Soft>
              <Row>
                <Button
                  small
                  onPress={() => void navigator.clipboard.writeText(token).then(() => setCopied(true))}
                >
                  {text(copied ? 'audit.join.copied' : 'audit.join.copy')}
                </Button>
                <LinkButton small look="solid" to="/audit">
                  {text('audit.join.go')}
                </LinkButton>
              </Row>
            </>
          )}
        </Stack>
      </Card>
    </Bare>
  )
}
