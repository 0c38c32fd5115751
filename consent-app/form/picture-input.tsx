import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { Button } from '../components/button.tsx'
import { Row } from '../components/layout.tsx'
import { useText } from '../messages/text.tsx'
import styles from './form.module.css'
import { Group } from './group.tsx'
import { shrinkPicture } from './shrink-picture.ts'

/** A picture out of a file, made small on this device; the file itself goes nowhere. */
export function PictureInput({
  title,
  description,
  value,
  onChange,
  longest,
}: {
  title: ReactNode
  description: string | undefined
  value: string | undefined
  onChange: (value: string | undefined) => void
  longest: number
}) {
  const { text } = useText()
  const input = useRef<HTMLInputElement>(null)
  const [failed, setFailed] = useState(false)

  const choose = async (file: File | undefined) => {
    if (file === undefined) return
    const picture = await shrinkPicture(file, longest)
    setFailed(picture === undefined)
    if (picture !== undefined) onChange(picture)
  }

  return (
    <Group title={title} description={description} error={failed ? text('picture.failed') : undefined}>
      <Row>
        {value !== undefined && <img className={styles.picture} src={value} alt={text('value.picture')} />}
        <input
          ref={input}
          type="file"
          accept="image/*"
          hidden
          onChange={(event) => {
            void choose(event.target.files?.[0])
            event.target.value = ''
          }}
        />
        <Button onPress={() => input.current?.click()}>
          {text(value === undefined ? 'picture.choose' : 'picture.replace')}
        </Button>
        {value !== undefined && (
          <Button look="quiet" onPress={() => onChange(undefined)}>
            {text('picture.remove')}
          </Button>
        )}
      </Row>
    </Group>
  )
}
