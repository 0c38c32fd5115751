/**
 * Every event that is logged and counted, and what it tells. Names are constants of the code, so that neither
 * a log line nor a label of a metric can hold anything of a request. An event that is not listed does not
 * compile.
 */
export const events = {
  request: 'A request was answered',
  'request-refused': 'A request met a known state of the world that stops it, such as a pod that is down',
  'request-failed': 'A request met a fault of ours',
  'oauth-failed': 'The authorization server met a fault of ours',
  'ledger-stopped': 'The ledger could not write and accepts nothing more',
  'clock-behind': 'The clock of this machine is more than a minute behind the newest record of the ledger',
  'job-failed': 'A job failed and is tried again',
  'job-laid-aside': 'A job failed for the last time',
  'jobs-failed': 'Jobs could not be read or leased',
  'webhook-failed': 'A message to a business did not get through and is tried again',
  'webhook-laid-aside': 'A message to a business did not get through for the last time',
  'webhook-row-unreadable':
    'Something about what businesses are told does not open, or is of a later version, and was stepped over',
  'webhook-endpoint-disabled': 'An endpoint of a business takes no more messages',
  'pod-server-ready': 'The embedded pod server answers',
  'pod-server-ended': 'The embedded pod server ended and is started again',
  'pod-full': 'A write to an embedded pod was refused with 507, since the pod is full',
  'stream-cut':
    'A stream of rows was cut off: its reader was slow or gone, its right ended, or a fault of ours',
  'unknown-subjects': 'Businesses asked for subjects that are not theirs',
  'witness-failed': 'A witness did not cosign a checkpoint of the log',
  'witness-contradicts': 'A witness has seen another history of the log than this one',
  'refusals-not-recorded': 'Counted refusals could not be written to the log',
} as const satisfies Record<string, string>

export type EventName = keyof typeof events
