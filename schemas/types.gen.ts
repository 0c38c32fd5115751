// Made by scripts/make-types.ts from schemas/. Do not edit: npm run types.

/**
 * One line of a query answered as application/x-ndjson: a row, how far it is, or, as the last line, what it came to. A text without the last line was cut off.
 */
export type QueryLine = QueryRow | ProgressLine | SummaryLine
export type QueryRow = Disclosure | UnavailableRow

/**
 * Every schema by its $id.
 */
export interface Schemas {
  'records/access-request.json': AccessRequest
  'records/account.json': Account
  'records/boundary.json': Boundary
  'records/customer-standing.json': CustomerStanding
  'records/grant.json': Grant
  'records/granted-item.json': GrantedItem
  'records/item.json': RequestedItem
  'records/receipt.json': StoredReceipt
  'records/recipient.json': Recipient
  'records/vendor-logo.json': VendorLogo
  'records/vendor-standing.json': VendorStanding
  'records/vendor.json': Vendor
  'api/access-request-details.json': AccessRequestDetails
  'api/acknowledge.json': Acknowledge
  'api/acknowledged.json': AcknowledgedView
  'api/activity-query.json': ActivityQuery
  'api/activity.json': Activity
  'api/add-browser.json': AddBrowser
  'api/add-passkey.json': AddPasskey
  'api/amended-field.json': AmendedField
  'api/amendment.json': Amendment
  'api/answer-reminder.json': AnswerReminder
  'api/audit-counts.json': AuditCounts
  'api/audit-entries.json': AuditEntries
  'api/audit-entry-view.json': AuditEntryView
  'api/audit-entry.json': AuditEntry
  'api/audit-filter.json': AuditFilter
  'api/audit-one.json': AuditOne
  'api/audit-overview.json': AuditOverview
  'api/audit-range.json': AuditRange
  'api/audit-search.json': AuditSearch
  'api/audit-state.json': AuditState
  'api/audit-states.json': AuditStates
  'api/audit-timeline-view.json': AuditTimelineView
  'api/audit-timeline.json': AuditTimeline
  'api/auditor-invitation.json': AuditorInvitation
  'api/auditor-pass.json': AuditorPass
  'api/auditor-view.json': AuditorView
  'api/begin-pod-move.json': BeginPodMove
  'api/boundaries.json': Boundaries
  'api/catalogue.json': CatalogueView
  'api/categories.json': Categories
  'api/category-history.json': CategoryHistory
  'api/category-view.json': CategoryView
  'api/change-grant.json': ChangeGrant
  'api/check-request.json': CheckRequest
  'api/choose-container.json': ChooseContainer
  'api/complete-sign-in.json': CompleteSignIn
  'api/confirm-email.json': ConfirmEmail
  'api/create-vault.json': CreateVault
  'api/decision-result.json': DecisionResult
  'api/decision.json': Decision
  'api/disclosure.json': Disclosure
  'api/domain-proof.json': DomainProof
  'api/entry-evidence.json': EntryEvidence
  'api/erase-customer.json': EraseCustomer
  'api/export-manifest.json': ExportManifest
  'api/export.json': Export
  'api/field-view.json': FieldView
  'api/fields-left.json': FieldsLeft
  'api/find-customer.json': FindCustomer
  'api/finish-pod-move.json': FinishPodMove
  'api/grant-terms.json': GrantTerms
  'api/grant-view.json': GrantView
  'api/granted-details.json': GrantedDetails
  'api/grants.json': Grants
  'api/import-preview.json': ImportPreview
  'api/leave-view.json': LeaveView
  'api/leave.json': Leave
  'api/left.json': Left
  'api/live-change.json': LiveChange
  'api/log-key-rotation.json': LogKeyRotation
  'api/log-position.json': LogPosition
  'api/me.json': Me
  'api/name-passkey.json': NamePasskey
  'api/new-sandbox-customer.json': NewSandboxCustomer
  'api/new-vault.json': NewVault
  'api/nothing.json': Nothing
  'api/notifications.json': NotificationsView
  'api/open-link.json': OpenLink
  'api/open-request.json': OpenRequest
  'api/open-requests.json': OpenRequests
  'api/passkey-sign-in.json': PasskeySignIn
  'api/passkeys.json': Passkeys
  'api/pod-credentials.json': NewPodCredentials
  'api/pod-move.json': PodMoveView
  'api/probe.json': Probe
  'api/problem.json': Problem
  'api/query-line.json': QueryLine
  'api/query-reply.json': QueryReply
  'api/query-row.json': QueryRow
  'api/query.json': Query
  'api/receipt-view.json': ReceiptView
  'api/redirect.json': Redirect
  'api/reminders.json': Reminders
  'api/remove-browser.json': RemoveBrowser
  'api/request-check.json': RequestCheck
  'api/request-item-view.json': RequestItemView
  'api/request-view.json': RequestView
  'api/sandbox-act.json': SandboxAct
  'api/sandbox-business.json': SandboxBusinessRequest
  'api/sandbox-credentials.json': SandboxCredentials
  'api/sandbox-customer.json': SandboxCustomer
  'api/sandbox-customers.json': SandboxCustomers
  'api/sandbox-decision.json': SandboxDecision
  'api/sandbox-grant.json': SandboxGrant
  'api/sandbox-outcome.json': SandboxOutcome
  'api/save-category.json': SaveCategory
  'api/saved-category.json': SavedCategory
  'api/sessions.json': Sessions
  'api/set-email.json': SetEmail
  'api/set-language.json': SetLanguage
  'api/sign-in.json': SignIn
  'api/signing-key-rotation.json': SigningKeyRotation
  'api/storages.json': Storages
  'api/vendor-admission.json': VendorAdmission
  'api/vendor-change.json': VendorChange
  'api/vendor-grant.json': VendorGrant
  'api/vendor-grants.json': VendorGrants
  'api/vendor-request.json': VendorRequest
  'api/vendor-requests.json': VendorRequests
  'api/vendor-view.json': VendorView
  'api/webhook-deliveries.json': WebhookDeliveriesView
  'api/webhook-delivery.json': WebhookDeliveryView
  'api/webhook-endpoint.json': WebhookEndpointView
  'api/webhook-endpoints.json': WebhookEndpointsView
  'api/webhook-message.json': WebhookMessage
  'api/webhook-settings.json': WebhookSettings
  'api/withdraw.json': Withdraw
  'api/withdrawn-all.json': WithdrawnAll
  'fields/accessibility.json': Accessibility
  'fields/belongings.json': Belongings
  'fields/brands.json': Brands
  'fields/contact-rules.json': ContactRules
  'fields/contact.json': Contact
  'fields/diet.json': Diet
  'fields/household.json': Household
  'fields/interests.json': Interests
  'fields/loyalty.json': Loyalty
  'fields/plans.json': Plans
  'fields/profile.json': Profile
  'fields/purchases.json': Purchases
  'fields/sizes.json': Sizes
  'fields/subscriptions.json': Subscriptions
  'fields/tastes.json': Tastes
}
/**
 * What a business asks of one customer, and what became of it.
 */
export interface AccessRequest {
  v: 1
  /**
   * Opaque random id, base64url.
   */
  requestId: string
  /**
   * Opaque random id, base64url.
   */
  vendorId: string
  clientId: string
  /**
   * Unix time in ms.
   */
  receivedAt: number
  /**
   * Unix time in ms.
   */
  expiresAt: number
  /**
   * SHA-256 in base64url.
   */
  requestHash: string
  /**
   * @minItems 1
   * @maxItems 20
   */
  items: RequestedItem[]
  /**
   * ISO 8601 duration in years, months, weeks or days, such as P90D.
   */
  retention: string
  /**
   * @maxItems 20
   */
  recipients: Recipient[]
  /**
   * Unix ms: the end the business asks for.
   */
  until: number
  status: 'open' | 'allowed' | 'refused' | 'later'
  /**
   * The first signed-in customer who opened it; nobody else may answer.
   */
  accountId?: string
  /**
   * Unix time in ms.
   */
  decidedAt?: number
  /**
   * Hash of the answers: the same answers again return the stored outcome, others are a conflict.
   */
  answersHash?: string
  /**
   * Opaque random id, base64url.
   */
  grantId?: string
  /**
   * Opaque random id, base64url.
   */
  receiptId?: string
  /**
   * Where the browser goes back to the business.
   */
  returnTo?: string
  /**
   * From the claim on: salts of the log entries derive from it, also those of the grant; 32 random bytes in base64url.
   */
  secret?: string
  /**
   * How it came: the browser that the business sent; a link or QR code that the customer opened; or a question sent to a customer whom the business knows. Absent: browser.
   */
  channel?: 'browser' | 'link' | 'ciba'
  /**
   * The business shows the same code. Always there with the channel link.
   */
  matchingCode?: string
  /**
   * Channel link, once allowed: the business gets nothing before the customer gives it this code.
   */
  pickupCode?: string
  /**
   * It was refused before the customer saw it, as she had decided.
   */
  turnedAway?: 'blocked' | 'cool-off'
}
/**
 * One separately refusable part of an access request: fields for one purpose.
 */
