/** The longest wait that a `Retry-After` may ask for: a wrong date must not silence an agent for a year. */
export const RETRY_AFTER_MS_MAX = 3_600_000;

/** The service's clock, from its `Date` header, in milliseconds. */
export function dateMs(header: string | undefined): number | undefined {
  const milliseconds = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** RFC 9110 section 10.2.3: whole seconds, or a date, which is read against the service's own clock where it tells it. */
export function retryAfterMs(
  header: string | undefined,
  dateHeader: string | undefined,
  nowMs: number,
): number | undefined {
  if (header === undefined) return undefined;
  const untilMs = dateMs(header);
  if (!/^\d+$/.test(header.trim()) && untilMs === undefined) return undefined;
  const waitMs = /^\d+$/.test(header.trim())
    ? Number(header) * 1000
    : (untilMs as number) - (dateMs(dateHeader) ?? nowMs);
  return Math.min(RETRY_AFTER_MS_MAX, Math.max(0, waitMs));
}
