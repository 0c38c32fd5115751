/** What lies in an export, in plain words. `exportedAt`: RFC 3339. */
export function readmeOf(exportedAt: string): string {
  return `Everything Reach held for you on ${exportedAt}

data/          Your data, one file for each kind: .ttl exactly as your pod holds it (Turtle),
               .json the same in a plain form. Another Reach can take these over: My data.
               .not-read.txt stands for what your pod did not give.
history/       Earlier values of your data, with when and how each was changed (Turtle; docs/pods.md of
               Reach says how to read it). Like data/, not in an archive that was made without your pod.
consents/      What you decided.
               permissions.json  every permission, live and past, with its earlier terms
               requests.json     every request that you opened, and what became of it
               refusals.json     whom you blocked, and what you refused for a time
receipts/      For each decision the signed receipt (.jws) and the proof that it stands in the log
               (.tlog-proof). keys.json has the keys with which anybody can check the signatures.
               check.html checks a receipt: open it in a browser and drop both files in. It works
               without a network, and without us.
activity/      Every entry of the log about you, newest first, 50 to a file, one to a line (JSON):
               facts, the exact line that was logged; subject, the name under which that business
               knows you; proof, which shows that the entry is in the log and says this.
log/           The log's key (vkey) and its signed state (checkpoint) at the time of the export.
manifest.json  Every file with its size and SHA-256 digest (base64url). It comes last: an archive
               without it broke off.

To check a receipt or an entry you need nothing of ours: any tool for C2SP tlog-proof files reads
them, and so does "reach audit check".

Permissions are not carried over to another Reach: businesses got them through this one.
This archive holds your personal data and is not encrypted. Keep it where nobody else reads it.
`
}
