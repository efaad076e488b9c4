/**
 * Foreign text is what we did not write: names of interfaces, files and flow logs, log prefixes, YAML, answers of servers, error
 * messages that quote any of them. A terminal obeys some of its characters (ESC, C1), reverses its direction (bidi) or hides
 * part of it (zero width). Every control, format, separator and ignorable character of Unicode is therefore shown as JSON spells it:
 *
 *     ESC [31m           \u001b[31m
 *     U+202E             \u202e
 *     U+E0041 (a tag)    \udb40\udc41
 *
 * Within a string of JSON that is the same value, so one rule serves text, JSON and the log.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** All of them but line ends and tabs, which move the cursor forward and nothing else. */
const UNPRINTABLE_IN_LINES = /\r(?!\n)|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Foreign text within one line. */
export function visible(text: string): string {
  return text.replace(UNPRINTABLE, spelled);
}

/** Text with line ends and tabs of its own, such as a whole page or a CSV file. */
export function visibleLines(text: string): string {
  return text.replace(UNPRINTABLE_IN_LINES, spelled);
}

function spelled(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
