import { useState } from 'react'

type Draft = Readonly<Record<string, string | undefined>>

/**
 * What is being chosen in the fields of a filter that stands in the address. The address, also by the browser's way back,
 * begins it anew.
 */
export function useFilterDraft<Filter extends Draft>(filter: Filter): [Filter, (draft: Filter) => void] {
  const [state, setState] = useState({ of: filter, draft: filter })
  if (!isSame(state.of, filter)) {
    setState({ of: filter, draft: filter })
    return [filter, () => undefined]
  }
  return [state.draft, (draft) => setState({ of: filter, draft })]
}

function isSame(one: Draft, other: Draft): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => one[name] === other[name])
}
