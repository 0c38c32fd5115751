import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'

/** With each press. */
const most = 50

/** Shows some of those of a list that are left; `onMore` is told how many at most. */
export function MoreButton({ left, onMore }: { left: number; onMore: (most: number) => void }) {
  const { text } = useText()
  return (
    <Button small onPress={() => onMore(most)}>
      {text('list.more', { count: Math.min(left, most), left })}
    </Button>
  )
}
