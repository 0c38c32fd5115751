import type { FieldView } from '#schemas/types.gen.ts'
import { Checkbox, SelectField, TextField } from '../components/controls.tsx'
import { SensitivityTag } from '../components/sensitivity-tag.tsx'
import type { MessageId } from '../messages/locale.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { byName, countryCodes } from './codes.ts'
import { formFields } from './form-fields.ts'
import type { FieldKind, FieldSchema, FormField } from './form-fields.ts'
import { problemsWithin, typedNumber, withValue } from './form-values.ts'
import type { FieldProblem, Values } from './form-values.ts'
import { Group } from './group.tsx'
import { ListInput } from './list-input.tsx'
import { PictureInput } from './picture-input.tsx'
import { RecordsInput } from './records-input.tsx'
import styles from './form.module.css'

interface FieldInputProps {
  field: FormField
  value: unknown
  /** Undefined takes the value out of the pod. */
  onChange: (value: unknown) => void
  /** By name within this field: '' for itself. */
  problems: Readonly<Record<string, FieldProblem>>
  sensitivity?: FieldView['sensitivity']
  /** Somebody said that this is done. */
  onDone?: () => void
}

const inputTypes: Partial<Record<FieldKind, 'email' | 'tel' | 'date' | 'time'>> = {
  email: 'email',
  phone: 'tel',
  date: 'date',
  time: 'time',
}

/** One field of a category, typed in by the control that fits its schema. */
export function FieldInput({
  field,
  value,
  onChange,
  problems,
  sensitivity = 'ordinary',
  onDone,
}: FieldInputProps) {
  const { text } = useText()
  const formats = useFormats()
  const { kind, description, schema } = field
  const title = (
    <>
      <span className={styles.name}>{field.title}</span> <SensitivityTag sensitivity={sensitivity} />
    </>
  )
  const problem = problems['']
  const error = problem === undefined ? undefined : text(`form.wrong.${problem}` satisfies MessageId)
  switch (kind) {
    case 'group':
      return (
        <Group title={title} description={description}>
          <MemberInputs schema={schema} values={asValues(value)} onChange={onChange} problems={problems} />
        </Group>
      )
    case 'records':
      return (
        <RecordsInput
          field={field}
          title={title}
          records={Array.isArray(value) ? value.map(asValues) : []}
          onChange={(records) => onChange(records.length === 0 ? undefined : records)}
          onDone={onDone}
          problems={problems}
        >
          {(record, onRecord, wrong) => (
            <MemberInputs schema={schema.items ?? {}} values={record} onChange={onRecord} problems={wrong} />
          )}
        </RecordsInput>
      )
    case 'choices':
      return (
        <Group title={title} description={description} error={error}>
          <div className={styles.choices}>
            {(schema.items?.enum ?? []).map((code) => (
              <Choice
                key={code}
                code={code}
                label={schema['x-labels']?.[code] ?? code}
                chosen={asTexts(value)}
                onChange={onChange}
              />
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
    case 'yes-no':
      return (
        <SelectField
          label={title}
          value={typeof value === 'boolean' ? String(value) : ''}
          onChange={(answer) => onChange(answer === '' ? undefined : answer === 'true')}
          placeholder={text('form.no-choice')}
          options={[
            { value: 'true', label: text('value.yes') },
            { value: 'false', label: text('value.no') },
          ]}
          error={error}
        />
      )
    case 'number':
      return (
        <TextField
          label={title}
          value={asText(value)}
          onChange={(typed) => onChange(typed === '' ? undefined : typedNumber(typed))}
          description={description}
          error={error}
          inputMode={schema.type === 'integer' ? 'numeric' : 'decimal'}
          maxLength={16}
          autoComplete="off"
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
              : (schema.enum ?? []).map((code) => ({
                  value: code,
                  label: schema['x-labels']?.[code] ?? code,
                }))
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

/** The parts of one value, side by side. */
function MemberInputs({
  schema,
  values,
  onChange,
  problems,
}: {
  schema: FieldSchema
  values: Values
  onChange: (values: Values) => void
  problems: Readonly<Record<string, FieldProblem>>
}) {
  return (
    <div className={styles.members}>
      {formFields(schema).map((member) => (
        <FieldInput
          key={member.name}
          field={member}
          value={values[member.name]}
          onChange={(part) => onChange(withValue(values, member.name, part))}
          problems={problemsWithin(problems, member.name)}
        />
      ))}
    </div>
  )
}

function Choice({
  code,
  label,
  chosen,
  onChange,
}: {
  code: string
  label: string
  chosen: readonly string[]
  onChange: (value: readonly string[] | undefined) => void
}) {
  const change = (on: boolean) => {
    const next = on ? [...chosen, code] : chosen.filter((other) => other !== code)
    onChange(next.length === 0 ? undefined : next)
  }
  return (
    <Checkbox isSelected={chosen.includes(code)} onChange={change}>
      {label}
    </Checkbox>
  )
}

function asText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function asTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part) => typeof part === 'string') : []
}

function asValues(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {}
}
