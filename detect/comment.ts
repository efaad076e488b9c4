/** In UTF-16 code units. */
export const COMMENT_LENGTH_MAX = 1000;

/** What somebody says of a finding, as it is remembered: one line of text. Control characters and halves of pairs would be six bytes each in JSON. */
export function commentOf(text: string): string {
  return text.slice(0, COMMENT_LENGTH_MAX).replace(/\p{Cc}|\p{Cs}/gu, ' ');
}
