import type { LanguageTag } from './locale.ts'

/** What is said where the app or its words did not come, and so in no file that could be missing, too. */
export const notLoaded: Readonly<Record<LanguageTag, { readonly said: string; readonly again: string }>> = {
  en: {
    said: 'Reach could not be loaded. Check your network, and load the page again.',
    again: 'Load again',
  },
  de: {
    said: 'Reach konnte nicht geladen werden. Prüfen Sie Ihr Netz, und laden Sie die Seite neu.',
    again: 'Neu laden',
  },
  ar: {
    said: 'تعذّر تحميل Reach. تحقق من شبكتك، ثم أعد تحميل الصفحة.',
    again: 'أعد التحميل',
  },
}