export interface RequestedItem {
  id: string
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  /**
   * @minItems 1
   * @maxItems 64
   *
   * Items: Field id such as profile.birthDate.
   */
  fields: string[]
  /**
   * The business's own words: who does what with which data; plain text.
   */
  why: string
  /**
   * Without it the request makes no sense to the business; the customer then denies the whole.
   */
  required: boolean
}
/**
 * Somebody else the business passes the data on to.
 */
export interface Recipient {
  name: string
  /**
   * What the recipient does with the data.
   */
  role: string
  url?: string
}
/**
 * A customer: one WebID with one pod. Sealed under the customer's own key.
 */
export interface Account {
  v: 1
  /**
   * Opaque random id, base64url.
   */
  accountId: string
  webId: string
  issuer: string
  /**
   * Root of the storage.
   */
  podUrl: string
  /**
   * The vrm/ container that Reach reads.
   */
  container: string
  /**
   * WebID as which Reach comes to this pod, by credentials of the customer; absent: as its own agent.
   */
  actingAs?: string
  /**
   * What she is written to in, as she chose it or as the page was where she asked for messages.
   */
  language?: 'en' | 'de' | 'ar'
  /**
   * Unix time in ms.
   */
  createdAt: number
}
/**
 * What one customer does not want to be asked by one business.
 */
export interface Boundary {
  v: 1
  /**
   * Opaque random id, base64url.
   */
  accountId: string
  /**
   * Opaque random id, base64url.
   */
  vendorId: string
  /**
   * Unix time in ms.
   */
  blockedAt?: number
  /**
   * What she refused, and until when the business may not ask for it again.
   *
   * @maxItems 5000
   */
  denials: Denial[]
  /**
   * When she refused all of a request, newest first, since she last allowed anything.
   *
   * @maxItems 3
   *
   * Items: Unix time in ms.
   */
  refusals?: number[]
  /**
   * The newest requests that did not reach her, newest first.
   *
   * @maxItems 20
   */
  turnedAway: TurnedAway[]
}
export interface Denial {
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
  /**
   * Unix time in ms.
   */
  at: number
  /**
   * Unix time in ms.
   */
  until: number
}
export interface TurnedAway {
  /**
   * Unix time in ms.
   */
  at: number
  reason: 'blocked' | 'cool-off'
}
/**
 * Every disclosure checks the version of this row: pod access and erasure.
 */
export interface CustomerStanding {
  v: 1
  podAccess: 'none' | 'open' | 'lost'
  /**
   * The customer shut Reach out in the app: access that comes up in the pod is not taken for hers.
   */
  closedHere?: true
  /**
   * She is being forgotten: nothing is released, and nobody is signed in as her.
   */
  leaving?: true
  /**
   * Shut to Reach while the rest is open.
   *
   * @minItems 1
   * @maxItems 100
   */
  lostCategories?: string[]
}
/**
 * The live result of a decision; versioned by the ledger, never deleted, and alone decides what is released.
 */
export interface Grant {
  v: 1
  /**
   * Opaque random id, base64url.
   */
  grantId: string
  /**
   * Opaque random id, base64url.
   */
  accountId: string
  /**
   * Opaque random id, base64url.
   */
  vendorId: string
  clientId: string
  /**
   * Pairwise id for this vendor.
   */
  subject: string
  /**
   * Opaque random id, base64url.
   */
  requestId: string
  /**
   * @minItems 1
   * @maxItems 20
   */
  items: GrantedItem[]
  /**
   * ISO 8601 duration in years, months, weeks or days, such as P90D.
   */
  retention: string
  /**
   * @maxItems 20
   */
  recipients: Recipient[]
  /**
   * Unix time in ms.
   */
  validFrom: number
  /**
   * Unix ms of the last moment at which data may leave.
   */
  until: number
  state: 'active' | 'paused' | 'withdrawn' | 'expired'
  /**
   * The business has redeemed its code; before that nothing is released and the subject is told to nobody.
   */
  redeemed: boolean
  /**
   * Unix ms: an unredeemed grant ends here.
   */
  redeemBy: number
  /**
   * Unix time in ms.
   */
  endedAt?: number
  /**
   * The business gave it up, or the log was recovered without what it had become; absent: the customer withdrew, or it ended by itself.
   */
  endedBy?: 'business' | 'recovery'
  /**
   * The grant that amends this one: it ended when that one was redeemed.
   */
  replacedBy?: string
  acknowledgement?: Acknowledgement
  /**
   * Hash of what was shown before the decision.
   */
  noticeHash: string
  /**
   * Opaque random id, base64url.
   */
  receiptId: string
  /**
   * Salts of the log entries derive from it; 32 random bytes in base64url.
   */
  secret: string
  /**
   * At most so many reads in all; absent: no limit but the end.
   */
  reads?: number
  /**
   * How often its terms were changed; earlier terms stay in rows of their own.
   */
  changes?: number
  /**
   * Unix ms: since when these terms hold; absent before the first change.
   */
  termsFrom?: number
}
/**
 * What the customer allowed of one requested item: never more than was asked.
 */
export interface GrantedItem {
  id: string
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  /**
   * @minItems 1
   * @maxItems 64
   *
   * Items: Field id such as profile.birthDate.
   */
  fields: string[]
}
/**
 * What the business was asked to confirm after the end, and its signature.
 */
export interface Acknowledgement {
  kind: 'withdrawal' | 'deletion'
  /**
   * Unix time in ms.
   */
  requestedAt: number
  /**
   * Unix time in ms.
   */
  dueAt?: number
  /**
   * Unix time in ms.
   */
  acknowledgedAt?: number
  /**
   * The signed confirmation as it came.
   */
  jws?: string
}
/**
 * A receipt as both sides keep it: of a grant, or of a refusal.
 */
export interface StoredReceipt {
  v: 1
  /**
   * Opaque random id, base64url.
   */
  receiptId: string
  /**
   * Opaque random id, base64url.
   */
  accountId: string
  /**
   * Absent when the request was refused.
   */
  grantId?: string
  /**
   * Opaque random id, base64url.
   */
  requestId: string
  /**
   * Unix time in ms.
   */
  issuedAt: number
  /**
   * Compact JWS; these bytes never change.
   */
  jws: string
}
/**
 * The picture of a business, as it was checked when it came.
 */
export interface VendorLogo {
  v: 1
  type: 'image/png' | 'image/jpeg' | 'image/webp'
  bytes: string
}
/**
 * Every disclosure checks the version of this row; only a change that must stop releases writes it.
 */
export interface VendorStanding {
  v: 1
  state: 'admitted' | 'active' | 'suspended' | 'removed'
}
/**
 * A business as the operator admitted it.
 */
export interface Vendor {
  v: 1
  /**
   * Opaque random id, base64url.
   */
  vendorId: string
  /**
   * What customers know it by.
   */
  name: string
  /**
   * As in the register of companies, where that is another name.
   */
  legalName?: string
  website?: string
  /**
   * E-mail address or web page for questions about data.
   */
  contact?: string
  /**
   * E-mail address or web page of whoever answers for data protection.
   */
  dataProtectionContact?: string
  privacyPolicy?: string
  /**
   * Two letters, ISO 3166-1.
   */
  jurisdiction?: string
  /**
   * The picture itself lies in a row of its own.
   */
  logo?: {
    type: 'image/png' | 'image/jpeg' | 'image/webp'
    width: number
    height: number
    /**
     * SHA-256 of its bytes, base64url.
     */
    hash: string
  }
  /**
   * Host of the website, where the business has proven that it is its own; absent once that is lost.
   */
  domain?: string
  /**
   * Unix ms: when the proof was first seen, without a break since.
   */
  domainProvenAt?: number
  /**
   * Unix ms: the last look, whatever it found.
   */
  domainCheckedAt?: number
  /**
   * Unix ms: the first look of those since which the proof was not there.
   */
  domainMissingSince?: number
  /**
   * Unix time in ms.
   */
  admittedAt: number
  clientId?: string
  /**
   * How often the operator took all keys of the business away; tokens of an earlier epoch are worth nothing.
   */
  keyEpoch?: number
  /**
   * Key of the row with the access token of its registration.
   */
  registrationKey?: string
  /**
   * The operator took the keys away and the business has not registered new ones: nobody can sign in as its client.
   */
  awaitsKeys?: true
  /**
   * SHA-256 of the admission code that is good now; an earlier one is worth nothing.
   */
  admission?: string
}
/**
 * An authorization_details element (RFC 9396) that asks a customer for access.
 */
export interface AccessRequestDetails {
  type: 'urn:reach:access-request:1'
  /**
   * @minItems 1
   * @maxItems 20
   */
  items: AskedItem[]
  /**
   * How long you keep the data: ISO 8601 duration such as P30D.
   */
  retention: string
  /**
   * Who else gets the data; an empty list states that nobody does.
   *
   * @maxItems 20
   */
  recipients: Recipient[]
  /**
   * Until when you want to read; at most 365 days ahead.
   */
  until: string
  /**
   * RFC 9396: resource servers; the gateway's URL if given.
   *
   * @maxItems 4
   */
  locations?: string[]
}
export interface AskedItem {
  /**
   * Yours; item-1, item-2 ... where left out.
   */
  id?: string
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  /**
   * @minItems 1
   * @maxItems 64
   *
   * Items: Field id such as profile.birthDate.
   */
  fields: string[]
  /**
   * Your own words, shown to the customer.
   */
  why: string
  required: boolean
}
/**
 * What the business signed.
 */
