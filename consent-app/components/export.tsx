import { useExport } from '../data/export.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Card, Section, Soft, Stack } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import { Progress } from './progress.tsx'

/** Everything Reach holds of the customer, in one archive that needs no Reach to be read. */
export function ExportSection() {
  const { text } = useText()
  const formats = useFormats()
  const { progress, ...start } = useExport()
  return (
    <Section title={text('export.title')}>
      <Card>
        <Stack>
          <p>{text('export.what')}</p>
          <Soft>{text('export.care')}</Soft>
          <div>
            <Button onPress={() => start.mutate()} isPending={start.isPending}>
              {text('export.act')}
            </Button>
          </div>
          {progress !== undefined && (
            <Progress label={text('export.progress')} value={progress.files} max={progress.total}>
              {text('export.so-far', {
                files: progress.files,
                total: progress.total,
                size: formats.size(progress.bytes),
              })}
            </Progress>
          )}
          <p role="status">{start.isSuccess && text('export.done')}</p>
          {start.isError && <ProblemNote error={start.error} onRetry={() => start.mutate()} />}
        </Stack>
      </Card>
    </Section>
  )
}
