import { useId } from 'react'
import type { InputHTMLAttributes, KeyboardEvent, ReactNode } from 'react'
import { Checkbox as AriaCheckbox } from 'react-aria-components/Checkbox'
import { FieldError } from 'react-aria-components/FieldError'
import { Input } from 'react-aria-components/Input'
import { Label } from 'react-aria-components/Label'
import { Radio as AriaRadio, RadioGroup as AriaRadioGroup } from 'react-aria-components/RadioGroup'
import { Text } from 'react-aria-components/Text'
import { TextField as AriaTextField } from 'react-aria-components/TextField'
import styles from './controls.module.css'
import { Icon } from './icons.tsx'

interface TextFieldProps {
  label: ReactNode
  value: string
  onChange: (value: string) => void
  type?: 'text' | 'email' | 'password' | 'date' | 'time' | 'tel' | 'url'
  description?: ReactNode
  error?: string | undefined
  isRequired?: boolean
  autoComplete?: string
  spellCheck?: boolean
  min?: string
  max?: string
  maxLength?: number | undefined
  inputMode?: InputHTMLAttributes<HTMLInputElement>['inputMode']
  onKeyDown?: (event: KeyboardEvent<HTMLInputElement>) => void
}

/** A labelled line of input; what is wrong with it is said below it and tied to it. */
export function TextField(props: TextFieldProps) {
  const { label, value, onChange, type = 'text', description, error } = props
  return (
    <AriaTextField
      className={styles.field ?? ''}
      value={value}
      onChange={onChange}
      type={type as 'text'}
      isInvalid={error !== undefined}
      isRequired={props.isRequired ?? false}
      validationBehavior="aria"
      {...(props.autoComplete === undefined ? {} : { autoComplete: props.autoComplete })}
      {...(props.spellCheck === undefined ? {} : { spellCheck: String(props.spellCheck) })}
      {...(props.maxLength === undefined ? {} : { maxLength: props.maxLength })}
      {...(props.inputMode === undefined ? {} : { inputMode: props.inputMode })}
    >
      <Label className={styles.label ?? ''}>{label}</Label>
      <Input className={styles.input ?? ''} min={props.min} max={props.max} onKeyDown={props.onKeyDown} />
      {description !== undefined && (
        <Text slot="description" className={styles.description ?? ''}>
          {description}
        </Text>
      )}
      <FieldError className={styles.error ?? ''}>{error}</FieldError>
    </AriaTextField>
  )
}

interface SelectFieldProps {
  label: ReactNode
  value: string
  onChange: (value: string) => void
  options: readonly { value: string; label: string }[]
  /** Shown for no choice; without it something must be chosen. */
  placeholder?: string
  error?: string | undefined
}

/** The browser's own list: every phone has a better one than we could draw. */
export function SelectField({ label, value, onChange, options, placeholder, error }: SelectFieldProps) {
  const id = useId()
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      <select
        id={id}
        className={styles.input}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : `${id}-error`}
      >
        {placeholder !== undefined && <option value="">{placeholder}</option>}
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {error !== undefined && (
        <p id={`${id}-error`} className={styles.error}>
          {error}
        </p>
      )}
    </div>
  )
}

interface CheckboxProps {
  isSelected: boolean
  onChange: (isSelected: boolean) => void
  children: ReactNode
  describedBy?: string
}

export function Checkbox({ isSelected, onChange, children, describedBy }: CheckboxProps) {
  return (
    <AriaCheckbox
      className={styles.choice ?? ''}
      isSelected={isSelected}
      onChange={onChange}
      {...(describedBy === undefined ? {} : { 'aria-describedby': describedBy })}
    >
      <span className={styles.box} aria-hidden="true">
        <Icon name="check" size={16} />
      </span>
      <span className={styles.choiceLabel}>{children}</span>
    </AriaCheckbox>
  )
}

interface RadioGroupProps {
  label: string
  hideLabel?: boolean
  value: string | null
  onChange: (value: string) => void
  description?: ReactNode
  error?: string | undefined
  children: ReactNode
}

export function RadioGroup({
  label,
  value,
  onChange,
  description,
  error,
  children,
  hideLabel,
}: RadioGroupProps) {
  return (
    <AriaRadioGroup
      className={styles.group ?? ''}
      value={value}
      onChange={onChange}
      isInvalid={error !== undefined}
      validationBehavior="aria"
      {...(hideLabel === true ? { 'aria-label': label } : {})}
    >
      {hideLabel !== true && <Label className={styles.label ?? ''}>{label}</Label>}
      {children}
      {description !== undefined && (
        <Text slot="description" className={styles.description ?? ''}>
          {description}
        </Text>
      )}
      <FieldError className={styles.error ?? ''}>{error}</FieldError>
    </AriaRadioGroup>
  )
}

export function Radio({ value, children, aside }: { value: string; children: ReactNode; aside?: ReactNode }) {
  return (
    <AriaRadio className={styles.choice ?? ''} value={value}>
      <span className={styles.disc} aria-hidden="true" />
      <span className={styles.choiceLabel}>{children}</span>
      {aside !== undefined && <span className={styles.aside}>{aside}</span>}
    </AriaRadio>
  )
}
