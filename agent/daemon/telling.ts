/** Who is told of findings: the log, status and metrics, and the webhook of the configuration. */
import type { MessagePort } from 'node:worker_threads';
import { readCatalogue } from '../../analyses/catalogue.ts';
import { readVersion } from '../cli/version.ts';
import { systemTimers } from '../export/timers.ts';
import { FindingShipping } from '../findings/finding-shipping.ts';
import type { FindingsSource } from '../findings/source.ts';
import { Teller } from '../findings/teller.ts';
import { ToldFile } from '../findings/told-file.ts';
import { Webhook } from '../findings/webhook.ts';
import { type WebhookPlan, webhookExchange, webhookPath } from '../findings/webhook-plan.ts';
import type { Environment } from '../model/sink-plan.ts';
import type { FindingsStatus } from '../telemetry/findings-status.ts';
import type { Log } from '../telemetry/log.ts';

export interface TellingOptions {
  readonly webhook: WebhookPlan | undefined;
  /** Whose findings are followed. */
  readonly source: FindingsSource & { close?(): void };
  /** Where findings go that are to go to the sinks; undefined where none are. */
  readonly port: MessagePort | undefined;
  readonly stateDirectory: string;
  readonly hostId: string;
  readonly environment: Environment;
  readonly log: Log;
}

export interface Telling {
  /** Null until the findings are known. */
  status(): FindingsStatus | null;
  start(): void;
  /** These are durable on their way to the sinks. */
  shipped(uids: readonly string[]): void;
  stop(): Promise<void>;
}

/** @throws OperationalError `config.invalid` for a proxy of the environment that is none */
export function openTelling(options: TellingOptions): Telling {
  const { stateDirectory, hostId, log, source, port, webhook: plan } = options;
  const told = new ToldFile(stateDirectory);
  const webhook = plan && openWebhook(plan, told, options);
  const teller = new Teller({
    source,
    told,
    webhook,
    shipping: port && new FindingShipping(port),
    severityMin: plan?.severityMin ?? 'low',
    hostId,
    catalogue: readCatalogue(),
    log,
    timers: systemTimers,
    random: Math.random,
  });
  return {
    status: () => statusOf(teller),
    start: () => teller.start(),
    shipped: (uids) => teller.shipped(uids),
    async stop() {
      await teller.stop();
      source.close?.();
      port?.close();
    },
  };
}

function openWebhook(plan: WebhookPlan, told: ToldFile, { environment, log }: TellingOptions): Webhook {
  const { origin } = plan.url;
  return new Webhook({
    http: webhookExchange(plan, environment),
    path: webhookPath(plan),
    secret: plan.secret,
    version: readVersion(),
    nowMs: Date.now,
    timers: systemTimers,
    random: Math.random,
    onSettled: (message) => told.settle(message),
    onTrouble(reason) {
      if (reason === undefined) log.info('webhook of findings reachable again', { url: origin });
      else log.warn('webhook of findings failing; retried automatically', { url: origin, reason });
    },
  });
}

function statusOf({ numbers }: Teller): FindingsStatus | null {
  if (numbers === undefined) return null;
  const { counts, ...others } = numbers;
  return { ...others, ...counts };
}