export interface Acknowledge {
  /**
   * Compact JWS by one of your registered keys, typ reach-acknowledgement+jwt.
   */
  jws: string
}
/**
 * That it is on record.
 */
export interface AcknowledgedView {
  /**
   * Opaque random id, base64url.
   */
  grant_id: string
  kind: 'withdrawal' | 'deletion'
  requested_at: string
  due_at?: string
  acknowledged_at: string
  late: boolean
}
/**
 * Which of the customer's entries; what is left out does not limit.
 */
export interface ActivityQuery {
  business?: string
  kind?: 'reads' | 'refusals' | 'decisions' | 'changes' | 'auditors' | 'security'
  /**
   * Field id such as profile.birthDate, or a whole category such as profile.
   */
  field?: string
  /**
   * Entries from here on.
   */
  from?: string
  /**
   * Entries before this.
   */
  to?: string
  /**
   * Words that all occur in the names of the business, of the data, of the purpose, or in an auditor's reason.
   */
  q?: string
  /**
   * Entries of this grant alone.
   */
  grant?: string
  /**
   * Entries with a lower index: `next` of the page before.
   */
  before?: number
  limit?: number
}
/**
 * What happened, newest first.
 */
export interface Activity {
  items: ActivityItem[]
  /**
   * Pass as before to go on; absent at the end.
   */
  next?: number
  looked?: ActivityLooked
}
export interface ActivityItem {
  /**
   * Index in the log.
   */
  index: number
  type: string
  time: string
  vendor?: VendorView
  /**
   * Opaque random id, base64url.
   */
  grantId?: string
  /**
   * Opaque random id, base64url.
   */
  requestId?: string
  purpose?: string
  purposeTitle?: string
  fields?: ActivityField[]
  /**
   * The category that was shut or opened.
   */
  category?: string
  refused?: ActivityRefused
  seq?: number
  acknowledged?: 'withdrawal' | 'deletion'
  until?: string
  /**
   * Of a permission that ended: the newer one that took its place.
   */
  replacedBy?: string
  audit?: ActivityAudit
}
/**
 * A business as the customer sees it.
 */
export interface VendorView {
  /**
   * Opaque random id, base64url.
   */
  vendorId: string
  name: string
  legalName?: string
  website?: string
  contact?: string
  dataProtectionContact?: string
  privacyPolicy?: string
  jurisdiction?: string
  logo?: {
    /**
     * Below the base address of the vault, without a slash at its start.
     */
    path: string
    width: number
    height: number
  }
  /**
   * The proven one; the host of `website`.
   */
  domain?: string
  domainProven: boolean
  suspended: boolean
  /**
   * The business has left: every permission it had has ended or is ending, and none can come.
   */
  removed?: boolean
}
export interface ActivityField {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
}
/**
 * Reads that were refused within one hour.
 */
export interface ActivityRefused {
  count: number
  from: string
  reasons: string[]
}
/**
 * A look of an auditor at these entries.
 */
export interface ActivityAudit {
  auditor: string
  because: string
  first: number
  last: number
}
/**
 * Of a search: how many entries were looked at for this page, and back to when.
 */
export interface ActivityLooked {
  entries: number
  back?: string
}
/**
 * A subscription as the browser made it (Push API).
 */
export interface AddBrowser {
  endpoint: string
  p256dh: string
  auth: string
}
/**
 * What the browser made on the options of `POST /api/passkeys/options` (WebAuthn Level 3, RegistrationResponseJSON).
 */
export interface AddPasskey {
  /**
   * The customer's own word for it.
   */
  name: string
  credentialId: string
  clientDataJSON: string
  attestationObject: string
  /**
   * @maxItems 8
   */
  transports?: string[]
}
export interface AmendedField {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  purposeTitle: string
}
/**
 * What this business may read already, and what its new request would change: allowing it ends the earlier permission.
 */
export interface Amendment {
  /**
   * The permissions that would end.
   */
  grants: string[]
  since: string
  /**
   * When the earlier permission ends by itself.
   */
  until: string
  /**
   * Asked now and not allowed so far.
   */
  added: AmendedField[]
  /**
   * Allowed so far and asked again.
   */
  kept: AmendedField[]
  /**
   * Allowed so far and not asked any more: it ends with an Allow.
   */
  removed: AmendedField[]
  /**
   * How often the earlier permission lets it read altogether; a request sets no such limit. Absent: no limit before.
   */
  reads?: number
  /**
   * The business would keep what it read for longer than it said before.
   */
  keptLonger: boolean
  /**
   * Names of recipients that were not named before.
   */
  recipientsAdded: string[]
}
/**
 * All is well: this does not come up again before its time.
 */
export interface AnswerReminder {
  kind: 'recall' | 'unused' | 'ending' | 'late'
}
/**
 * Counts over time, replayed from the log.
 */
export interface AuditCounts {
  size: number
  days: AuditDay[]
  types: {
    [k: string]: number
  }
  acknowledgements: AcknowledgementTimes
  findings?: AuditFinding[]
}
export interface AuditDay {
  day: string
  counts: {
    [k: string]: number
  }
}
export interface AcknowledgementTimes {
  count: number
  open: number
  medianMs?: number
  longestMs?: number
}
export interface AuditFinding {
  index: number
  code: string
  grant?: string
}
/**
 * Entries as an auditor sees them. Openings of a range that goes beyond `size` end with the entries of the auditor's own looks since.
 */
export interface AuditEntries {
  entries: AuditEntry[]
  /**
   * Entries of the checkpoint that this was read from.
   */
  size: number
  /**
   * The lowest index that was looked at.
   */
  searchedFrom: number
  /**
   * Pass as before to go on; absent at the beginning of the log.
   */
  next?: number
}
/**
 * An entry as far as an auditor's scope shows it.
 */
export interface AuditEntry {
  index: number
  /**
   * The line of policy facts; exactly what the entry commits to where there is a salt.
   */
  facts: string
  /**
   * Opens the slot ops of the public entry; absent where the scope leaves parts of the line out.
   */
  salt?: string
}
/**
 * One entry with its proof.
 */
export interface AuditEntryView {
  entry: AuditEntry
  size: number
  /**
   * A C2SP tlog-proof; absent where the scope leaves parts of the line out.
   */
  proof?: string
}
/**
 * Which entries; what is left out does not limit.
 */
export interface AuditFilter {
  /**
   * @minItems 1
   * @maxItems 64
   */
  types?: string[]
  /**
   * @minItems 1
   * @maxItems 100
   */
  businesses?: string[]
  purpose?: string
  grant?: string
  from?: string
  to?: string
}
/**
 * One entry with its proof.
 */
export interface AuditOne {
  /**
   * Why; it goes into the log, and the customers it concerns read it.
   */
  reason: string
  index: number
}
/**
 * Counts over time.
 */
export interface AuditOverview {
  /**
   * Why; it goes into the log, and the customers it concerns read it.
   */
  reason: string
  filter?: AuditFilter
}
/**
 * All entries of a range, in the order of the log.
 */
export interface AuditRange {
  /**
   * Why; it goes into the log, and the customers it concerns read it.
   */
  reason: string
  first: number
  count: number
}
/**
 * A page of entries, newest first.
 */
export interface AuditSearch {
  /**
   * Why; it goes into the log, and the customers it concerns read it.
   */
  reason: string
  filter?: AuditFilter
  before?: number
  limit?: number
}
/**
 * How all consents stood at a moment.
 */
export interface AuditState {
  /**
   * Why; it goes into the log, and the customers it concerns read it.
   */
  reason: string
  filter?: AuditFilter
  asOf?: string
  after?: string
}
/**
 * How consents stood at a moment, replayed from the log.
 */
export interface AuditStates {
  asOf: string
  size: number
  states: ConsentState[]
  counts: {
    [k: string]: number
  }
  /**
   * Pass as after to go on.
   */
  next?: string
}
export interface ConsentState {
  grant: string
  vendor: string
  state: 'unredeemed' | 'active' | 'paused' | 'access-lost' | 'withdrawn' | 'expired'
  since: string
  until: string
  reads?: number
  /**
   * Releases so far.
   */
  disclosed: number
  index?: number
  items: ConsentItem[]
}
export interface ConsentItem {
  purpose: string
  fields: string[]
}
/**
 * One grant from request to end, and the notices that were shown.
 */
export interface AuditTimelineView {
  entries: AuditEntry[]
  size: number
  truncated?: boolean
  notices: AuditNotice[]
}
export interface AuditNotice {
  hash: string
  /**
   * Exactly what was hashed (SHA-256, base64url); absent where it was not archived.
   */
  text?: string
}
/**
 * One grant from request to end.
 */
export interface AuditTimeline {
  /**
   * Why; it goes into the log, and the customers it concerns read it.
   */
  reason: string
  grant: string
}
/**
 * How far an auditor may look, and until when. What is left out does not limit.
 */
export interface AuditorInvitation {
  name: string
  /**
   * @minItems 1
   * @maxItems 100
   */
  businesses?: string[]
  from?: string
  to?: string
  /**
   * @minItems 1
   * @maxItems 64
   */
  shown?: string[]
  expires: string
}
/**
 * An invitation, or the key that it was redeemed for.
 */
