/** One message to the webhook of a configuration, signed as events are and marked as a test: its receiver verifies it, answers 2xx, and does nothing else. */
import type { Exchanged, HttpExchange } from '../export/http/exchange.ts';
import { webhookHeaders } from './webhook-message.ts';

/** Changes when a member changes its meaning or goes. */
export const WEBHOOK_TEST_SCHEMA = 'flowlogd.webhook-test.v1';

export interface WebhookTest {
  readonly http: Pick<HttpExchange, 'exchange'>;
  /** Of the URL, with its query. */
  readonly path: string;
  readonly secret: string | undefined;
  readonly hostId: string;
  readonly version: string;
  readonly nowMs: number;
}

export interface WebhookAnswer {
  readonly isAccepted: boolean;
  /** For people: what the receiver does, or why it does not. */
  readonly text: string;
}

export async function testWebhook(test: WebhookTest, signal: AbortSignal): Promise<WebhookAnswer> {
  const { http, path, secret, hostId, version, nowMs } = test;
  const seconds = Math.floor(nowMs / 1000);
  const delivery = `${hostId}-test-${nowMs}`;
  const message = { schema: WEBHOOK_TEST_SCHEMA, delivery, host: hostId, at: seconds, message: 'A test; no finding.' };
  const body = Buffer.from(JSON.stringify(message));
  const headers = webhookHeaders({ delivery, body }, { seconds, secret, version });
  return answerOf(await http.exchange({ method: 'POST', path, headers, body }, signal));
}

function answerOf(exchanged: Exchanged): WebhookAnswer {
  if (exchanged.kind === 'failure') return { isAccepted: false, text: `unreachable: ${exchanged.reason}` };
  const { status } = exchanged;
  if (status >= 200 && status < 300) return { isAccepted: true, text: 'accepts a test message' };
  const why = status >= 300 && status < 400 ? ': redirects are not followed' : '';
  return { isAccepted: false, text: `rejects a test message: answer ${status}${why}` };
}
