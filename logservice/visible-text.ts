/**
 * Text that quotes others, such as paths, on a terminal: every control, format and separator character of Unicode but the line
 * feed as JSON spells it (`\u001b`), so that none of them acts there. The agent has the same rule.
 */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

export function visible(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
