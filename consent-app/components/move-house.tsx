import { useState } from 'react'
import type { PodMoveView } from '#schemas/types.gen.ts'
import { useBeginMove, useEndMove, useGoOnMoving, usePodMove } from '../data/pod.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Confirm } from './confirm.tsx'
import { TextField } from './controls.tsx'
import { asIssuer } from './issuer.ts'
import { Card, Fact, Facts, Row, Section, Soft, Stack } from './layout.tsx'
import { Notice } from './notice.tsx'
import { ProblemNote } from './problem-note.tsx'
import styles from './move-house.module.css'

/** All data from this pod to another one: begun here, gone on with here, and ended here. */
export function MoveHouse() {
  const { text } = useText()
  const move = usePodMove()
  if (move.data === undefined) return null
  return (
    <Section title={text('move.title')}>
      {move.data.state === 'none' ? (
        <Begin />
      ) : move.data.state === 'copying' ? (
        <Copying move={move.data} />
      ) : (
        <Moved move={move.data} />
      )}
    </Section>
  )
}

function Begin() {
  const { text } = useText()
  const begin = useBeginMove()
  const [typed, setTyped] = useState<string>()
  const [wrong, setWrong] = useState(false)
  if (typed === undefined)
    return (
      <Stack>
        <Soft>{text('move.explain')}</Soft>
        <div>
          <Button onPress={() => setTyped('')}>{text('move.begin')}</Button>
        </div>
      </Stack>
    )
  const start = () => {
    const issuer = asIssuer(typed)
    setWrong(issuer === undefined)
    if (issuer !== undefined) begin.mutate(issuer)
  }
  return (
    <Stack>
      <p>{text('move.how')}</p>
      <TextField
        label={text('move.where')}
        type="url"
        inputMode="url"
        value={typed}
        onChange={setTyped}
        description={text('sign-in.issuer.rule')}
        error={wrong ? text('sign-in.issuer.wrong') : undefined}
        spellCheck={false}
        maxLength={1000}
      />
      {begin.isError && <ProblemNote error={begin.error} />}
      <Row>
        <Button look="solid" onPress={start} isPending={begin.isPending || begin.isSuccess}>
          {text('sign-in.act')}
        </Button>
        <Button onPress={() => setTyped(undefined)}>{text('move.not')}</Button>
      </Row>
    </Stack>
  )
}

function Places({ move }: { move: PodMoveView }) {
  const { text } = useText()
  return (
    <Card>
      <Facts>
        <Fact name={text('move.from')}>
          <code className={styles.address}>{move.from}</code>
        </Fact>
        <Fact name={text('move.to')}>
          <code className={styles.address}>{move.to}</code>
        </Fact>
      </Facts>
    </Card>
  )
}

/** What does not go along, by name: she may want to see to it herself. */
function Left({ move }: { move: PodMoveView }) {
  const { text } = useText()
  const { filesLeft = [], rulesLeft = [] } = move
  return (
    <>
      {filesLeft.length > 0 && (
        <Notice tone="attention" title={text('move.files-left.title')}>
          <p>{text('move.files-left.body')}</p>
          <Names of={filesLeft} />
        </Notice>
      )}
      {rulesLeft.length > 0 && (
        <Notice tone="attention" title={text('move.rules-left.title')}>
          <p>{text('move.rules-left.body')}</p>
          <Names of={rulesLeft} />
        </Notice>
      )}
    </>
  )
}

function Names({ of: names }: { of: readonly string[] }) {
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>
          <code className={styles.address}>{name}</code>
        </li>
      ))}
    </ul>
  )
}

function Copying({ move }: { move: PodMoveView }) {
  const { text } = useText()
  const formats = useFormats()
  const goOn = useGoOnMoving()
  const cancel = useEndMove('cancel')
  const { files = 0, proven = 0, bytes = 0, ofBytes = 0 } = move
  return (
    <Stack>
      <Places move={move} />
      <p role="status">{text(files === 0 ? 'move.not-begun' : 'move.progress', { files, proven })}</p>
      <progress
        className={styles.bar}
        max={Math.max(ofBytes, 1)}
        value={bytes}
        aria-label={text('move.title')}
      />
      {ofBytes > 0 && (
        <Soft>{text('move.size', { size: formats.size(bytes), total: formats.size(ofBytes) })}</Soft>
      )}
      <Left move={move} />
      <Soft>{text('move.resume')}</Soft>
      {goOn.isError && <ProblemNote error={goOn.error} onRetry={() => goOn.mutate()} />}
      {cancel.isError && <ProblemNote error={cancel.error} />}
      <Row>
        <Button look="solid" onPress={() => goOn.mutate()} isPending={goOn.isPending}>
          {text('move.go-on')}
        </Button>
        <Button onPress={() => cancel.mutate()} isPending={cancel.isPending}>
          {text('move.cancel')}
        </Button>
      </Row>
    </Stack>
  )
}

function Moved({ move }: { move: PodMoveView }) {
  const { text } = useText()
  const keep = useEndMove('keep')
  const remove = useEndMove('delete')
  const [isOpen, setOpen] = useState(false)
  return (
    <Stack>
      <Notice tone="good" title={text('move.done.title')} announce>
        <p>{text('move.done.body', { files: move.proven ?? 0 })}</p>
      </Notice>
      <Left move={move} />
      <Places move={move} />
      {keep.isError && <ProblemNote error={keep.error} />}
      <Row>
        <Button onPress={() => setOpen(true)}>{text('move.delete')}</Button>
        <Button onPress={() => keep.mutate()} isPending={keep.isPending}>
          {text('move.keep')}
        </Button>
      </Row>
      <Confirm
        isOpen={isOpen}
        title={text('move.delete.title')}
        yes={text('move.delete')}
        no={text('move.keep-for-now')}
        isPending={remove.isPending}
        onYes={() => remove.mutate(undefined, { onSuccess: () => setOpen(false) })}
        onNo={() => setOpen(false)}
      >
        <p>{text('move.delete.effect')}</p>
        {remove.isError && <ProblemNote error={remove.error} />}
      </Confirm>
    </Stack>
  )
}
