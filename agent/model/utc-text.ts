/** `2024-05-01 12:05:00Z`; of a time that no calendar has, the number. @param seconds Unix time */
export function utcText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
