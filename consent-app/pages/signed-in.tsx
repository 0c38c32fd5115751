import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { Bare } from '../components/bare.tsx'
import { LinkButton } from '../components/button.tsx'
import { PageTitle, Stack } from '../components/layout.tsx'
import { ProblemNote } from '../components/problem-note.tsx'
import { Skeleton } from '../components/skeleton.tsx'
import { completeSignIn } from '../data/sign-in.ts'
import { useText } from '../messages/text.tsx'
import { pathInApp } from '../mount.ts'

/** Where the pod's sign-in page comes back to. The return is worth one attempt: its code cannot be used twice. */
export function SignedInPage() {
  const { text } = useText()
  const { search } = useLocation()
  const navigate = useNavigate()
  const client = useQueryClient()
  const attempt = useQuery({
    queryKey: ['signed-in', search],
    queryFn: () => completeSignIn(search),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
  const location = attempt.data?.location

  useEffect(() => {
    if (location === undefined) return
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'signed-in' })
    void navigate(pathInApp(location, document.baseURI), { replace: true })
  }, [location, client, navigate])

  return (
    <Bare>
      {attempt.isError ? (
        <Stack>
          <PageTitle title={text('signed-in.failed')} />
          <ProblemNote error={attempt.error} />
          <div>
            <LinkButton to="/" look="solid">
              {text('signed-in.again')}
            </LinkButton>
          </div>
        </Stack>
      ) : (
        <Stack>
          <PageTitle title={text('signed-in.busy')} />
          <Skeleton lines={2} />
        </Stack>
      )}
    </Bare>
  )
}