export interface AuditorPass {
  pass: string
}
/**
 * Who is looking, and how far.
 */
export interface AuditorView {
  auditorId: string
  name: string
  expiresAt: string
  from?: string
  to?: string
  shown?: string[]
  /**
   * Nothing limits what this auditor sees.
   */
  whole: boolean
  /**
   * The key of the account; told once.
   */
  token?: string
  businesses: AuditedBusiness[]
}
export interface AuditedBusiness {
  vendorId: string
  name: string
}
export interface BeginPodMove {
  /**
   * Sign-in server of the new pod, or the WebID that names one.
   */
  issuer: string
}
/**
 * Businesses that cannot ask the customer, or not for everything.
 */
export interface Boundaries {
  businesses: BoundaryView[]
}
export interface BoundaryView {
  vendor: VendorView
  blockedAt?: string
  /**
   * After three refusals in a row: it may ask nothing before.
   */
  nothingUntil?: string
  /**
   * What it may not ask for again, by purpose.
   */
  denied: DeniedView[]
  /**
   * Requests that did not reach the customer, newest first.
   */
  turnedAway: TurnedAwayView[]
}
export interface DeniedView {
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  purposeTitle: string
  fields: DeniedField[]
  until: string
}
export interface DeniedField {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
}
export interface TurnedAwayView {
  at: string
  reason: 'blocked' | 'cool-off'
}
/**
 * Every category and field with the words of one language: that of Accept-Language, or English.
 */
export interface CatalogueView {
  language: 'en' | 'de' | 'ar'
  categories: CatalogueCategory[]
}
export interface CatalogueCategory {
  title: string
  category: string
  /**
   * Which part of somebody's life it belongs to: you, living, liking, buying or more.
   */
  group: string
  description: string
  fields: CatalogueField[]
}
export interface CatalogueField {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
  description: string
  sensitivity: 'ordinary' | 'sensitive' | 'special'
  derived: boolean
  /**
   * Source fields of a derived one; they do not leave.
   *
   * Items: Field id such as profile.birthDate.
   */
  from?: string[]
  rule?: string
  /**
   * Of a derived one: whether it says less than its source.
   */
  hides?: boolean
  /**
   * JSON Schema of the value; x-labels says what the codes of an enum stand for.
   */
  schema: {
    [k: string]: unknown
  }
}
export interface Categories {
  categories: CategoryView[]
}
/**
 * One category of a pod with its form.
 */
export interface CategoryView {
  title: string
  category: string
  /**
   * Which part of somebody's life it belongs to.
   */
  group: string
  description: string
  /**
   * JSON Schema of the values: the form is made from it.
   */
  schema: {
    [k: string]: unknown
  }
  values: {
    [k: string]: unknown
  }
  /**
   * Null when there is no resource yet.
   */
  etag: string | null
  /**
   * Why the pod's document cannot be read; then it cannot be edited here.
   */
  unreadable?: string
  derived: FieldView[]
}
/**
 * A field with today's value: what would leave.
 */
export interface FieldView {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
  description: string
  sensitivity: 'ordinary' | 'sensitive' | 'special'
  derived: boolean
  /**
   * Source fields of a derived one; they do not leave.
   *
   * Items: Field id such as profile.birthDate.
   */
  from?: string[]
  rule?: string
  /**
   * Today's value; absent when there is none in the pod.
   */
  value?: {
    [k: string]: unknown
  }
  /**
   * Nothing in the pod yet.
   */
  missing?: boolean
}
/**
 * What changed in a category, newest first, as a document in the pod has it that only the customer can read.
 */
export interface CategoryHistory {
  changes: FieldChange[]
}
export interface FieldChange {
  /**
   * Field id such as contact.phone.
   */
  field: string
  /**
   * For a change made elsewhere: when the pod last changed the document, or when it was noticed.
   */
  at: string
  how: 'here' | 'undo' | 'put-back' | 'import' | 'elsewhere'
  /**
   * The value that was replaced; absent where there was none.
   */
  before?: string | number | boolean | unknown[] | {}
  /**
   * The value was too large to be kept, as pictures are.
   */
  notKept?: boolean
}
/**
 * The terms of a live grant as they shall be from now on: never more than its request asked.
 */
export interface ChangeGrant {
  /**
   * @maxItems 20
   */
  items: ChangedItem[]
  /**
   * End of the grant.
   */
  until: string
  /**
   * Receipt of the terms that the page showed: where others are in force by now nothing is changed (`conflict`).
   */
  replaces?: string
  /**
   * Version of the page that showed it, as it came with the page: it is recorded with the notice.
   */
  screen?: string
  /**
   * What language the page was in: the notice is recorded in it. Absent: English.
   */
  language?: 'en' | 'de' | 'ar'
  /**
   * At most so many reads in all, those done before included; absent: no limit but the end.
   */
  reads?: number
}
/**
 * What stays or becomes allowed of an item; an item left out is taken away.
 */
export interface ChangedItem {
  id: string
  /**
   * @maxItems 64
   *
   * Items: Field id such as profile.birthDate.
   */
  fields: string[]
}
/**
 * An access request to be tried out: `authorization_details` as it would be pushed.
 */
export interface CheckRequest {
  /**
   * @minItems 1
   * @maxItems 1
   *
   * Items: As api/access-request-details.json says; what does not fit is told in the reply.
   */
  authorization_details: {
    [k: string]: unknown
  }[]
}
/**
 * Which folder of which of her storages a customer gives to Reach.
 */
export interface ChooseContainer {
  /**
   * URL that ends in a slash, inside one of the storages; made when it is not there.
   */
  container: string
}
export interface CompleteSignIn {
  /**
   * The query the browser came back with from the issuer, question mark included.
   */
  query: string
}
export interface ConfirmEmail {
  /**
   * From the link in the message.
   */
  confirm: string
}
export interface CreateVault {
  podName: string
  email: string
  /**
   * At most 72 bytes: what the pod server's hash takes in.
   */
  password: string
}
/**
 * Outcome of a decision.
 */
export interface DecisionResult {
  status: 'allowed' | 'refused' | 'later'
  /**
   * Back to the business; absent where no browser goes back.
   */
  returnTo?: string
  receipt?: ReceiptView
  /**
   * Opaque random id, base64url.
   */
  grantId?: string
  /**
   * Channel link, once allowed: the business gets nothing before the customer gives it this code.
   */
  pickupCode?: string
}
/**
 * A receipt: the signed bytes and what they say.
 */
export interface ReceiptView {
  /**
   * Opaque random id, base64url.
   */
  receiptId: string
  /**
   * Absent in the receipt of a refusal.
   */
  grantId?: string
  issuedAt: string
  jws: string
  payload: {
    [k: string]: unknown
  }
}
/**
 * The customer's answer.
 */
export interface Decision {
  /**
   * Who the page showed as deciding.
   */
  accountId: string
  /**
   * What the page showed.
   */
  requestHash: string
  decision: 'allow' | 'deny' | 'later'
  /**
   * @maxItems 20
   */
  items?: DecidedItem[]
  /**
   * End of the grant; only with allow.
   */
  until?: string
  /**
   * At most so many reads in all; only with allow, absent: no limit but the end.
   */
  reads?: number
  /**
   * The code the customer saw at the business. Needed to allow a request of the channel link.
   */
  matchingCode?: string
  /**
   * Version of the page that showed it, as it came with the page: it is recorded with the notice.
   */
  screen?: string
  /**
   * What language the page was in: the notice is recorded in it. Absent: English.
   */
  language?: 'en' | 'de' | 'ar'
  /**
   * The permissions that the page said would end; refused when it would be others.
   *
   * @maxItems 100
   *
   * Items: Opaque random id, base64url.
   */
  amends?: string[]
}
/**
 * What is allowed of an item; an item left out is refused.
 */
export interface DecidedItem {
  id: string
  /**
   * @maxItems 64
   *
   * Items: Field id such as profile.birthDate.
   */
  fields: string[]
}
/**
 * One release of fields of one customer.
 */
export interface Disclosure {
  /**
   * As application/ld+json only: the address of the JSON-LD context.
   */
  '@context'?: string
  subject: string
  /**
   * Opaque random id, base64url.
   */
  grant_id?: string
  /**
   * Field id to value; a field without a value in the pod is left out.
   */
  data: {
    [k: string]: unknown
  }
  log: LogPosition
}
/**
 * Proof that this disclosure is on record.
 */
export interface LogPosition {
  origin: string
  /**
   * Index of the entry.
   */
  index: number
  /**
   * Signed note that covers it.
   */
  checkpoint: string
  salts: ReplySalts
  /**
   * On request: the inclusion proof of the entry in the tree of `checkpoint` (C2SP tlog-proof), with entry and salts.
   */
  proof?: string
}
/**
 * With them the entry's digests of subject and data can be checked.
 */
export interface ReplySalts {
  subject: string
  data: string
}
/**
 * Which domain a business is to be looked at for; the host of its website when left out.
 */
export interface DomainProof {
  domain?: string
}
/**
 * What proves one entry of the customer to whoever trusts the log's key, and nothing about who she is.
 */
