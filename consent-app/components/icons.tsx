import styles from './icons.module.css'

/** Line icons of one weight on a 24 px grid. All are decorative: the words stand beside them. */
const paths = {
  home: 'M4 11.2 12 4.5l8 6.7M6 9.8v9.7h12V9.8M10 19.5v-5.2h4v5.2',
  data: 'M4.5 6.5h15M4.5 12h15M4.5 17.5h9M17.5 17.5h2',
  people:
    'M8.5 11.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM3.5 19c.4-3 2.3-4.5 5-4.5s4.6 1.5 5 4.5M15 6h5.5v6H15zM15.5 19H20M15.5 15.5H20',
  activity: 'M3.5 12.5h4l2.5-7 4 13 2.5-6h4',
  settings:
    'M4.5 7.5h9M17.5 7.5h2M4.5 16.5h2M10.5 16.5h9M15.5 9.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8.5 18.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  cross: 'm6.5 6.5 11 11M17.5 6.5l-11 11',
  chevron: 'm9.5 6 6 6-6 6',
  back: 'm14.5 6-6 6 6 6',
  out: 'M9 6.5H6v11.5h11.5V15M12.5 5.5h6v6M18 6l-7.5 7.5',
  lock: 'M6.5 11h11v8.5h-11zM8.5 11V8.5a3.5 3.5 0 0 1 7 0V11',
  shield: 'M12 4l7 2.5v5c0 4.3-2.8 7.2-7 8.5-4.2-1.3-7-4.2-7-8.5v-5zM9 12l2.2 2.2L15.2 10',
  question:
    'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM9.8 9.7c.2-1.3 1.1-2 2.3-2 1.3 0 2.3.8 2.3 2 0 1.8-2.4 1.9-2.4 3.8M12 16.3v.1',
  clock: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM12 7.5V12l3 2',
  file: 'M7 4h7l4 4v12H7zM13.5 4.5V8.5h4M10 12.5h5M10 16h5',
  download: 'M12 4.5v10M7.5 10.5 12 15l4.5-4.5M5 19.5h14',
  up: 'm6.5 14.5 5.5-6 5.5 6',
  plus: 'M12 5.5v13M5.5 12h13',
  inbox: 'M4.5 13.5 7 5.5h10l2.5 8v5h-15zM4.5 13.5H9l1 2h4l1-2h4.5',
  offline:
    'M4 4l16 16M5 11.5c1.3-1.2 2.7-2 4.3-2.5M12.5 8.6c2.5.2 4.7 1.2 6.5 2.9M8 15c.9-.8 1.9-1.3 3-1.4M12 18.6v.1',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" className={styles.icon}>
      <path d={paths[name]} />
    </svg>
  )
}
