import type { FieldView } from '#schemas/types.gen.ts'
import { Checkbox, SelectField, TextField } from '../components/controls.tsx'
import { SensitivityTag } from '../components/sensitivity-tag.tsx'
import type { MessageId } from '../messages/locale.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { byName, countryCodes } from './codes.ts'
import { formFields } from './form-fields.ts'
import type { FieldKind, FormField } from './form-fields.ts'
import { withValue } from './form-values.ts'
import type { FieldProblem, Values } from './form-values.ts'
import { Group } from './group.tsx'
import { ListInput } from './list-input.tsx'
import { PictureInput } from './picture-input.tsx'
import styles from './form.module.css'

interface FieldInputProps {
  field: FormField
  value: unknown
  /** Undefined takes the value out of the pod. */
  onChange: (value: unknown) => void
  /** By name within this field: '' for itself. */
  problems: Readonly<Record<string, FieldProblem>>
  sensitivity?: FieldView['sensitivity']
}

const inputTypes: Partial<Record<FieldKind, 'email' | 'tel' | 'date' | 'time'>> = {
  email: 'email',
  phone: 'tel',
  date: 'date',
  time: 'time',
}

/** One field of a category, typed in by the control that fits its schema. */
export function FieldInput({ field, value, onChange, problems, sensitivity = 'ordinary' }: FieldInputProps) {
  const { text } = useText()
  const formats = useFormats()
  const { kind, description, schema } = field
  const title = (
    <>
      {field.title} <SensitivityTag sensitivity={sensitivity} />
    </>
  )
  const problem = problems['']
  const error = problem === undefined ? undefined : text(`form.wrong.${problem}` satisfies MessageId)
  switch (kind) {
    case 'group':
      return (
        <Group title={title} description={description}>
          <div className={styles.members}>
            {formFields(schema).map((member) => {
              const values = asValues(value)
              const wrong = problems[member.name]
              return (
                <FieldInput
                  key={member.name}
                  field={member}
                  value={values[member.name]}
                  onChange={(part) => onChange(withValue(values, member.name, part))}
                  problems={wrong === undefined ? {} : { '': wrong }}
                />
              )
            })}
          </div>
        </Group>
      )
    case 'choices':
      return (
        <Group title={title} description={description} error={error}>
          <div className={styles.choices}>
            {(schema.items?.enum ?? []).map((code) => (
              <Choice key={code} code={code} chosen={asTexts(value)} onChange={onChange} />
            ))}
          </div>
        </Group>
      )
    case 'texts':
    case 'languages':
      return (
        <ListInput
          field={field}
          title={title}
          values={asTexts(value)}
          onChange={(values) => onChange(values.length === 0 ? undefined : values)}
          error={error}
        />
      )
    case 'picture':
      return (
        <PictureInput
          title={title}
          description={description}
          value={typeof value === 'string' ? value : undefined}
          onChange={onChange}
          longest={schema.maxLength ?? 350_000}
        />
      )
    case 'choice':
    case 'country':
      return (
        <SelectField
          label={title}
          value={asText(value)}
          onChange={(code) => onChange(code === '' ? undefined : code)}
          placeholder={text('form.no-choice')}
          options={
            kind === 'country'
              ? byName(countryCodes, formats.country, formats.locale)
              : (schema.enum ?? []).map((code) => ({ value: code, label: code }))
          }
          error={error}
        />
      )
    default:
      return (
        <TextField
          label={title}
          type={inputTypes[kind] ?? 'text'}
          value={asText(value)}
          onChange={(typed) => onChange(typed === '' ? undefined : typed)}
          description={description}
          error={error}
          maxLength={schema.maxLength}
          autoComplete="off"
        />
      )
  }
}

function Choice({
  code,
  chosen,
  onChange,
}: {
  code: string
  chosen: readonly string[]
  onChange: (value: readonly string[] | undefined) => void
}) {
  const { text, has } = useText()
  const id = `choice.${code}`
  const change = (on: boolean) => {
    const next = on ? [...chosen, code] : chosen.filter((other) => other !== code)
    onChange(next.length === 0 ? undefined : next)
  }
  return (
    <Checkbox isSelected={chosen.includes(code)} onChange={change}>
      {has(id) ? text(id) : code}
    </Checkbox>
  )
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function asTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string') : []
}

function asValues(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {}
}