export interface EntryEvidence {
  /**
   * Index in the log.
   */
  index: number
  /**
   * The line of policy facts that the entry commits to, exactly.
   */
  facts: string
  /**
   * The name under which the business of this entry knows the customer; absent where the entry names none.
   */
  subject?: string
  /**
   * A C2SP tlog-proof, with the salts that open facts and subject.
   */
  proof: string
}
/**
 * The operator forgets a customer, and why.
 */
export interface EraseCustomer {
  cause: 'written-request' | 'legal-duty'
  askDeletion: boolean
}
/**
 * What an export holds. Another Reach reads the data by it.
 */
export interface ExportManifest {
  format: 'reach-export'
  v: 1
  exportedAt: string
  vault: string
  webId: string
  logOrigin: string
  /**
   * @maxItems 100000
   */
  files: ExportedFile[]
}
export interface ExportedFile {
  path: string
  bytes: number
  sha256: string
}
/**
 * What the archive shall hold.
 */
export interface Export {
  /**
   * With what lies in the pod (when left out), which takes the pod's sign-in; or, where the pod lets nobody in any more, only what Reach itself holds.
   */
  data?: boolean
}
/**
 * When each field, or an answer worked out from one, last left, by the log.
 */
export interface FieldsLeft {
  left: FieldLeft[]
  /**
   * Only so far back was looked; absent: to the beginning.
   */
  since?: string
}
export interface FieldLeft {
  field: string
  time: string
  business: string
  grantId: string
}
export interface FindCustomer {
  webId: string
}
export interface FinishPodMove {
  /**
   * Delete the copies in the old pod, after they were compared once more.
   */
  deleteOld: boolean
}
/**
 * What can be changed of a live grant: everything its request asked, with today's values, and what of it is allowed now.
 */
export interface GrantTerms {
  grant: GrantView
  items: RequestItemView[]
  /**
   * The latest end that can be chosen.
   */
  latestUntil: string
  asOf: string
  /**
   * Why today's values cannot be shown, when they cannot; then nothing can be added.
   */
  valuesUnavailable?: 'pod-not-connected' | 'pod-access-lost' | 'pod-unreachable' | 'pod-unreadable'
}
/**
 * A grant as the customer sees it.
 */
export interface GrantView {
  /**
   * Opaque random id, base64url.
   */
  grantId: string
  vendor: VendorView
  items: GrantItemView[]
  /**
   * waiting: the business has not picked it up yet. used-up: every read that was allowed has been made.
   */
  state: 'waiting' | 'active' | 'paused' | 'used-up' | 'withdrawn' | 'expired'
  validFrom: string
  until: string
  endedAt?: string
  /**
   * Of a withdrawn one: a business may give it back; it ends where records of it were lost (recovery).
   */
  endedBy?: 'customer' | 'business' | 'recovery'
  /**
   * Of a withdrawn one: the newer permission of the same business that took its place.
   */
  replacedBy?: string
  /**
   * How often data left under it.
   */
  reads: number
  lastRead?: string
  /**
   * Opaque random id, base64url.
   */
  receiptId: string
  asOf: string
  paused?: boolean
  acknowledgement?: AcknowledgementView
  /**
   * At most so many reads in all; absent: no limit but the end.
   */
  readsAllowed?: number
  /**
   * Terms that held before, newest first; only where one grant is shown.
   */
  earlier?: EarlierTerms[]
  /**
   * Since when these terms hold.
   */
  termsFrom?: string
}
export interface GrantItemView {
  id: string
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  purposeTitle: string
  fields: GrantedFieldView[]
}
export interface GrantedFieldView {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
}
/**
 * What the business was asked to confirm after the end, and whether it has.
 */
export interface AcknowledgementView {
  /**
   * withdrawal: that it has stopped. deletion: that it has deleted what it held.
   */
  kind: 'withdrawal' | 'deletion'
  requestedAt: string
  dueAt?: string
  /**
   * When the business signed that it did.
   */
  acknowledgedAt?: string
  /**
   * The day it was due has passed, or had when it came.
   */
  late: boolean
}
export interface EarlierTerms {
  from: string
  to: string
  fields: EarlierField[]
  until: string
  readsAllowed?: number
  /**
   * Opaque random id, base64url.
   */
  receiptId: string
}
export interface EarlierField {
  title: string
  /**
   * Field id such as profile.birthDate.
   */
  field: string
}
/**
 * One item of a request, with today's values.
 */
export interface RequestItemView {
  id: string
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  /**
   * Plain words for the DPV purpose.
   */
  purposeTitle: string
  /**
   * What the business does with the data, to go on a sentence that says what it wants to read.
   */
  purposePhrase: string
  why: string
  required: boolean
  fields: FieldView[]
}
/**
 * authorization_details in a token and its response: what was granted.
 */
export interface GrantedDetails {
  type: 'urn:reach:access-request:1'
  /**
   * Opaque random id, base64url.
   */
  grant_id: string
  /**
   * @minItems 1
   * @maxItems 20
   */
  items: GrantedItem[]
  until: string
}
export interface Grants {
  grants: GrantView[]
  /**
   * Pass as after to go on; absent at the end.
   */
  next?: string
}
/**
 * What a file holds beside what the pod holds. Nothing is saved by it: chosen fields are saved category by category.
 */
export interface ImportPreview {
  source: 'reach-export' | 'vcard' | 'csv' | 'json-ld'
  /**
   * Whom an export was made for, as it says itself; absent in other formats.
   */
  webId?: string
  fields: ImportField[]
  /**
   * Parts of the file for which there is no field here.
   */
  passedOver: number
  /**
   * Of the fields above: what a save is made of and conditional on.
   */
  categories: ImportCategory[]
}
export interface ImportField {
  title: string
  field: string
  category: string
  state: 'new' | 'differs' | 'same' | 'unreadable'
  /**
   * As it would be saved; absent where it cannot be read.
   */
  value?: string | number | boolean | unknown[] | {}
  /**
   * As the pod holds it; absent where it holds none.
   */
  now?: string | number | boolean | unknown[] | {}
  /**
   * Why it cannot be read.
   */
  why?: string
}
export interface ImportCategory {
  title: string
  category: string
  etag: string | null
  values: {
    [k: string]: unknown
  }
}
/**
 * What leaving would mean right now.
 */
export interface LeaveView {
  /**
   * Permissions that would end.
   */
  liveGrants: number
  /**
   * Names of those that hold something now, sorted.
   */
  businesses: string[]
  /**
   * Whether the pod is one of this Reach, which can delete it.
   */
  pod: 'here' | 'elsewhere'
  signedInAt: string
  /**
   * Whether this sign-in is young enough to leave with.
   */
  recentEnough: boolean
  /**
   * Reference under which the log would tell of the erasure, so that a reply that is lost takes nothing away.
   */
  erasure: string
}
/**
 * The customer leaves, for good. What she typed stands in it, so that no stray click can do it.
 */
export interface Leave {
  confirmation: 'erase'
  /**
   * Every business that may read now is asked to delete what it holds.
   */
  askDeletion: boolean
  /**
   * Her pod here goes as well, with everything in it; for pods elsewhere it is refused.
   */
  deletePod: boolean
}
/**
 * From here on nothing is released; the rest is under way.
 */
export interface Left {
  /**
   * Reference under which the log tells of the erasure. Names nobody.
   */
  erasure: string
  /**
   * Whether Reach is out of the access lists of her pod. Not closed: the pod did not let it be done now.
   */
  podAccess: 'closed' | 'not-closed' | 'deleted'
}
/**
 * What a page that is open is told: that entries of these kinds came up, about these permissions. No values.
 */
export interface LiveChange {
  /**
   * Items: Type of a fact of the log.
   */
  kinds: string[]
  grants: string[]
}
/**
 * How long the old key of the log signs beside the new one.
 */
export interface LogKeyRotation {
  overlapDays: number
}
/**
 * Who is signed in, and how this Reach is set up.
 */
export interface Me {
  signedIn: boolean
  mode: 'development' | 'production'
  /**
   * The tour can be taken here.
   */
  tour: boolean
  /**
   * This is the sandbox: every customer is invented. The app says so on every page.
   */
  sandbox?: true
  /**
   * A vault can be created here.
   */
  embeddedPods?: boolean
  podsReady?: boolean
  /**
   * Signed in with a passkey: what lies in the pod needs the pod's own sign-in.
   */
  byPasskey?: true
  /**
   * Opaque random id, base64url.
   */
  accountId?: string
  /**
   * From the pod, when it can be read.
   */
  name?: string
  webId?: string
  issuer?: string
  container?: string
  /**
   * What she is written to in, and sees Reach in where the device knows no other.
   */
  language?: 'en' | 'de' | 'ar'
  podAccess?: 'none' | 'open' | 'lost'
  /**
   * WebID of Reach's agent.
   */
  agent?: string
  /**
   * WebID as which Reach comes to this pod, by credentials of the customer, where that is not its agent.
   */
  actingAs?: string
  /**
   * A loss of access at the host of this pod is seen so much later, at most.
   */
  boundSeconds?: number
  /**
   * Categories that another app has shut to Reach.
   */
  lostCategories?: string[]
  podTrouble?: PodTrouble
  /**
   * A move to another pod is under way.
   */
  moving?: true
}
/**
 * Why nothing can be read in the pod right now.
 */
