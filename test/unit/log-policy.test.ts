/** Trust policies after the text of C2SP tlog-policy. */
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogSigner } from '#core/ledger/checkpoint.ts'
import { createCosigner } from '#core/ledger/cosignature.ts'
import { leafHash } from '#core/ledger/merkle.ts'
import { NoteInvalid, parseNote } from '#core/ledger/note.ts'
import { checkPolicy, hasQuorum, parsePolicy, PolicyInvalid } from '#core/ledger/policy.ts'

const newKey = () => generateKeyPairSync('ed25519').privateKey
const log = createLogSigner('reach.test/log', newKey())
const otherLog = createLogSigner('other.test/log', newKey())
const cosigners = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'].map((name) => ({
  name,
  ...createCosigner(`${name.toLowerCase()}.test/w`, newKey()),
}))
const witnessLines = cosigners.map(({ name, vkey }) => `witness ${name} ${vkey}\n`).join('')
const example = `log ${log.vkey}

# the example of the specification
${witnessLines}
group X-witnesses 2 X1 X2 X3
\tgroup  Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`

const note = log.sign({ size: 3, root: leafHash(Buffer.from('x')) })
const { text } = parseNote(note)
const cosignedBy = (...names: string[]): string =>
  note +
  cosigners
    .filter(({ name }) => names.includes(name))
    .map(({ cosign }) => cosign(text, 1_795_000_000))
    .join('')

describe('a policy', () => {
  test('wants a quorum of its witnesses, counted through its groups', () => {
    const policy = parsePolicy(example)
    const names = cosigners.map(({ name }) => name)
    fc.assert(
      fc.property(fc.subarray(names), (witnesses) => {
        const ofX = witnesses.filter((name) => name.startsWith('X')).length
        const ofY = witnesses.length - ofX
        expect(hasQuorum(policy, witnesses)).toBe(ofX >= 2 && ofY >= 1)
      }),
    )
  })

  test('accepts a checkpoint of its log with a quorum, and names who cosigned it', () => {
    const policy = parsePolicy(example)
    const { checkpoint, cosigned } = checkPolicy(policy, cosignedBy('X1', 'X3', 'Y2'))
    expect(checkpoint.size).toBe(3)
    expect(cosigned.map(({ witness }) => witness)).toEqual(['X1', 'X3', 'Y2'])
  })

  test('refuses too few, the same witness twice, another log and an unsigned tree', () => {
    const policy = parsePolicy(example)
    expect(() => checkPolicy(policy, cosignedBy('X1', 'Y2'))).toThrow(/X1, Y2, which is no quorum/)
    expect(() => checkPolicy(policy, note)).toThrow(/no witness, which is no quorum/)
    const [x1 = ''] = cosignedBy('X1').split(note).slice(1)
    expect(() => checkPolicy(policy, cosignedBy('X1', 'Y2') + x1)).toThrow(NoteInvalid)
    const foreign = otherLog.sign({ size: 3, root: leafHash(Buffer.from('x')) })
    expect(() => checkPolicy(policy, foreign)).toThrow(/a log that the policy does not name/)
    const unsigned = cosignedBy('X1', 'X3', 'Y2').replace(/\u2014 reach[^\n]*\n/, '')
    expect(() => checkPolicy(policy, unsigned)).toThrow(/no signature by the key of this log/)
  })

  test('without logs leaves it to the caller which log it is', () => {
    const policy = parsePolicy('quorum none\n')
    expect(checkPolicy(policy, note, log.vkey).checkpoint.size).toBe(3)
    expect(() => checkPolicy(policy, note)).toThrow(NoteInvalid)
  })

  const [x1, x2] = cosigners
  test.each([
    ['no quorum', `log ${log.vkey}\n`, /no quorum line/],
    ['two quorums', 'quorum none\nquorum none\n', /line 2: there is a quorum already/],
    ['an unknown word', 'quorum none\nlogs x\n', /line 2: begins with none of/],
    ['a quorum that is not defined', 'quorum X\n', /line 1: the quorum is not defined above/],
    ['the key of a log for a witness', `witness X ${log.vkey}\nquorum X\n`, /line 1: the verifier key/],
    ['the key of a witness for a log', `log ${x1?.vkey}\nquorum none\n`, /line 1: the verifier key/],
    [
      'a key under two names',
      `witness A ${x1?.vkey}\nwitness B ${x1?.vkey}\nquorum A\n`,
      /line 2: the same key/,
    ],
    ['a name twice', `witness A ${x1?.vkey}\nwitness A ${x2?.vkey}\nquorum A\n`, /line 2: the name is taken/],
    ['a witness called none', `witness none ${x1?.vkey}\nquorum none\n`, /line 1: the name is taken/],
    ['a log twice', `log ${log.vkey}\nlog ${log.vkey}\nquorum none\n`, /line 2: the same key/],
    ['a group without members', 'group G any\nquorum G\n', /line 1: a group is/],
    [
      'a member defined below',
      `group G any A\nwitness A ${x1?.vkey}\nquorum G\n`,
      /line 1: a member is not defined/,
    ],
    [
      'a member in two groups',
      `witness A ${x1?.vkey}\ngroup G any A\ngroup H any A\nquorum H\n`,
      /line 3: a member is in a group already/,
    ],
    ['more wanted than there are', `witness A ${x1?.vkey}\ngroup G 2 A\nquorum G\n`, /line 2: the number/],
    ['nobody wanted', `witness A ${x1?.vkey}\ngroup G 0 A\nquorum G\n`, /line 2: the number/],
    ['an address that is none', `witness A ${x1?.vkey} ftp://x\nquorum A\n`, /line 1: the address/],
    ['a last line cut off', 'quorum none', /no line break/],
    ['control characters', 'quorum none\r\n', /control characters/],
  ])('with %s is refused, and the line is named', (_, file, problem) => {
    expect(() => parsePolicy(file)).toThrow(problem)
    expect(() => parsePolicy(file)).toThrow(PolicyInvalid)
  })
})
