/** Against a real HTTP server that fails in every way, and recovers; the signature is checked by code of its own. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpExchange } from '../../../agent/export/http/exchange.ts';
import { systemTimers, type Timers } from '../../../agent/export/timers.ts';
import { QUEUE_MAX, Webhook } from '../../../agent/findings/webhook.ts';
import { webhookMessage } from '../../../agent/findings/webhook-message.ts';
import { type WebhookPlan, webhookExchange, webhookPath } from '../../../agent/findings/webhook-plan.ts';
import type { Analysis } from '../../../analyses/analysis.ts';
import type { NumberedEvent } from '../../../detect/event-log.ts';
import type { Finding } from '../../../detect/finding.ts';
import { Authority } from '../../support/certificates.ts';

const SECRET = 'a secret of the receiver';

interface Received {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers each request with the next of its behaviours, and 200 when there is none left. */
type Behaviour = (response: ServerResponse, request: IncomingMessage) => void;
const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (response) =>
    response.writeHead(code, headers).end();
const reset: Behaviour = (_, request) => request.socket.resetAndDestroy();
const hang: Behaviour = () => undefined;

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function receiver(
  behaviours: Behaviour[],
  certificate?: { readonly cert: string; readonly key: string },
  port = 0,
) {
  const received: Received[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ url: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() });
      (behaviours.shift() ?? status(200))(response, request);
    });
  };
  const server: Server = certificate === undefined ? createServer(answer) : createSecureServer(certificate, answer);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return { received, server, port: (server.address() as AddressInfo).port };
}

/** Of retries, which come at once; those of requests are real. */
const HASTY: Timers = { now: () => performance.now(), after: (_, call) => systemTimers.after(1, call) };

function webhookTo(
  url: string,
  { plan = {}, responseMs = 30_000 }: { plan?: Partial<WebhookPlan>; responseMs?: number } = {},
) {
  const full = {
    url: new URL(url),
    secret: SECRET,
    ca: undefined,
    proxy: undefined,
    severityMin: 'low',
    ...plan,
  } as const;
  const settled: number[] = [];
  const troubles: (string | undefined)[] = [];
  const timeouts = { lookupMs: 5000, connectMs: 5000, tlsMs: 5000, responseMs, totalMs: responseMs };
  const http =
    responseMs === 30_000
      ? webhookExchange(full, {})
      : new HttpExchange({ endpoint: new URL(full.url.origin), timeouts, socketsMax: 1 });
  const webhook = new Webhook({
    http,
    path: webhookPath(full),
    secret: full.secret,
    version: '1.2.3',
    nowMs: () => 1_714_564_800_000,
    timers: HASTY,
    random: () => 0,
    onSettled: ({ sequence }) => settled.push(sequence),
    onTrouble: (reason) => troubles.push(reason),
  });
  open.unshift({ close: () => webhook.stop() });
  return { webhook, settled, troubles };
}

const ANALYSIS = {
  title: 'Port scans',
  question: 'Which host?',
  mitre: 'T1046',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the catalogue
  records: 'srcaddr:${srcaddr}',
} as Partial<Analysis> as Analysis;

function message(sequence: number) {
  const finding = {
    id: '0123456789abcdef',
    rule: 'scan-ports',
    subject: { srcaddr: '10.0.0.9' },
    worstSeverity: 'high',
  };
  const event = {
    sequence,
    change: 'opened',
    at: 1_714_564_790,
    finding: finding as unknown as Finding,
  } as NumberedEvent;
  return webhookMessage(event, { hostId: 'web-1', log: 'a', analysis: ANALYSIS });
}

/** As a receiver verifies it. */
function isSigned({ headers, body }: Received): boolean {
  const computed = createHmac('sha256', SECRET).update(`${headers['x-flowlogd-timestamp']}.${body}`).digest('hex');
  return headers['x-flowlogd-signature'] === `sha256=${computed}`;
}

const deliveries = (received: readonly Received[]) => received.map(({ headers }) => headers['x-flowlogd-delivery']);

