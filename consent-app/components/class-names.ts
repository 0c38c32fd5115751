/** Joins the names that apply. CSS modules give `undefined` for a name they lack. */
export function classNames(...names: readonly (string | false | undefined)[]): string {
  return names.filter((name) => name !== undefined && name !== false && name !== '').join(' ')
}
