/** The example of the docs that verifies a signature, as it stands there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type WebhookMessage, webhookHeaders } from '../../../agent/findings/webhook-message.ts';

const SECRET = 'a secret';

test('the example of docs/findings.md accepts what is sent, and nothing else', async () => {
  const [, code = ''] = /```js\n(.*?)```/s.exec(readFileSync('docs/findings.md', 'utf8')) ?? [];
  const { isFromFlowlogd } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const body = JSON.stringify({ host: 'wörld' });
  const message: WebhookMessage = { log: 'a', sequence: 1, delivery: 'host-1-1', body: Buffer.from(body) };
  const seconds = Math.floor(Date.now() / 1000);
  const headers = webhookHeaders(message, { seconds, secret: SECRET, version: '1' });
  expect(isFromFlowlogd(headers, body, SECRET)).toBe(true);
  expect(isFromFlowlogd(headers, `${body} `, SECRET)).toBe(false);
  expect(isFromFlowlogd(headers, body, 'another')).toBe(false);
  expect(isFromFlowlogd({}, body, SECRET)).toBe(false);
  const old = webhookHeaders(message, { seconds: seconds - 3600, secret: SECRET, version: '1' });
  expect(isFromFlowlogd(old, body, SECRET)).toBe(false);
});