describe('a webhook', () => {
  test('is sent what happened as JSON, signed with the time', async () => {
    const { received, port } = await receiver([]);
    const { webhook, settled } = webhookTo(`http://127.0.0.1:${port}/hooks/1?token=x`);
    webhook.send(message(7));
    await expect.poll(() => settled).toEqual([7]);
    const [one] = received;
    expect(one!.url).toBe('/hooks/1?token=x');
    expect(one!.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'flowlogd/1.2.3',
      'x-flowlogd-delivery': 'web-1-7-1714564790',
      'x-flowlogd-timestamp': '1714564800',
    });
    expect(isSigned(one!)).toBe(true);
    expect(isSigned({ ...one!, body: `${one!.body} ` })).toBe(false);
    expect(JSON.parse(one!.body)).toEqual({
      schema: 'flowlogd.finding-event.v1',
      delivery: 'web-1-7-1714564790',
      host: 'web-1',
      change: 'opened',
      at: 1_714_564_790,
      title: 'Port scans',
      question: 'Which host?',
      mitre: 'T1046',
      records: 'srcaddr:10.0.0.9',
      finding: {
        id: '0123456789abcdef',
        rule: 'scan-ports',
        subject: { srcaddr: '10.0.0.9' },
        worstSeverity: 'high',
        closedAt: null,
        acknowledgement: null,
      },
    });
    expect(webhook.numbers).toMatchObject({ pendingEvents: 0, deliveredEvents: 1, failedAttempts: 0 });
  });

  test('that fails, hangs, breaks off and redirects gets each event, in order, until it accepts it', async () => {
    const elsewhere = await receiver([]);
    const redirect = status(302, { location: `http://127.0.0.1:${elsewhere.port}/` });
    const { received, port } = await receiver([
      reset,
      status(500),
      hang,
      status(503),
      redirect,
      status(401),
      status(204),
    ]);
    const { webhook, settled, troubles } = webhookTo(`http://127.0.0.1:${port}/`, { responseMs: 300 });
    for (const sequence of [1, 2, 3]) webhook.send(message(sequence));
    await expect.poll(() => settled, { timeout: 20_000 }).toEqual([1, 2, 3]);
    const [first, second, third] = [1, 2, 3].map((sequence) => `web-1-${sequence}-1714564790`);
    expect(deliveries(received)).toEqual([...Array.from({ length: 7 }, () => first), second, third]);
    expect(received.every(isSigned)).toBe(true);
    expect(elsewhere.received).toEqual([]);
    expect(webhook.numbers).toMatchObject({ deliveredEvents: 3, failedAttempts: 6, pendingEvents: 0 });
    expect(troubles).toContain('answer 302: redirects are not followed');
    expect(troubles.join()).toMatch(
      /no response from.*answer 500.*no (?:complete )?response from 127\.0\.0\.1:\d+.*answer 503/,
    );
    expect(troubles.at(-1)).toBeUndefined();
    expect(webhook.lastError).toBeUndefined();
  });

  test('that is down gets what happened meanwhile when it is back', async () => {
    const { port, server } = await receiver([]);
    await new Promise((resolve) => server.close(resolve));
    const { webhook, settled } = webhookTo(`http://127.0.0.1:${port}/`);
    webhook.send(message(1));
    webhook.send(message(2));
    await expect.poll(() => webhook.numbers.failedAttempts).toBeGreaterThan(2);
    expect(webhook.lastError).toMatch(/ECONNREFUSED|refused/);
    const { received } = await receiver([], undefined, port);
    await expect.poll(() => settled, { timeout: 20_000 }).toEqual([1, 2]);
    expect(received).toHaveLength(2);
  });

  test('that says an event is wrong is not sent it again', async () => {
    const { received, port } = await receiver([status(422)]);
    const { webhook, settled } = webhookTo(`http://127.0.0.1:${port}/`);
    webhook.send(message(1));
    webhook.send(message(2));
    await expect.poll(() => settled).toEqual([1, 2]);
    expect(received).toHaveLength(2);
    expect(webhook.numbers).toMatchObject({ deliveredEvents: 1, rejectedEvents: 1, failedAttempts: 0 });
  });

  test('that is down for long loses the oldest events, counted', async () => {
    const { received, port } = await receiver([hang]);
    const { webhook } = webhookTo(`http://127.0.0.1:${port}/`);
    for (let sequence = 1; sequence <= QUEUE_MAX + 5; sequence++) webhook.send(message(sequence));
    await expect.poll(() => received.length).toBe(1);
    expect(webhook.numbers).toMatchObject({ pendingEvents: QUEUE_MAX, droppedEvents: 5 });
    await webhook.stop();
  });

  test('is trusted by the authority that is named, and by no other', async () => {
    const authority = new Authority('of the receiver');
    const { received, port } = await receiver([], authority.sign('IP:127.0.0.1'));
    const url = `https://127.0.0.1:${port}/`;
    const stranger = webhookTo(url);
    stranger.webhook.send(message(1));
    await expect.poll(() => stranger.webhook.lastError).toMatch(/certificate/);
    expect(received).toEqual([]);
    authority.remove();
    const { webhook, settled } = webhookTo(url, { plan: { ca: authority.cert } });
    webhook.send(message(2));
    await expect.poll(() => settled).toEqual([2]);
    expect(isSigned(received[0]!)).toBe(true);
  });

  test('without a secret is sent no signature', async () => {
    const { received, port } = await receiver([]);
    const { webhook, settled } = webhookTo(`http://127.0.0.1:${port}/`, { plan: { secret: undefined } });
    webhook.send(message(1));
    await expect.poll(() => settled).toEqual([1]);
    expect(received[0]!.headers).not.toHaveProperty('x-flowlogd-signature');
  });
});

test('a proxy of the environment that is none is refused with the option of the webhook', () => {
  const plan = {
    url: new URL('https://hooks.example.net/'),
    secret: undefined,
    ca: undefined,
    proxy: undefined,
  } as const;
  expect(() => webhookExchange({ ...plan, severityMin: 'low' }, { https_proxy: 'ftp://proxy' })).toThrow(
    'The variable https_proxy names no HTTP proxy: expected http://host:port or https://host:port. Correct it, or set findings.webhook.proxy: none.',
  );
});
