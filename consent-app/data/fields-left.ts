import { useQuery } from '@tanstack/react-query'
import type { FieldsLeft } from '#schemas/types.gen.ts'
import { call } from './http.ts'

/** When each field last left. Under the key of the activity: whatever refreshes that refreshes this. */
export function useFieldsLeft() {
  return useQuery({
    queryKey: ['activity', 'fields-left'],
    queryFn: ({ signal }) => call<FieldsLeft>('GET', 'api/fields/left', { signal }),
  })
}
