import { QueryClientProvider } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import { Suspense, lazy } from 'react'
import { BrowserRouter, Outlet, Route, Routes } from 'react-router'
import { AppShell } from './components/app-shell.tsx'
import { ErrorBoundary } from './components/error-boundary.tsx'
import { OfflineBanner } from './components/offline-banner.tsx'
import { SandboxBanner } from './components/sandbox-banner.tsx'
import { SignedInOnly } from './components/signed-in-only.tsx'
import { FirstSkeleton } from './components/skeleton.tsx'
import { LanguageProvider } from './messages/language.tsx'
import type { Locale } from './messages/locale.ts'
import { mountPath } from './mount.ts'
// The page that people come to from elsewhere is there at once.
import { RequestPage } from './pages/request.tsx'

const HomePage = lazy(() => import('./pages/home.tsx').then((page) => ({ default: page.HomePage })))
const DataPage = lazy(() => import('./pages/my-data.tsx').then((page) => ({ default: page.DataPage })))
const RelationshipsPage = lazy(() =>
  import('./pages/relationships.tsx').then((page) => ({ default: page.RelationshipsPage })),
)
const RelationshipPage = lazy(() =>
  import('./pages/relationship.tsx').then((page) => ({ default: page.RelationshipPage })),
)
const ChangePage = lazy(() => import('./pages/change.tsx').then((page) => ({ default: page.ChangePage })))
const ActivityPage = lazy(() =>
  import('./pages/activity.tsx').then((page) => ({ default: page.ActivityPage })),
)
const SettingsPage = lazy(() =>
  import('./pages/settings.tsx').then((page) => ({ default: page.SettingsPage })),
)
const LinkPage = lazy(() => import('./pages/link.tsx').then((page) => ({ default: page.LinkPage })))
const SignedInPage = lazy(() =>
  import('./pages/signed-in.tsx').then((page) => ({ default: page.SignedInPage })),
)
const SignedInAgainPage = lazy(() =>
  import('./pages/signed-in-again.tsx').then((page) => ({ default: page.SignedInAgainPage })),
)
const UnsubscribePage = lazy(() =>
  import('./pages/unsubscribe.tsx').then((page) => ({ default: page.UnsubscribePage })),
)
const VerifyPage = lazy(() => import('./pages/verify.tsx').then((page) => ({ default: page.VerifyPage })))
const LeftPage = lazy(() => import('./pages/left.tsx').then((page) => ({ default: page.LeftPage })))
const AuditShell = lazy(() =>
  import('./components/audit/audit-shell.tsx').then((frame) => ({ default: frame.AuditShell })),
)
const AuditJoinPage = lazy(() =>
  import('./pages/audit/join.tsx').then((page) => ({ default: page.AuditJoinPage })),
)
const AuditEntriesPage = lazy(() =>
  import('./pages/audit/entries.tsx').then((page) => ({ default: page.AuditEntriesPage })),
)
const AuditEntryPage = lazy(() =>
  import('./pages/audit/entry.tsx').then((page) => ({ default: page.AuditEntryPage })),
)
const AuditGrantPage = lazy(() =>
  import('./pages/audit/grant.tsx').then((page) => ({ default: page.AuditGrantPage })),
)
const AuditConsentsPage = lazy(() =>
  import('./pages/audit/consents.tsx').then((page) => ({ default: page.AuditConsentsPage })),
)
const AuditOverviewPage = lazy(() =>
  import('./pages/audit/overview.tsx').then((page) => ({ default: page.AuditOverviewPage })),
)
const NotFoundPage = lazy(() =>
  import('./pages/not-found.tsx').then((page) => ({ default: page.NotFoundPage })),
)

export function App({ locale, queryClient }: { locale: Locale; queryClient: QueryClient }) {
  return (
    <QueryClientProvider client={queryClient}>
      <LanguageProvider locale={locale}>
        <BrowserRouter basename={mountPath()}>
          <SandboxBanner />
          <OfflineBanner />
          <ErrorBoundary>
            <Suspense fallback={<FirstSkeleton />}>
              <Pages />
            </Suspense>
          </ErrorBoundary>
        </BrowserRouter>
      </LanguageProvider>
    </QueryClientProvider>
  )
}

/** The decision page stands alone: nothing beside it competes for the reader. */
function Pages() {
  return (
    <Routes>
      <Route path="signed-in" element={<SignedInPage />} />
      <Route path="signed-in-again" element={<SignedInAgainPage />} />
      <Route path="unsubscribe/:stop" element={<UnsubscribePage />} />
      <Route path="verify" element={<VerifyPage />} />
      <Route path="audit/join" element={<AuditJoinPage />} />
      <Route path="audit" element={<AuditShell />}>
        <Route index element={<AuditEntriesPage />} />
        <Route path="entries/:index" element={<AuditEntryPage />} />
        <Route path="grants/:grantId" element={<AuditGrantPage />} />
        <Route path="consents" element={<AuditConsentsPage />} />
        <Route path="overview" element={<AuditOverviewPage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
      <Route path="left" element={<LeftPage />} />
      <Route
        element={
          <SignedInOnly>
            <Outlet />
          </SignedInOnly>
        }
      >
        <Route path="consent/:uid" element={<RequestPage />} />
        <Route path="link" element={<LinkPage />} />
        <Route element={<AppShell />}>
          <Route index element={<HomePage />} />
          <Route path="data" element={<DataPage />} />
          <Route path="relationships" element={<RelationshipsPage />} />
          <Route path="relationships/:grantId" element={<RelationshipPage />} />
          <Route path="relationships/:grantId/change" element={<ChangePage />} />
          <Route path="activity" element={<ActivityPage />} />
          <Route path="settings" element={<SettingsPage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Route>
      </Route>
    </Routes>
  )
}