export interface PodTrouble {
  reason:
    | 'no-answer'
    | 'refused'
    | 'certificate'
    | 'inside-address'
    | 'rate-limited'
    | 'server-error'
    | 'broke-off'
    | 'redirects'
    | 'web-page'
  since: string
}
export interface NamePasskey {
  /**
   * The customer's own word for it.
   */
  name: string
}
/**
 * What is in the pod of a new sample customer.
 */
export interface NewSandboxCustomer {
  /**
   * Values by category and member, as the catalogue describes them; invented ones when left out.
   */
  data?: {
    [k: string]: {
      [k: string]: unknown
    }
  }
}
/**
 * How far the vault has come that this browser asked for.
 */
export interface NewVault {
  /**
   * none: none was asked for. waiting: others are before it. pod: the pod is being made. sign-in: the sign-in at the new pod is walked through. ready: it can be entered. failed: see code. lost: the server was started again meanwhile; asking again goes on.
   */
  state: 'none' | 'waiting' | 'pod' | 'sign-in' | 'ready' | 'failed' | 'lost'
  /**
   * While waiting: how many pods are made first.
   */
  before?: number
  /**
   * Why it failed, as in a problem.
   */
  code?: string
}
/**
 * An act that needs no further words.
 */
export interface Nothing {}
/**
 * How the customer is written to.
 */
export interface NotificationsView {
  /**
   * This vault can send e-mail.
   */
  emailOffered: boolean
  /**
   * What a browser subscribes with (`applicationServerKey`), base64url.
   */
  pushKey: string
  /**
   * The browsers that are pushed to, each by the SHA-256 of its endpoint (base64url): so a browser finds itself among them.
   */
  browsers: string[]
  email?: EmailView
}
export interface EmailView {
  address: string
  /**
   * Nothing is sent before the link in the first message was opened.
   */
  confirmed: boolean
}
/**
 * The code of a link or QR code that a business shows; case and hyphen do not matter.
 */
export interface OpenLink {
  code: string
}
export interface OpenRequest {
  /**
   * Opaque random id, base64url.
   */
  requestId: string
  vendor: VendorView
  receivedAt: string
  status: 'open' | 'later'
  items?: number
  /**
   * How it came: the browser that the business sent; a link or QR code that the customer opened; or a question sent to a customer whom the business knows.
   */
  channel: 'browser' | 'link' | 'ciba'
  /**
   * The business shows the same code. Always there with the channel link.
   */
  matchingCode?: string
  /**
   * Until then it can be answered.
   */
  expiresAt: string
  /**
   * Path of its decision page in this vault, such as /consent/….
   */
  page: string
}
export interface OpenRequests {
  requests: OpenRequest[]
}
/**
 * What the browser signed (WebAuthn Level 3, AuthenticationResponseJSON).
 */
export interface PasskeySignIn {
  credentialId: string
  clientDataJSON: string
  authenticatorData: string
  signature: string
  /**
   * Opaque: the authenticator got it when the passkey was made.
   */
  userHandle: string
}
/**
 * The customer's passkeys, oldest first.
 */
export interface Passkeys {
  passkeys: PasskeyView[]
}
export interface PasskeyView {
  id: string
  name: string
  /**
   * Its keeper has copies on the customer's other devices.
   */
  synced: boolean
  /**
   * It opened this session.
   */
  usedNow?: true
  createdAt: string
  lastUsedAt?: string
}
/**
 * Client credentials that the customer made at her pod's own sign-in server, for Reach alone.
 */
export interface NewPodCredentials {
  clientId: string
  clientSecret: string
}
/**
 * How far a customer's data are on their way to another pod.
 */
export interface PodMoveView {
  state: 'none' | 'copying' | 'moved'
  /**
   * The old folder.
   */
  from?: string
  /**
   * The new folder.
   */
  to?: string
  /**
   * Who the customer is at the new pod.
   */
  webId?: string
  /**
   * Absent until the old pod was looked through.
   */
  files?: number
  /**
   * How many of them are copied, and read back the same.
   */
  proven?: number
  /**
   * How much is copied so far, of a large file that is on its way as well.
   */
  bytes?: number
  /**
   * How much there is to copy, as far as the old pod says how large its files are.
   */
  ofBytes?: number
  /**
   * Documents and folders, relative to the old folder, whose own rules for others than the customer and Reach could not be carried over.
   */
  rulesLeft?: string[]
  /**
   * Files, relative to the old folder, that are larger than the operator of this vault lets through. They stay in the old pod.
   */
  filesLeft?: string[]
}
/**
 * What Reach's agent can see right now, by trying.
 */
export interface Probe {
  /**
   * The agent sees exactly what it should.
   */
  ok: boolean
  asOf: string
  /**
   * As whom Reach tried: its own agent, an identity that the customer made for it, or the customer.
   */
  identity?: 'agent' | 'credentials' | 'yourself'
  /**
   * The pod server takes nobody for the agent: it cannot ask Reach who that is.
   */
  unreachable?: true
  findings: Finding[]
}
export interface Finding {
  /**
   * In words, such as: read your profile.
   */
  what: string
  /**
   * The same for programs, so that it can be said in any language.
   */
  act:
    | 'list'
    | 'read'
    | 'read-receipts'
    | 'add-receipt'
    | 'write'
    | 'control'
    | 'elsewhere'
    | 'elsewhere-open'
    | 'open-to-all'
    | 'open-folder'
    | 'change'
  /**
   * The category of the act, where it is about one.
   */
  category?: string
  resource?: string
  expected: boolean
  seen: boolean
  ok: boolean
}
/**
 * RFC 9457 problem details.
 */
export interface Problem {
  title: string
  type: string
  status: number
  code?: string
  detail?: string
  instance?: string
  errors?: ProblemViolation[]
}
export interface ProblemViolation {
  pointer: string
  detail: string
}
export interface UnavailableRow {
  subject: string
  error: 'subject-unavailable' | 'later'
}
export interface ProgressLine {
  progress: QueryProgress
}
export interface QueryProgress {
  done: number
  of: number
}
export interface SummaryLine {
  summary: QuerySummary
}
export interface QuerySummary {
  subjects: number
  released: number
  unavailable: number
  later: number
}
export interface QueryReply {
  rows: QueryRow[]
}
/**
 * Fields of many customers for one purpose.
 */
export interface Query {
  /**
   * W3C DPV purpose as dpv:Term.
   */
  purpose: string
  /**
   * @minItems 1
   * @maxItems 64
   *
   * Items: Field id such as profile.birthDate.
   */
  fields: string[]
  /**
   * @minItems 1
   * @maxItems 1000
   */
  subjects: string[]
}
/**
 * Where the page must go next.
 */
export interface Redirect {
  location: string
}
/**
 * What the customer should have a look at, and has not answered yet.
 */
export interface Reminders {
  reminders: ReminderView[]
}
export interface ReminderView {
  kind: 'recall' | 'unused' | 'ending' | 'late'
  since: string
  grantId: string
  vendor: VendorView
  validFrom: string
  until: string
  lastRead?: string
}
/**
 * One browser by its endpoint; without it all.
 */
export interface RemoveBrowser {
  endpoint?: string
}
/**
 * What would become of an access request, and how a customer would read it.
 */
export interface RequestCheck {
  /**
   * The authorization server would take it.
   */
  acceptable: boolean
  /**
   * Why not; empty when it would.
   */
  errors: CheckError[]
  /**
   * What it asks beyond its purposes, and what it leaves unsaid. None of it stops the request.
   */
  advice: CheckAdvice[]
  preview?: NoticePreview
}
export interface CheckError {
  /**
   * JSON Pointer into the body.
   */
  pointer: string
  detail: string
}
export interface CheckAdvice {
  code:
    | 'not-needed'
    | 'answer-would-do'
    | 'special-category'
    | 'sensitive'
    | 'long-retention'
    | 'long-access'
    | 'nothing-optional'
    | 'advertising-required'
    | 'vague-why'
    | 'repeated-why'
    | 'recipients-unlikely'
    | 'no-privacy-policy'
    | 'no-contact'
  kind: 'over-asking' | 'missing-statement'
  /**
   * JSON Pointer into the body; empty for what concerns the business itself.
   */
  pointer: string
  detail: string
  /**
   * Fields that would do in its place.
   */
  instead?: string[]
}
/**
 * The words that a customer would read, were she to allow all of it.
 */
export interface NoticePreview {
  /**
   * BCP 47.
   */
  language: string
  items: NoticePreviewItem[]
  retention: string
  recipients: string
  ending: string
}
export interface NoticePreviewItem {
  id: string
  required: boolean
  asks: string
  learns: string[]
  why: string
}
/**
 * The decision page: who asks, what for, and exactly what would leave today.
 */
