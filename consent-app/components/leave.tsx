import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import type { LeaveView, Me } from '#schemas/types.gen.ts'
import { isOffline } from '../data/http.ts'
import { unanswered, useLeave, useLeaveView, useWithdrawAll } from '../data/leave.ts'
import { forgetHere, useSignIn } from '../data/sign-in.ts'
import { useFormats, useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Confirm } from './confirm.tsx'
import { Checkbox, TextField } from './controls.tsx'
import { Card, Section, Soft, Stack } from './layout.tsx'
import styles from './leave.module.css'
import { ProblemNote } from './problem-note.tsx'
import { Skeleton } from './skeleton.tsx'

/** The ways out: ending everything that was allowed, and being forgotten. Each says first what stays, and why. */
export function LeaveSection({ me }: { me: Me }) {
  const { text } = useText()
  const view = useLeaveView()
  return (
    <Section title={text('leave.title')}>
      <Stack gap="l">
        {view.isError && <ProblemNote error={view.error} onRetry={() => void view.refetch()} />}
        {view.isPending && <Skeleton lines={3} />}
        {view.data !== undefined && (
          <>
            <WithdrawAll view={view.data} />
            <Erase me={me} view={view.data} />
          </>
        )}
      </Stack>
    </Section>
  )
}

function WithdrawAll({ view }: { view: LeaveView }) {
  const { text } = useText()
  const formats = useFormats()
  const withdraw = useWithdrawAll()
  const [isOpen, setOpen] = useState(false)
  const [askDeletion, setAskDeletion] = useState(false)
  return (
    <Card>
      <Stack>
        <h3>{text('withdraw-all.title')}</h3>
        <p>
          {view.liveGrants === 0
            ? text('withdraw-all.nothing')
            : text('withdraw-all.what', {
                count: view.liveGrants,
                businesses: formats.list(view.businesses),
              })}
        </p>
        {view.liveGrants > 0 && (
          <div>
            <Button onPress={() => setOpen(true)}>{text('withdraw-all.act')}</Button>
          </div>
        )}
        <p role="status" className={styles.told}>
          {withdraw.isSuccess && text('withdraw-all.done', { count: withdraw.data.withdrawn })}
        </p>
      </Stack>
      <Confirm
        isOpen={isOpen}
        title={text('withdraw-all.title')}
        yes={text('withdraw-all.act')}
        no={text('withdraw-all.keep')}
        isPending={withdraw.isPending}
        onYes={() => {
          if (!withdraw.isPending) withdraw.mutate(askDeletion, { onSuccess: () => setOpen(false) })
        }}
        onNo={() => setOpen(false)}
      >
        <p>{text('withdraw-all.effect', { businesses: formats.list(view.businesses) })}</p>
        <p>{text('withdraw-all.copies')}</p>
        <Checkbox isSelected={askDeletion} onChange={setAskDeletion}>
          {text('withdraw-all.ask-deletion')}
        </Checkbox>
        {withdraw.isError && <ProblemNote error={withdraw.error} />}
      </Confirm>
    </Card>
  )
}

function Erase({ me, view }: { me: Me; view: LeaveView }) {
  const { text } = useText()
  const [isOpen, setOpen] = useState(false)
  const signIn = useSignIn()
  return (
    <Card>
      <Stack>
        <h3>{text('leave.erase')}</h3>
        <p>{text('leave.what')}</p>
        <WhatStays />
        {view.recentEnough ? (
          <div>
            <Button onPress={() => setOpen(true)}>{text('leave.begin')}</Button>
          </div>
        ) : (
          <>
            <Soft>{text('leave.sign-in-first')}</Soft>
            <div>
              <Button
                onPress={() => signIn.mutate({ issuer: me.issuer ?? '', returnTo: '/settings' })}
                isPending={signIn.isPending}
              >
                {text('leave.sign-in')}
              </Button>
            </div>
            {signIn.isError && <ProblemNote error={signIn.error} />}
          </>
        )}
      </Stack>
      {isOpen && <LastLook view={view} onClose={() => setOpen(false)} />}
    </Card>
  )
}

function WhatStays() {
  const { text } = useText()
  return (
    <div>
      <h4 className={styles.stays}>{text('leave.stays')}</h4>
      <ul className={styles.list}>
        {(['log', 'businesses', 'receipts', 'copies'] as const).map((what) => (
          <li key={what}>{text(`leave.stays.${what}`)}</li>
        ))}
      </ul>
    </div>
  )
}

function LastLook({ view, onClose }: { view: LeaveView; onClose: () => void }) {
  const { text } = useText()
  const leave = useLeave()
  const navigate = useNavigate()
  const client = useQueryClient()
  const [typed, setTyped] = useState('')
  const [isWrong, setWrong] = useState(false)
  const [askDeletion, setAskDeletion] = useState(false)
  const [deletePod, setDeletePod] = useState(false)
  const word = text('leave.word')

  const erase = () => {
    if (leave.isPending) return
    if (typed.trim().toLowerCase() !== word.toLowerCase()) return setWrong(true)
    leave.mutate(
      { confirmation: 'erase', askDeletion, deletePod },
      {
        onSuccess: (left) => {
          forgetHere()
          void navigate('/left', { state: left, replace: true })
          client.removeQueries()
        },
        // It may have been done, and then there is nobody left to ask.
        onError: (error) => {
          if (!isOffline(error)) return
          void navigate('/left', { state: unanswered(view.erasure), replace: true })
        },
      },
    )
  }
  return (
    <Confirm
      isOpen
      title={text('leave.title.last')}
      yes={text('leave.act')}
      no={text('leave.keep')}
      isPending={leave.isPending}
      onYes={erase}
      onNo={onClose}
    >
      <p>{text('leave.effect')}</p>
      <Checkbox isSelected={askDeletion} onChange={setAskDeletion}>
        {text('leave.ask-deletion')}
      </Checkbox>
      {view.pod === 'here' && (
        <Checkbox isSelected={deletePod} onChange={setDeletePod}>
          {text('leave.delete-pod')}
        </Checkbox>
      )}
      <p>
        {text(deletePod ? 'leave.pod-goes' : view.pod === 'here' ? 'leave.pod-stays' : 'leave.pod-elsewhere')}
      </p>
      <TextField
        label={text('leave.type', { word })}
        value={typed}
        onChange={(value) => {
          setTyped(value)
          setWrong(false)
        }}
        error={isWrong ? text('leave.type.wrong', { word }) : undefined}
        autoComplete="off"
        spellCheck={false}
        maxLength={40}
        isRequired
      />
      {leave.isError && <ProblemNote error={leave.error} />}
    </Confirm>
  )
}
