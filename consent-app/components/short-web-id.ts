import { asUrl } from '../mount.ts'

/**
 * A WebID short enough for the top of a page: its host and the first name in its path, such as
 * `pods.example/ada`. What is no address stays as it is.
 */
export function shortWebId(webId: string): string {
  const url = asUrl(webId)
  if (url === undefined || url.host === '') return webId
  const [first] = url.pathname
    .split('/')
    .filter((part) => part !== '' && part !== 'profile' && part !== 'card')
  return first === undefined ? url.host : `${url.host}/${first}`
}
