import { useState } from 'react'
import type { VendorView } from '#schemas/types.gen.ts'
import { useBlock, useBoundaries } from '../data/boundaries.ts'
import { useWaitingFor } from '../data/waiting.ts'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Confirm } from './confirm.tsx'
import { Soft, Stack, Theirs } from './layout.tsx'
import { ProblemNote } from './problem-note.tsx'
import { WaitsNote } from './waiting-acts.tsx'

/** Blocks a business, after showing what that ends; for one that is blocked, says so. */
export function BlockBusiness({ vendor }: { vendor: VendorView }) {
  const { text, rich } = useText()
  const boundaries = useBoundaries()
  const block = useBlock(vendor)
  const waiting = useWaitingFor(vendor.vendorId) !== undefined
  const [isOpen, setOpen] = useState(false)
  const business = <Theirs>{vendor.name}</Theirs>
  const isBlocked = boundaries.data?.some(
    (one) => one.vendor.vendorId === vendor.vendorId && one.blockedAt !== undefined,
  )
  if (waiting) return <Soft>{text('waiting.here')}</Soft>
  if (isBlocked === true)
    return (
      <Stack gap="s">
        <p>{rich('block.done', { business })}</p>
        <Soft>{text('block.back')}</Soft>
      </Stack>
    )
  return (
    <Stack gap="s">
      <div>
        <Button onPress={() => setOpen(true)}>{text('block.of', { business: vendor.name })}</Button>
      </div>
      <Soft>{text('block.explain')}</Soft>
      <Confirm
        isOpen={isOpen}
        title={text('block.title', { business: vendor.name })}
        yes={text('block.act')}
        no={text('block.keep')}
        isPending={block.isPending}
        onYes={() => block.mutate(undefined, { onSuccess: () => setOpen(false) })}
        onNo={() => setOpen(false)}
      >
        <p>{rich('block.effect', { business })}</p>
        <p>{text('block.back')}</p>
        <WaitsNote />
        {block.isError && <ProblemNote error={block.error} />}
      </Confirm>
    </Stack>
  )
}
