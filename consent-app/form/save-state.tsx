import { Button } from '../components/button.tsx'
import { Icon } from '../components/icons.tsx'
import { useProblemText } from '../components/problem-note.tsx'
import { SignInElsewhere } from '../components/sign-in-elsewhere.tsx'
import { useFormats, useText } from '../messages/text.tsx'
import type { CategoryDraft } from './category-draft.ts'
import type { DraftState } from './draft-state.ts'
import type { FormField } from './form-fields.ts'
import styles from './save-state.module.css'

/**
 * What is being filled in does not stay under the line that came up over it, or grew. What merely gets the focus by keyboard is
 * scrolled clear by its margin, and nothing moves under a finger.
 */
function keepOff(line: HTMLElement | null): (() => void) | undefined {
  if (line === null) return undefined
  const form = line.closest('form')
  const uncover = () => {
    const filled = document.activeElement
    if (filled === null || line.contains(filled) || form?.contains(filled) !== true) return
    const [under, over] = [filled.getBoundingClientRect(), line.getBoundingClientRect()]
    if (under.bottom > over.top && under.top < over.bottom) filled.scrollIntoView({ block: 'nearest' })
  }
  const sizes = new ResizeObserver(uncover)
  sizes.observe(line)
  form?.addEventListener('input', uncover)
  return () => {
    sizes.disconnect()
    form?.removeEventListener('input', uncover)
  }
}

/** Whether what stands above is in the pod, what to do when it is not, and the way back. Stays in sight while it matters. */
export function SaveState({
  draft,
  state,
  fields,
}: {
  draft: CategoryDraft
  state: DraftState
  fields: readonly FormField[]
}) {
  const { text } = useText()
  const formats = useFormats()
  const problemText = useProblemText()
  const { phase, problems, conflicts, steps, told, takenOver } = state
  const names = (list: readonly string[]) =>
    formats.list(list.map((name) => fields.find((field) => field.name === name)?.title ?? name))
  const last = steps.at(-1)
  const changed = last === undefined ? [] : [...new Set(Object.keys({ ...last.before, ...last.after }))]
  const isWrong = Object.keys(problems).length > 0
  const isUnsaved = draft.isUnsaved()
  const tone = isWrong || phase === 'failed' || phase === 'signed-out' || conflicts.size > 0 ? 'stop' : 'calm'

  const words = () => {
    if (phase === 'signed-out') return text('save.signed-out')
    if (phase === 'failed') return text('save.failed', { why: problemText(state.error) })
    if (conflicts.size > 0) return text('save.conflict', { fields: names([...conflicts.keys()]) })
    if (isWrong) return text('save.wrong')
    if (told === undefined || isUnsaved) return ''
    return text(`save.told.${told.what}`, { fields: names(told.names) })
  }
  if (last === undefined && !isUnsaved && told === undefined && takenOver.length === 0 && tone === 'calm')
    return null
  return (
    <div ref={keepOff} className={styles.state} data-tone={tone} data-aside={conflicts.size > 0}>
      <div>
        <p role="status" className={styles.words}>
          {tone === 'calm' && !isUnsaved && told !== undefined && told.what !== 'stale' && (
            <Icon name="check" size={18} />
          )}
          {words()}
        </p>
        {takenOver.length > 0 && (
          <p role="status" className={styles.words}>
            {text('save.taken-over', { fields: names(takenOver) })}
          </p>
        )}
        {isUnsaved && tone === 'calm' && (
          <p className={styles.words}>{text(phase === 'saving' ? 'save.saving' : 'save.typing')}</p>
        )}
      </div>
      <div className={styles.acts}>
        {phase === 'signed-out' && <SignInElsewhere />}
        {phase === 'failed' && (
          <Button small onPress={() => draft.retry()}>
            {text('save.retry')}
          </Button>
        )}
        {conflicts.size > 0 ? null : isUnsaved && phase !== 'saving' ? (
          <Button small look="quiet" onPress={() => draft.undo()}>
            {text('save.discard')}
          </Button>
        ) : (
          last !== undefined && (
            <Button small look="quiet" onPress={() => draft.undo()}>
              {text('save.undo', { fields: names(changed) })}
            </Button>
          )
        )}
      </div>
    </div>
  )
}
