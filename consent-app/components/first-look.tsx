import bare from './bare.module.css'
import { Mark } from './mark.tsx'
import skeleton from './skeleton.module.css'
import wordmark from './wordmark.module.css'

/**
 * What stands on the page until the app has something to show, without a word that could be in another language than the reader's. The
 * build writes it into the page, so it is painted before the app is there; the app draws the same again. The decision page,
 * which stands alone, keeps its head.
 */
export function FirstLook({ alone }: { alone: boolean }) {
  if (!alone)
    return (
      <div className={skeleton.frameless} aria-hidden="true">
        <Lines />
      </div>
    )
  return (
    <div className={bare.bare} aria-hidden="true">
      <div className={bare.head}>
        <span className={wordmark.wordmark}>
          <Mark />
          <span>Reach</span>
        </span>
      </div>
      <div className={bare.wide}>
        <Lines />
      </div>
    </div>
  )
}

function Lines() {
  return (
    <div className={skeleton.skeleton}>
      {Array.from({ length: 5 }, (_, line) => (
        <span key={line} className={skeleton.line} />
      ))}
    </div>
  )
}
