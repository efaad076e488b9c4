/**
 * What a webhook is sent: one event of a finding, as JSON, signed. Receivers compute the same HMAC over the time, a full stop and the body
 * as it came, and refuse times that are minutes away:
 *
 *     x-flowlogd-timestamp: 1714564800
 *     x-flowlogd-signature: sha256=HEX      HMAC-SHA256 of '1714564800.{"schema":...' under the secret
 *     x-flowlogd-delivery:  web-1-17-1714564790         the same for each attempt: a receiver that has it already answers 200
 */
import { createHmac } from 'node:crypto';
import type { Analysis } from '../../analyses/analysis.ts';
import { recordsBehind } from '../../analyses/question.ts';
import type { NumberedEvent } from '../../detect/event-log.ts';

/** Changes when a member changes its meaning or goes. */
export const WEBHOOK_SCHEMA = 'flowlogd.finding-event.v1';

export interface WebhookMessage {
  /** In which the event has its number. */
  readonly log: string;
  readonly sequence: number;
  readonly delivery: string;
  readonly body: Uint8Array;
}

export function webhookMessage(
  event: NumberedEvent,
  { hostId, log, analysis }: { readonly hostId: string; readonly log: string; readonly analysis: Analysis | undefined },
): WebhookMessage {
  const { sequence, change, at, finding } = event;
  const delivery = `${hostId}-${sequence}-${at}`;
  const body = {
    schema: WEBHOOK_SCHEMA,
    delivery,
    host: hostId,
    change,
    at,
    title: analysis?.title ?? finding.rule,
    question: analysis?.question ?? null,
    mitre: analysis?.mitre ?? null,
    records: (analysis && recordsBehind(analysis, finding.subject)) ?? null,
    finding: { ...finding, closedAt: finding.closedAt ?? null, acknowledgement: finding.acknowledgement ?? null },
  };
  return { log, sequence, delivery, body: Buffer.from(JSON.stringify(body)) };
}

/** @param seconds Unix time of this attempt @param secret undefined: without a signature */
export function webhookHeaders(
  { delivery, body }: Pick<WebhookMessage, 'delivery' | 'body'>,
  {
    seconds,
    secret,
    version,
  }: { readonly seconds: number; readonly secret: string | undefined; readonly version: string },
): Readonly<Record<string, string>> {
  const timestamp = String(seconds);
  return {
    'content-type': 'application/json',
    'user-agent': `flowlogd/${version}`,
    'x-flowlogd-delivery': delivery,
    'x-flowlogd-timestamp': timestamp,
    ...(secret === undefined ? {} : { 'x-flowlogd-signature': `sha256=${signatureOf(secret, timestamp, body)}` }),
  };
}

function signatureOf(secret: string, timestamp: string, body: Uint8Array): string {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
}