export interface RequestView {
  /**
   * Opaque random id, base64url.
   */
  requestId: string
  /**
   * Opaque random id, base64url.
   */
  accountId: string
  /**
   * SHA-256 in base64url.
   */
  requestHash: string
  status: 'open' | 'allowed' | 'refused' | 'later'
  vendor: VendorView
  items: RequestItemView[]
  /**
   * ISO 8601 duration in years, months, weeks or days, such as P90D.
   */
  retention: string
  recipients: Recipient[]
  /**
   * What the business asks for.
   */
  until: string
  /**
   * The latest end that can be chosen.
   */
  latestUntil: string
  /**
   * The shorter of the request and 90 days.
   */
  suggestedUntil: string
  /**
   * How it came: the browser that the business sent; a link or QR code that the customer opened; or a question sent to a customer whom the business knows.
   */
  channel: 'browser' | 'link' | 'ciba'
  /**
   * The business shows the same code. Always there with the channel link.
   */
  matchingCode?: string
  /**
   * Until then it can be answered.
   */
  expiresAt: string
  /**
   * Where the browser goes afterwards; absent where none goes back.
   */
  returnHost?: string
  asOf: string
  /**
   * Why today's values cannot be shown, when they cannot; then nothing can be allowed.
   */
  valuesUnavailable?: 'pod-not-connected' | 'pod-access-lost' | 'pod-unreachable' | 'pod-unreadable'
  /**
   * Only once decided.
   */
  returnTo?: string
  /**
   * Channel link, once allowed: the business gets nothing before the customer gives it this code.
   */
  pickupCode?: string
  amends?: Amendment
  turnedAway?: TurnedAwayRequest
}
/**
 * The request was refused before it was shown, as the customer has decided.
 */
export interface TurnedAwayRequest {
  reason: 'blocked' | 'cool-off'
  since?: string
  /**
   * From then on the business may ask again.
   */
  until?: string
}
/**
 * What a sample customer does with a grant.
 */
export interface SandboxAct {
  act: 'pause' | 'resume' | 'withdraw'
  /**
   * With `withdraw`: she asks you to delete what you read.
   */
  askDeletion?: boolean
}
/**
 * Who wants to try Reach. No need for a real name.
 */
export interface SandboxBusinessRequest {
  name: string
}
/**
 * What a business registers with in the sandbox, and the key with which it plays its sample customers.
 */
export interface SandboxCredentials {
  vendorId: string
  /**
   * Good once, within 7 days.
   */
  admissionCode: string
  softwareStatement: string
  registrationEndpoint: string
  /**
   * Keep it like a password: whoever holds it plays your sample customers.
   */
  sandboxKey: string
}
/**
 * A sample customer: an invented person with a real pod.
 */
export interface SandboxCustomer {
  customerId: string
  createdAt: string
  /**
   * Then she, her grants and her pod are gone.
   */
  endsAt: string
}
/**
 * The sample customers you made and that are still there.
 */
export interface SandboxCustomers {
  customers: SandboxCustomer[]
}
/**
 * What a sample customer answers to one request.
 */
export interface SandboxDecision {
  /**
   * The address you would send her browser to: /oauth/auth with your request_uri, or the link of a request without a browser.
   */
  url?: string
  /**
   * Instead: a request that waits in her inbox.
   */
  requestId?: string
  /**
   * `allow-all`: all items, as long as she may; `required-only`: only the items that you need.
   */
  answer: 'allow-all' | 'required-only' | 'deny' | 'later'
}
/**
 * How the grant stands then, as its customer sees it.
 */
export interface SandboxGrant {
  grantId: string
  state: 'waiting' | 'active' | 'paused' | 'used-up' | 'withdrawn' | 'expired'
}
/**
 * What became of the request.
 */
export interface SandboxOutcome {
  status: 'allowed' | 'refused' | 'later'
  requestId: string
  grantId?: string
  /**
   * Where her browser ends: your redirect URI with code or error. Give it to your OAuth client.
   */
  location?: string
  /**
   * Of a link that was allowed: what she would read to you, and you redeem with.
   */
  pickupCode?: string
}
/**
 * Saved only when the pod still holds what the form was filled from.
 */
export interface SaveCategory {
  /**
   * The ETag the form was filled from; null for a new document.
   */
  etag: string | null
  values: {
    [k: string]: unknown
  }
  /**
   * Whose form it was: refused when somebody else is signed in by now.
   */
  account?: string
  /**
   * What the history will say of it: typed here (when left out), taken back, put back from the history, out of a file.
   */
  how?: 'here' | 'undo' | 'put-back' | 'import'
}
export interface SavedCategory {
  etag: string
  values: {
    [k: string]: unknown
  }
  /**
   * What is worked out from these values.
   */
  derived: FieldView[]
  /**
   * Whether the history of changes in the pod has it, too.
   */
  noted: boolean
}
/**
 * Where the customer is signed in, the one that asks first, then the last used.
 */
export interface Sessions {
  sessions: SessionView[]
}
export interface SessionView {
  /**
   * Opaque random id, base64url; opens nothing.
   */
  session: string
  current: boolean
  browser: 'chrome' | 'edge' | 'firefox' | 'safari' | 'other'
  system: 'android' | 'ios' | 'linux' | 'macos' | 'windows' | 'other'
  signedInAt: string
  /**
   * To the hour.
   */
  usedAt: string
  /**
   * Unless it is used again.
   */
  endsAt: string
}
export interface SetEmail {
  address: string
}
/**
 * What language she is written to in, and sees Reach in where she chose none.
 */
export interface SetLanguage {
  language: 'en' | 'de' | 'ar'
}
export interface SignIn {
  /**
   * Solid-OIDC issuer, or the WebID that names one.
   */
  issuer: string
  /**
   * Path in the consent app to come back to.
   */
  returnTo?: string
}
/**
 * Another key is to sign what the vault gives out.
 */
export interface SigningKeyRotation {
  use: 'tokens' | 'receipts' | 'agent'
  /**
   * The key before must count no more.
   */
  isStolen: boolean
}
/**
 * Where the customer's data could lie, found out from her WebID and the servers it names.
 */
export interface Storages {
  /**
   * What is chosen now.
   */
  container: string
  storages: Storage[]
}
export interface Storage {
  url: string
  /**
   * The folder that Reach would make there.
   */
  suggested: string
}
/**
 * What the operator enters of a business.
 */
export interface VendorAdmission {
  name: string
  legalName?: string
  website?: string
  contact?: string
  dataProtectionContact?: string
  privacyPolicy?: string
  jurisdiction?: string
  /**
   * A PNG, JPEG or WebP picture of at most 64 KiB, base64.
   */
  logo?: string
}
/**
 * What the operator corrects of a business. Its name stays: customers and receipts know it by that.
 */
export interface VendorChange {
  legalName?: string
  website?: string
  contact?: string
  dataProtectionContact?: string
  privacyPolicy?: string
  jurisdiction?: string
  /**
   * A PNG, JPEG or WebP picture of at most 64 KiB, base64.
   */
  logo?: string
}
/**
 * A grant as its business sees it.
 */
export interface VendorGrant {
  /**
   * Opaque random id, base64url.
   */
  grant_id: string
  subject: string
  state: 'active' | 'paused' | 'used-up' | 'withdrawn' | 'expired'
  items: GrantedItem[]
  valid_from?: string
  until: string
  ended_at?: string
  reads?: number
  /**
   * At most so many reads in all; absent: no limit but the end.
   */
  reads_allowed?: number
  /**
   * The access request it came from.
   */
  request_id?: string
  /**
   * Of a withdrawn grant: who ended it; recovery: records of it were lost, so it stopped.
   */
  ended_by?: 'customer' | 'business' | 'recovery'
  /**
   * Of a grant that a later request amended: the grant_id of the one that took its place when you redeemed it.
   */
  replaced_by?: string
  acknowledgement?: VendorAcknowledgement
}
/**
 * What the customer asked you to sign after the end.
 */
export interface VendorAcknowledgement {
  kind: 'withdrawal' | 'deletion'
  requested_at: string
  due_at?: string
  acknowledged_at?: string
}
export interface VendorGrants {
  grants: VendorGrant[]
  /**
   * Cursor of the next page; absent on the last.
   */
  next?: string
  /**
   * On the first page: give it as `changed_since` to get what changed after it.
   */
  as_of?: string
}
/**
 * A request as its business sees it.
 */
export interface VendorRequest {
  /**
   * Opaque random id, base64url.
   */
  request_id: string
  status: 'open' | 'allowed' | 'refused' | 'later' | 'expired'
  received_at: string
  decided_at?: string
  /**
   * Opaque random id, base64url.
   */
  grant_id?: string
  /**
   * Nobody can answer it after this.
   */
  expires_at?: string
}
export interface VendorRequests {
  requests: VendorRequest[]
  /**
   * Cursor of the next page; absent on the last.
   */
  next?: string
  /**
   * On the first page: give it as `changed_since` to get what changed after it.
   */
  as_of?: string
}
/**
 * Deliveries of a business, newest first.
 */
export interface WebhookDeliveriesView {
  deliveries: WebhookDeliveryView[]
  /**
   * Pass as after to go on; absent at the end. A page may hold fewer rows than there were looked at.
   */
  next?: string
}
/**
 * One event on its way to one endpoint.
 */
