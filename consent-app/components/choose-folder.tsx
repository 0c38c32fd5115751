import { useState } from 'react'
import type { Storages } from '#schemas/types.gen.ts'
import { useChooseContainer, useStorages } from '../data/pod.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Radio, RadioGroup, TextField } from './controls.tsx'
import { Row, Stack } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import { Skeleton } from './skeleton.tsx'

/** Another storage, or another folder in it, for who has more than one or files her things elsewhere. */
export function ChooseFolder() {
  const { text } = useText()
  const [isOpen, setOpen] = useState(false)
  if (!isOpen)
    return (
      <div>
        <Button small onPress={() => setOpen(true)}>
          {text('folder.other')}
        </Button>
      </div>
    )
  return <Choices onDone={() => setOpen(false)} />
}

function Choices({ onDone }: { onDone: () => void }) {
  const storages = useStorages()
  if (storages.isError) return <ProblemNote error={storages.error} onRetry={() => void storages.refetch()} />
  if (storages.data === undefined) return <Skeleton lines={2} />
  return <Form found={storages.data} onDone={onDone} />
}

function Form({ found, onDone }: { found: Storages; onDone: () => void }) {
  const { text } = useText()
  const choose = useChooseContainer()
  const { storages, container } = found
  const current = storages.find(({ url }) => container.startsWith(url)) ?? storages[0]
  const [storage, setStorage] = useState(current?.url ?? '')
  const [folder, setFolder] = useState(
    container.startsWith(storage) ? container.slice(storage.length) : 'vrm/',
  )
  const submit = () =>
    choose.mutate(storage + folder.replace(/^\/+/, '').replace(/\/*$/, '/'), { onSuccess: onDone })
  return (
    <Stack>
      {storages.length > 1 && (
        <RadioGroup label={text('folder.storage')} value={storage} onChange={setStorage}>
          {storages.map(({ url }) => (
            <Radio key={url} value={url}>
              {url}
            </Radio>
          ))}
        </RadioGroup>
      )}
      <TextField
        label={text('folder.name')}
        description={text('folder.name.rule', { storage })}
        value={folder}
        onChange={setFolder}
        spellCheck={false}
        maxLength={200}
      />
      {choose.isError && <ProblemNote error={choose.error} />}
      <Row>
        <Button onPress={submit} isPending={choose.isPending}>
          {text('folder.act')}
        </Button>
        <Button onPress={onDone}>{text('folder.keep')}</Button>
      </Row>
    </Stack>
  )
}
