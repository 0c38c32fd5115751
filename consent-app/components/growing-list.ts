import { useEffect, useRef } from 'react'

/**
 * Where more of a list is asked for, the focus goes on to the first row that comes after those shown: what was pressed may be gone
 * by then. `selector` finds the rows below `list`; call `grow` when more are asked for.
 */
export function useGrowing<Frame extends HTMLElement>(selector: string) {
  const list = useRef<Frame>(null)
  const last = useRef<HTMLElement>(undefined)
  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>(selector) ?? [])]
  useEffect(() => {
    if (last.current === undefined) return
    const shown = rows()
    const next = shown[shown.indexOf(last.current) + 1]
    if (next === undefined || !shown.includes(last.current)) return
    last.current = undefined
    next.querySelector<HTMLElement>('a, button')?.focus()
  })
  return {
    list,
    grow: () => {
      last.current = rows().at(-1)
    },
  }
}
