import { Component } from 'react'
import type { ReactNode } from 'react'
import { useLocation } from 'react-router'
import { useText } from '../messages/text.tsx'
import { Button } from './button.tsx'
import { Notice } from './notice.tsx'

/** Catches what a page throws while it is drawn; the next page starts clean. */
export function ErrorBoundary({ children }: { children: ReactNode }) {
  return <Boundary key={useLocation().pathname}>{children}</Boundary>
}

class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError() {
    return { failed: true }
  }

  override render() {
    return this.state.failed ? <Failed /> : this.props.children
  }
}

/** A page that could not be drawn, or whose files are gone because Reach was updated meanwhile: load it again. */
function Failed() {
  const { text } = useText()
  return (
    <Notice
      tone="stop"
      title={text('crash.title')}
      announce
      actions={
        <Button small onPress={() => window.location.reload()}>
          {text('crash.reload')}
        </Button>
      }
    >
      <p>{text('crash.body')}</p>
    </Notice>
  )
}
