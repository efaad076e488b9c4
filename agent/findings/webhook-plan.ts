/** The webhook as the configuration has it, and what becomes of that. */
import type { Severity } from '../../analyses/analysis.ts';
import { DEFAULT_TIMEOUTS, HttpExchange } from '../export/http/exchange.ts';
import { proxyFor } from '../export/http/proxy.ts';
import type { Environment } from '../model/sink-plan.ts';

export interface WebhookPlan {
  readonly url: URL;
  /** Undefined: messages are not signed. */
  readonly secret: string | undefined;
  /** PEM; replaces the system's list of authorities. */
  readonly ca: string | undefined;
  readonly proxy: URL | 'none' | undefined;
  /** Of the findings that it is told. */
  readonly severityMin: Severity;
}

/** Its connections: one request at a time, over one that is kept. @throws OperationalError `config.invalid` */
export function webhookExchange({ url, ca, proxy }: WebhookPlan, environment: Environment): HttpExchange {
  const endpoint = new URL(url.origin);
  return new HttpExchange({
    endpoint,
    timeouts: DEFAULT_TIMEOUTS,
    tls: { ca },
    proxy: proxyFor(endpoint, proxy, environment, 'set findings.webhook.proxy: none'),
    socketsMax: 1,
  });
}

export function webhookPath({ url }: WebhookPlan): string {
  return `${url.pathname}${url.search}`;
}
