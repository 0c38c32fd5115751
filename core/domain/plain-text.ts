/** Why words of a business cannot be shown to a customer as they are; `undefined` when they can. */
export function plainTextFault(
  text: string,
  options: { addresses?: 'refused' | 'allowed' } = {},
): string | undefined {
  if (!text.isWellFormed() || invisible.test(text))
    return 'holds characters that cannot be seen or turn text round'
  if (text.trim() !== text || !/[\p{L}\p{N}]/u.test(text)) return 'needs words, without space around them'
  if (/\s{2}/.test(text)) return 'holds a run of spaces'
  if (/\p{M}{4}/u.test(text)) return 'holds letters under a pile of marks'
  if (options.addresses !== 'allowed' && address.test(text)) return 'holds a web or mail address'
  return undefined
}

/**
 * Control and format characters (bidirectional overrides, zero-width ones), surrogates, private use, line
 * breaks of every kind, and fillers that count as letters but show nothing. Joiners between letters stay:
 * several scripts need them.
 */
const invisible =
  /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0\u2800]|(?![\u200C\u200D])\p{Cf}|(?<![\p{L}\p{M}\p{Extended_Pictographic}\uFE0F])[\u200C\u200D]/u

/** `scheme://`, `www.`, `name@host`, `mailto:` and bare hosts: people follow addresses in text they trust. */
const address = /:\/\/|\bwww\.|\bmailto:|\S@\S|[\p{L}\p{N}-]{2,}\.\p{L}{2,}/iu
