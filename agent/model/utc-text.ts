/** `2024-05-01T12:05:00`; undefined of a time that no calendar has. @param seconds whole, Unix time */
export function isoText(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  // Behind the year 9999 the text is longer.
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().slice(0, -'.000Z'.length);
}

/** `2024-05-01 12:05:00Z`; of a time that no calendar has, the number. @param seconds whole, Unix time */
export function utcText(seconds: number): string {
  const text = isoText(seconds);
  return text === undefined ? `second ${seconds}` : `${text.replace('T', ' ')}Z`;
}