export interface WebhookDeliveryView {
  /**
   * Opaque random id, base64url.
   */
  delivery_id: string
  /**
   * Your name for it.
   */
  endpoint: string
  /**
   * As in the field webhook-id; the same in every attempt and at every endpoint.
   */
  event_id: string
  type:
    | 'request.decided'
    | 'grant.changed'
    | 'grant.paused'
    | 'grant.resumed'
    | 'grant.withdrawn'
    | 'grant.expired'
    | 'data.changed'
    | 'deletion.requested'
    | 'webhook.test'
  /**
   * Opaque random id, base64url.
   */
  request_id?: string
  /**
   * Opaque random id, base64url.
   */
  grant_id?: string
  /**
   * failed: laid aside after the last attempt.
   */
  state: 'waiting' | 'delivered' | 'failed'
  created_at: string
  next_attempt_at?: string
  attempts: WebhookAttempt[]
}
export interface WebhookAttempt {
  at: string
  /**
   * HTTP status of your answer.
   */
  status?: number
  error?: 'no-answer' | 'address-refused' | 'answer-too-large'
}
/**
 * An endpoint as its business sees it.
 */
export interface WebhookEndpointView {
  /**
   * Your name for it.
   */
  endpoint: string
  /**
   * Where messages are posted to: https, reachable from the internet.
   */
  url: string
  /**
   * Types of events it wants; all when left out.
   *
   * @minItems 1
   * @maxItems 20
   */
  events?: (
    | 'request.decided'
    | 'grant.changed'
    | 'grant.paused'
    | 'grant.resumed'
    | 'grant.withdrawn'
    | 'grant.expired'
    | 'data.changed'
    | 'deletion.requested'
  )[]
  /**
   * Events go to proven ones only. A disabled one answered 410, or nothing for five days; prove it again.
   */
  state: 'unproven' | 'proven' | 'disabled'
  created_at: string
  proven_at?: string
  /**
   * Since then nothing got through.
   */
  failing_since?: string
  /**
   * Shown when it is made and never again.
   */
  secret?: string
  /**
   * Until then messages are signed with the secret before as well.
   */
  earlier_secret_until?: string
}
/**
 * The endpoints of a business.
 */
export interface WebhookEndpointsView {
  endpoints: WebhookEndpointView[]
}
/**
 * What is posted to an endpoint. Names of fields, never values.
 */
export interface WebhookMessage {
  type:
    | 'request.decided'
    | 'grant.changed'
    | 'grant.paused'
    | 'grant.resumed'
    | 'grant.withdrawn'
    | 'grant.expired'
    | 'data.changed'
    | 'deletion.requested'
    | 'webhook.test'
    | 'webhook.challenge'
  /**
   * When it happened.
   */
  timestamp: string
  data: WebhookData
}
export interface WebhookData {
  /**
   * Opaque random id, base64url.
   */
  request_id?: string
  /**
   * Not before its code was redeemed.
   */
  grant_id?: string
  /**
   * The customer as your tokens name her.
   */
  subject?: string
  /**
   * Of request.decided.
   */
  status?: 'allowed' | 'refused' | 'later'
  /**
   * Of data.changed: ids of granted fields.
   */
  fields?: string[]
  /**
   * What you are asked to sign.
   */
  acknowledge?: 'withdrawal' | 'deletion'
  /**
   * Until when.
   */
  due_at?: string
  /**
   * Of webhook.challenge: answer 200 with {"challenge": ...}.
   */
  challenge?: string
}
/**
 * Where and of what a business wants to be told.
 */
export interface WebhookSettings {
  /**
   * Where messages are posted to: https, reachable from the internet.
   */
  url: string
  /**
   * Types of events it wants; all when left out.
   *
   * @minItems 1
   * @maxItems 20
   */
  events?: (
    | 'request.decided'
    | 'grant.changed'
    | 'grant.paused'
    | 'grant.resumed'
    | 'grant.withdrawn'
    | 'grant.expired'
    | 'data.changed'
    | 'deletion.requested'
  )[]
}
/**
 * Ends a permission; if wished, also asks the business to delete what it holds. The latter may be asked later as well.
 */
export interface Withdraw {
  askDeletion?: boolean
}
export interface WithdrawnAll {
  /**
   * Permissions that ended with this.
   */
  withdrawn: number
}
export interface Accessibility {
  /**
   * @maxItems 20
   */
  needs?: string[]
}
export interface Belongings {
  /**
   * @maxItems 20
   */
  vehicles?: {
    kind: 'car' | 'motorcycle' | 'bicycle' | 'e-bike' | 'scooter' | 'camper' | 'boat' | 'other'
    make?: string
    model?: string
    year?: number
    fuel?: 'petrol' | 'diesel' | 'electric' | 'hybrid' | 'gas' | 'none'
  }[]
  /**
   * @maxItems 40
   */
  devices?: {
    kind:
      | 'phone'
      | 'computer'
      | 'tablet'
      | 'watch'
      | 'television'
      | 'audio'
      | 'camera'
      | 'console'
      | 'kitchen'
      | 'home'
      | 'other'
    make?: string
    model?: string
    year?: number
  }[]
}
export interface Brands {
  /**
   * @maxItems 60
   */
  liked?: string[]
  /**
   * @maxItems 40
   */
  avoided?: {
    brand: string
    reason?: 'quality' | 'price' | 'service' | 'environment' | 'other'
  }[]
}
export interface ContactRules {
  /**
   * @maxItems 6
   */
  channels?: ('email' | 'phone' | 'post' | 'sms' | 'chat')[]
  quietHours?: {
    from: string
    to: string
  }
  /**
   * @maxItems 30
   */
  topics?: string[]
}
export interface Contact {
  email?: string
  phone?: string
  address?: {
    street?: string
    locality?: string
    postalCode?: string
    region?: string
    country?: string
  }
}
export interface Diet {
  /**
   * @maxItems 8
   */
  diet?: (
    | 'DiabeticDiet'
    | 'GlutenFreeDiet'
    | 'HalalDiet'
    | 'HinduDiet'
    | 'KosherDiet'
    | 'LowCalorieDiet'
    | 'LowFatDiet'
    | 'LowLactoseDiet'
    | 'LowSaltDiet'
    | 'VeganDiet'
    | 'VegetarianDiet'
  )[]
  /**
   * @maxItems 30
   */
  allergies?: string[]
}
export interface Household {
  /**
   * @maxItems 20
   */
  people?: {
    relation: 'partner' | 'child' | 'parent' | 'relative' | 'housemate'
    birthYear?: number
    note?: string
  }[]
  /**
   * @maxItems 20
   */
  pets?: {
    kind: 'dog' | 'cat' | 'small' | 'bird' | 'fish' | 'horse' | 'other'
    name?: string
    breed?: string
    birthYear?: number
  }[]
  home?: {
    kind?: 'apartment' | 'house' | 'room' | 'other'
    tenure?: 'rented' | 'owned' | 'other'
    rooms?: number
    garden?: boolean
  }
}
export interface Interests {
  /**
   * @maxItems 60
   */
  topics?: string[]
}
export interface Loyalty {
  /**
   * @maxItems 40
   */
  memberships?: {
    programme: string
    number?: string
    tier?: string
    since?: string
  }[]
}
export interface Plans {
  /**
   * @maxItems 30
   */
  wanted?: {
    what: string
    budget?: string
    currency?: string
    by?: string
  }[]
  /**
   * @maxItems 20
   */
  trips?: {
    destination: string
    from?: string
    to?: string
    people?: number
  }[]
  /**
   * @maxItems 10
   */
  changes?: {
    change: 'moving' | 'wedding' | 'child' | 'work' | 'study' | 'renovation' | 'retirement' | 'other'
    by?: string
  }[]
}
export interface Profile {
  name?: string
  birthDate?: string
  /**
   * @maxItems 20
   */
  languages?: string[]
  picture?: string
}
export interface Purchases {
  /**
   * @maxItems 80
   */
  bought?: {
    item: string
    shop?: string
    date?: string
    price?: string
    currency?: string
    warrantyUntil?: string
  }[]
  /**
   * @maxItems 40
   */
  returned?: {
    item: string
    shop?: string
    date?: string
    reason?: 'size' | 'damaged' | 'wrong' | 'different' | 'late' | 'mind' | 'other'
  }[]
}
export interface Sizes {
  shoe?: {
    size: string
    system: 'EU' | 'UK' | 'US' | 'JP'
  }
  top?: {
    size: string
    system: 'EU' | 'UK' | 'US' | 'INT'
  }
  trousers?: {
    size: string
    system: 'EU' | 'UK' | 'US' | 'INT'
  }
}
export interface Subscriptions {
  /**
   * @maxItems 40
   */
  services?: {
    service: string
    kind?:
      | 'media'
      | 'news'
      | 'software'
      | 'telecom'
      | 'energy'
      | 'insurance'
      | 'mobility'
      | 'food'
      | 'fitness'
      | 'other'
    price?: string
    currency?: string
    every?: 'week' | 'month' | 'quarter' | 'year'
    renewsOn?: string
  }[]
}
export interface Tastes {
  /**
   * @maxItems 30
   */
  activities?: {
    activity: string
    level?: 'beginner' | 'regular' | 'expert'
    often?: 'daily' | 'weekly' | 'monthly' | 'seasonally' | 'rarely'
  }[]
  /**
   * @maxItems 40
   */
  music?: string[]
  /**
   * @maxItems 40
   */
  reading?: string[]
  /**
   * @maxItems 30
   */
  cuisines?: string[]
  /**
   * @maxItems 30
   */
  places?: string[]
}
