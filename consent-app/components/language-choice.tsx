import { useKeepLanguage } from '../data/me.ts'
import { useLanguage } from '../messages/language.tsx'
import { languages, ownName } from '../messages/locale.ts'
import { useText } from '../messages/text.tsx'
import styles from './language-choice.module.css'

/** Every language by its own name, so that it is found by who cannot read the one that is shown. */
export function LanguageChoice() {
  const { text } = useText()
  const { language: shown, choose } = useLanguage()
  const keep = useKeepLanguage()
  return (
    <div role="group" aria-label={text('language.label')} className={styles.languages}>
      {languages.map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={language === shown}
          className={styles.language}
          onClick={() => void choose(language).then(() => keep(language))}
        >
          {ownName(language)}
        </button>
      ))}
    </div>
  )
}
