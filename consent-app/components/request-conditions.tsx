import type { RequestView } from '#schemas/types.gen.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Card, Fact, Facts, Soft, Theirs } from './layout.tsx'

/** On what conditions: how long it is kept, who else gets it, what the end means. */
export function RequestConditions({ request }: { request: RequestView }) {
  const { text, rich } = useText()
  const formats = useFormats()
  const { recipients, retention, until } = request
  return (
    <Card>
      <Facts>
        <Fact name={text('conditions.retention')}>
          {text('conditions.retention.body', { duration: formats.duration(retention) })}
        </Fact>
        <Fact name={text('conditions.recipients')}>
          {recipients.length === 0 ? (
            text('conditions.recipients.none')
          ) : (
            <>
              <ul>
                {recipients.map(({ name, role }) => (
                  <li key={name}>
                    {rich('conditions.recipient', {
                      name: <Theirs>{name}</Theirs>,
                      role: <Theirs>{role}</Theirs>,
                    })}
                  </li>
                ))}
              </ul>
              <Soft>{text('conditions.recipients.outside')}</Soft>
            </>
          )}
        </Fact>
        <Fact name={text('conditions.asked-until')}>{formats.day(until)}</Fact>
      </Facts>
    </Card>
  )
}
