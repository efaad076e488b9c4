/** `flowlogd replay --to URL`: a log service named on the command line. */
import type { Invocation } from '../cli/command.ts';
import { DEFAULT_BACKOFF } from '../export/backoff.ts';
import { ClsSink, REQUESTS_MAX } from '../export/cls/cls-sink.ts';
import { DIRECT_DEFAULTS, DirectDelivery } from '../export/direct.ts';
import { DEFAULT_TIMEOUTS } from '../export/http/exchange.ts';
import { proxyFor } from '../export/http/proxy.ts';
import { systemTimers } from '../export/timers.ts';
import { OperationalError } from '../model/operational-error.ts';
import { DeliveredOutput, type ReplayHeader } from '../output/destination.ts';

/** @throws OperationalError `usage.invalid` when the URL or the key is incomplete */
export function deliverTo(invocation: Invocation, header: ReplayHeader): DeliveredOutput {
  const url = parseTarget(invocation.required('to'));
  const sink = new ClsSink({
    endpoint: new URL(url.origin),
    topicId: url.searchParams.get('topic_id')!,
    credentials: { secretId: fromEnvironment(invocation, 'ID'), secretKey: fromEnvironment(invocation, 'KEY') },
    compression: 'lz4',
    timeouts: DEFAULT_TIMEOUTS,
    proxy: proxyFor(url, undefined, invocation.env),
    requestIdRequired: invocation.env['FLOWLOGD_CLS_REQUEST_ID_REQUIRED'] !== 'false',
    ledgerLog: true,
    socketsMax: REQUESTS_MAX,
    nowMs: Date.now,
  });
  const delivery = new DirectDelivery({
    sink,
    timers: systemTimers,
    random: Math.random,
    backoff: DEFAULT_BACKOFF,
    ...DIRECT_DEFAULTS,
  });
  invocation.signal.addEventListener('abort', () => delivery.abort(), { once: true });
  return new DeliveredOutput(header, delivery, sink);
}

function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.searchParams.get('topic_id')) return url;
  throw new OperationalError(
    'usage.invalid',
    `replay: --to '${text}' is not accepted: it takes the URL of a log service with its topic, such as https://ap-guangzhou.cls.tencentcs.com?topic_id=ID`,
  );
}

function fromEnvironment(invocation: Invocation, part: 'ID' | 'KEY'): string {
  const name = `FLOWLOGD_CLS_SECRET_${part}`;
  const value = invocation.env[name];
  if (value) return value;
  throw new OperationalError(
    'usage.invalid',
    `replay: --to needs the environment variable ${name}, a part of the key that signs uploads`,
  );
}
