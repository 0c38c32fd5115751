import { useEffect, useRef } from 'react'
import { useLocation } from 'react-router'
import { useExport } from '../data/export.ts'
import { useMe } from '../data/me.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Card, Section, Soft, Stack } from './layout.tsx'
import { AtPodOnly, ProblemNote } from './problem-note.tsx'
import { Progress } from './progress.tsx'

/** Where the sign-in at the pod comes back to. */
const here = '?export'

/** Everything Reach holds of the customer, in one archive that needs no Reach to be read. */
export function ExportSection() {
  const { text } = useText()
  const formats = useFormats()
  const { progress, ...start } = useExport()
  const isByPasskey = useMe().data?.byPasskey === true
  // A pod that is gone for good takes no receipt and no proof along.
  const isShut = isByPasskey || start.isError
  const { pathname, search } = useLocation()
  const act = useRef<HTMLDivElement>(null)
  // Back from the sign-in at the pod: the keyboard stands where she left off.
  useEffect(() => {
    if (search === here) act.current?.querySelector('button')?.focus()
  }, [search])
  return (
    <Section title={text('export.title')}>
      <Card>
        <Stack>
          <p>{text('export.what')}</p>
          <Soft>{text('export.care')}</Soft>
          {isByPasskey ? (
            <AtPodOnly returnTo={pathname + here} />
          ) : (
            <div ref={act}>
              <Button onPress={() => start.mutate({})} isPending={start.isPending}>
                {text('export.act')}
              </Button>
            </div>
          )}
          {isShut && (
            <>
              <Soft>{text('export.records')}</Soft>
              <div>
                <Button onPress={() => start.mutate({ data: false })} isPending={start.isPending}>
                  {text('export.records.act')}
                </Button>
              </div>
            </>
          )}
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
          {start.isError && (
            <ProblemNote error={start.error} onRetry={() => start.mutate(start.variables ?? {})} />
          )}
        </Stack>
      </Card>
    </Section>
  )
}
