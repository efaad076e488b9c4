/** Whether each sink of a configuration would take records now, and the webhook findings: one line each. */
import type { Invocation } from '../cli/command.ts';
import { readVersion } from '../cli/version.ts';
import { type WebhookPlan, webhookExchange, webhookPath } from '../findings/webhook-plan.ts';
import { testWebhook } from '../findings/webhook-test.ts';
import { EXIT, type ExitCode } from '../model/operational-error.ts';
import type { ProbeOutcome } from '../model/sink.ts';
import type { SinkPlan } from '../model/sink-plan.ts';
import { EMBEDDED_STORAGE } from '../model/storage.ts';

export interface SinkReport {
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/** Asks all of them at once, and stores nothing. @throws OperationalError `config.invalid` */
export async function probeSinks(
  plans: readonly SinkPlan[],
  { env, signal }: Pick<Invocation, 'env' | 'signal'>,
): Promise<SinkReport> {
  const reports = await Promise.all(plans.map((plan) => probeOne(plan, env, signal)));
  return {
    lines: reports.map(({ line }) => line),
    exitCode: reports.every(({ isOpen }) => isOpen) ? EXIT.ok : EXIT.unavailable,
  };
}

/** @throws OperationalError `config.invalid` for a proxy of the environment that is none */
export async function probeWebhook(
  plan: WebhookPlan,
  hostId: string,
  { env, signal }: Pick<Invocation, 'env' | 'signal'>,
): Promise<SinkReport> {
  const http = webhookExchange(plan, env);
  const sent = {
    http,
    path: webhookPath(plan),
    secret: plan.secret,
    hostId,
    version: readVersion(),
    nowMs: Date.now(),
  };
  try {
    const { isAccepted, text } = await testWebhook(sent, signal);
    // The path of a webhook is often its secret.
    const lines = [`webhook of findings at ${plan.url.origin}: ${text}`];
    return { lines, exitCode: isAccepted ? EXIT.ok : EXIT.unavailable };
  } finally {
    http.close();
  }
}

async function probeOne(plan: SinkPlan, environment: Invocation['env'], signal: AbortSignal) {
  const where = `sink ${plan.name}, ${plan.describe(environment)}`;
  // It runs beside the agent, and so not here.
  if (plan.storage === EMBEDDED_STORAGE) return { line: `${where}: started by the agent`, isOpen: true };
  const sink = await plan.create({ environment, nowMs: Date.now });
  try {
    const outcome = await sink.probe(signal);
    return { line: `${where}: ${outcomeText(outcome)}`, isOpen: outcome.kind === 'accepted' };
  } finally {
    await sink.close();
  }
}

function outcomeText(outcome: ProbeOutcome): string {
  switch (outcome.kind) {
    case 'accepted':
      return outcome.note ?? 'accepts records';
    case 'retry':
      return `unreachable: ${outcome.reason}`;
    case 'blocked':
      return `rejects records; operator action required: ${outcome.reason}`;
  }
}
